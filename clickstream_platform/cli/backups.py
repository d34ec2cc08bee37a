"""Commands that copy a lake as a whole, set it aside, or follow its source. None starts a JVM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickstream_platform.cli import maintenance_views
from clickstream_platform.cli.progress import show_progress
from clickstream_platform.cli.ready import WAITS, existing_lake, lake_of, make_lake_folder, say_if_busy
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.maintenance import backup as backups
from clickstream_platform.streaming.maintenance import moved as moving
from clickstream_platform.streaming.maintenance import reset as resetting
from clickstream_platform.streaming.maintenance import restore as restoring
from clickstream_platform.streaming.sources.named import folders_from
from clickstream_platform.tables import tables
from clickstream_platform.terminal import show
from clickstream_platform.wording import number_of

PANEL = "Look after"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream backup /backups/2026-11-28")
def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to: a folder that is empty or not there.")],
) -> None:
    """Copy the lake as it stands at one moment: tables, checkpoints, ledger, outbox. Starts no JVM.

    Runs wait only while the small files are copied. What the source has not given yet is not in it: keep landing files
    and topics for longer than the newest backup is old.
    """
    settings = from_env()
    lake = existing_lake(settings, to_write=True)
    backups.require_backup(lake, folder, settings.sources.values())
    contracts = list(tables(settings).values())
    say_if_busy((table.name for table in contracts), lake, WAITS)
    with show_progress("the lake is copied"):
        made, copied_before = backups.backup(contracts, lake, folder.absolute())
    show(maintenance_views.backup_picture(made, folder, copied_before))


@commands.command(
    rich_help_panel=PANEL, epilog="Example: CLICKSTREAM_HOME=/new/home clickstream restore /backups/2026-11-28"
)
def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The backup.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only look whether every file is as it was copied.")] = False,
) -> None:
    """Put a backup where there is no lake; the next run goes on from there. Starts no JVM.

    Where there is one nothing is done. Every file is compared with its checksum first.
    """
    settings = from_env()
    if check:
        with show_progress("the backup is read"):
            backup = restoring.verify_backup(folder.absolute())
        show(maintenance_views.backup_is_whole(backup))
        return
    lake = lake_of(settings, finishing=restoring.restore_command(folder))
    restoring.require(folder.absolute(), lake)
    make_lake_folder(settings)
    with show_progress("the lake is put back"):
        backup = restoring.restore(folder.absolute(), lake)
    show(maintenance_views.restore_picture(backup, lake.root))


@commands.command(rich_help_panel=PANEL, epilog="Example: CLICKSTREAM_SOURCE=/new/landing clickstream moved")
def moved() -> None:
    """Go on from a landing folder that was copied or moved, once its files show that it is the same. Starts no JVM.

    Each file in it that was read before must have its old path below the folder and its old size. There
    must be one at least.
    """
    settings = from_env()
    lake, events = existing_lake(settings, to_write=True), tables(settings)["events"]
    say_if_busy([events.name], lake, WAITS)
    report = moving.follow_moved_folder(events, folder := moving.moved_source(folders_from(settings), lake), lake)
    gone = f", {report.gone:,} no longer there" if report.gone else ""
    same = number_of(
        report.same, "file that was read lies there as it was", "files that were read lie there as they were"
    )
    typer.echo(f"{folder.folder}: {same}{gone}; {report.unread:,} unread")


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream reset  |  clickstream reset --yes")
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False) -> None:
    """Begin `events` anew, and with it all tables; what is there is set aside. Without --yes it only says so.

    The next run reads the source from its beginning: what the source no longer has does not come back.
    """
    settings = from_env()
    lake = existing_lake(settings, to_write=yes, finishing=resetting.COMMAND)
    contracts = list(tables(settings).values())
    preview = resetting.preview_reset(contracts, lake)
    if not yes:
        show(maintenance_views.reset_preview(preview))
        raise typer.Exit(1)
    say_if_busy((table.name for table in contracts), lake, WAITS)
    aside = resetting.reset(contracts, lake)
    typer.echo(
        f"set aside in {aside}: {number_of(sum(preview.rows.values()), 'row')}; the next run reads {preview.to_read}"
    )
