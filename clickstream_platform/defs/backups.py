"""The jobs that take a lake as a whole: copy it, put a copy back, begin it anew. None starts a JVM."""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

import dagster as dg
from pydantic import Field

from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.keys import BACKUP, RESET, RESTORE
from clickstream_platform.defs.launchpad import one_op_job
from clickstream_platform.defs.metadata import markdown_table
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance import backup as backups
from clickstream_platform.streaming.maintenance import reset as resetting
from clickstream_platform.streaming.maintenance import restore as restoring
from clickstream_platform.streaming.maintenance.copying import Backup, backup_folder_from
from clickstream_platform.tables import tables


class Copy(dg.Config):
    """Where the lake is copied to."""

    folder: str = Field(
        default="", description="The whole path of a folder that is empty or not there, on the machine of the run."
    )


class PutBack(dg.Config):
    """Which backup is put back, or only compared with its checksums."""

    folder: str = Field(default="", description="The whole path of the backup, on the machine of the run.")
    check: bool = Field(default=False, description="Only look whether every file is as it was copied.")


class BeginAnew(dg.Config):
    """The word that confirms it; without it the job only says what it would do."""

    confirm: str = Field(
        default="", description="The word that a run without it names. It holds for the lake as it is, and once."
    )


def whole_lake_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The three jobs. They need no JVM, and take the leases of all tables."""
    return [_backup_job(settings), _restore_job(settings), _reset_job(settings)]


def _backup_job(settings: Settings) -> dg.JobDefinition:
    lake, contracts = Lake(settings.lake_folder), list(tables(settings).values())

    @dg.op(name="copy_lake", description="Under the leases of all tables what changes, then the data files.")
    def copy_lake(context: dg.OpExecutionContext, config: Copy) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            folder = backup_folder_from(config.folder)
            backups.require_backup(lake, folder, settings.sources.values())
            backup, copied_before = backups.backup(contracts, lake, folder, run_id=context.run.run_id)
        context.add_output_metadata(
            {**_held(backup), "copied_before": copied_before, "folder": dg.MetadataValue.path(str(folder))}
        )

    return one_op_job(BACKUP, copy_lake, "Copy the lake of one moment to a folder, while runs go on.", folder="")


def _restore_job(settings: Settings) -> dg.JobDefinition:
    lake = Lake(settings.lake_folder)

    @dg.op(name="put_lake_back", description="Compare every file with its checksum, then put all where no lake is.")
    def put_lake_back(context: dg.OpExecutionContext, config: PutBack) -> None:
        with translate_errors(context.retry_number):
            folder = backup_folder_from(config.folder)
            layout.require_layout(lake, restoring.restore_command(folder))
            backup = restoring.verify_backup(folder) if config.check else restoring.restore(folder, lake)
        where = {"only_checked": True} if config.check else {"lake": dg.MetadataValue.path(str(lake.root))}
        context.add_output_metadata({**_held(backup), **where})

    return one_op_job(
        RESTORE, put_lake_back, "Put a backup where there is no lake. Writes over none.", folder="", check=False
    )


def _reset_job(settings: Settings) -> dg.JobDefinition:
    lake, contracts = Lake(settings.lake_folder), list(tables(settings).values())

    @dg.op(name="set_lake_aside", description="Move tables, checkpoints and ledgers into a folder of the lake.")
    def set_lake_aside(context: dg.OpExecutionContext, config: BeginAnew) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake, resetting.COMMAND)
            preview = resetting.preview_reset(contracts, lake)
            resetting.require_confirmed(preview, lake, config.confirm)
            aside = resetting.reset(contracts, lake, run_id=context.run.run_id)
        rows = markdown_table(("set aside", "rows"), ((name, f"{rows:,}") for name, rows in preview.rows.items()))
        counts = {"to_read": preview.to_read, "erasures_to_repeat": preview.erasures}
        context.add_output_metadata(
            {"tables": dg.MetadataValue.md(rows), "set_aside_in": dg.MetadataValue.path(str(aside)), **counts}
        )

    description = "Begin events anew, and with it all tables; what is there is set aside. As it opens it only says so."
    return one_op_job(RESET, set_lake_aside, description, confirm="")


def _held(backup: Backup) -> dict[str, dg.MetadataValue | int | str]:
    """What a backup holds."""
    rows = ((name, f"{backup.rows[name]:,}", str(version)) for name, version in backup.versions.items())
    tables = dg.MetadataValue.md(markdown_table(("table", "rows", "version"), rows))
    return {"tables": tables, "made_at": backup.made_at, "files": len(backup.files), "bytes": backup.bytes}
