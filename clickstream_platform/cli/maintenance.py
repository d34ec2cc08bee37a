"""Commands for the life of the data after it landed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clickstream_platform.cli import app, maintenance_views
from clickstream_platform.cli.app import exit_unless
from clickstream_platform.cli.progress import show_progress
from clickstream_platform.cli.ready import WAITS, existing_lake, say_if_busy
from clickstream_platform.cli.runs import hooks
from clickstream_platform.delivery.post import with_delivery
from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.lake.generations import current_checkpoint
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.maintenance import retention
from clickstream_platform.streaming.maintenance.persons import ids_in
from clickstream_platform.streaming.maintenance.proofs import read_proofs
from clickstream_platform.streaming.sources.files.skipping import skip as skip_file
from clickstream_platform.streaming.sources.named import folders_from
from clickstream_platform.tables import tables
from clickstream_platform.terminal import show
from clickstream_platform.wording import number_of

PANEL = "Look after"
commands = typer.Typer()


@commands.command(
    rich_help_panel=PANEL, epilog="Example: CLICKSTREAM_EVENT_TYPES=click,page_view,purchase,scroll clickstream replay"
)
def replay(
    reason: Annotated[str | None, typer.Option(help="Only records with this fault.", show_default=False)] = None,
    source: Annotated[str | None, typer.Option(help="Only records of this source.", show_default=False)] = None,
) -> None:
    """Put rejected records through today's rules again. What is good now becomes events, as late ones do.

    Nothing doubles, however often it is run. The other tables read the new events in their next run.
    """
    from clickstream_platform.streaming.maintenance import reprocess as replaying  # noqa: PLC0415 - Spark

    settings = from_env()
    lake = existing_lake(settings, to_write=True)
    if not replaying.require_replay(tables(settings)["events"], lake, reason, source).rows():
        typer.echo("quarantine: it has no record, so there is nothing to try again")
        return
    say_if_busy(["events"], lake, WAITS)
    with app.spark_session(settings) as spark:
        with show_progress("rejected records are tried again"):
            found = replaying.replay(tables(settings)["events"], spark, lake, reason, source)
        show(maintenance_views.replay_picture(found))


@commands.command(
    rich_help_panel=PANEL,
    epilog="Example: clickstream forget --user u000117  |  clickstream forget --from-file ids.txt",
)
def forget(
    *,
    user: Annotated[
        list[str] | None, typer.Option(help="Whom: a user_id as it is in events. May be repeated.", show_default=False)
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", help="Whom: a file with one user_id a line; - for stdin.", show_default=False),
    ] = None,
    proof: Annotated[bool, typer.Option("--proof", help="Show the erasures so far, delete nothing.")] = False,
    unsearchable: Annotated[
        bool, typer.Option("--unsearchable", help="Delete rejected records that cannot be searched, too.")
    ] = False,
) -> None:
    """Delete persons from every table, and leave a proof that does not name them.

    Landing files, topics, logs and copies elsewhere are yours to clean.
    Files of older versions go with the first `maintain` after seven days.
    """
    settings = from_env()
    users = [*dict.fromkeys((*(user or ()), *(_ids_in(from_file) if from_file else ())))]
    if not users and not proof:
        raise SettingsError("forget", "nobody is named", "say --user ID; --proof shows the erasures so far")
    lake = existing_lake(settings, to_write=not proof)
    if proof:
        show(maintenance_views.erasures(read_proofs(lake), users))
        return
    from clickstream_platform.streaming.maintenance import erasure  # noqa: PLC0415 - Spark, and a proof is a file

    erasure.require_erasure(lake, users)
    say_if_busy(tables(settings), lake, WAITS)
    contracts = list(tables(settings).values())
    with app.spark_session(settings) as spark, show_progress("they leave every table"):
        told = with_delivery(hooks(), settings)
        kept = settings.files_kept
        found = erasure.forget(users, contracts, spark, lake, told, unsearchable=unsearchable, files_kept=kept)
    show(maintenance_views.erasures([found], users))
    exit_unless(found.completed_at is not None)


def _ids_in(file: Path) -> list[str]:
    is_stdin = file == Path("-")
    try:
        content = sys.stdin.buffer.read() if is_stdin else file.read_bytes()
    except OSError as failed:
        raise SettingsError("--from-file", f"{file} cannot be read ({failed.strerror})", "name a file") from failed
    return ids_in(content, "stdin" if is_stdin else str(file))


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream maintain  |  clickstream maintain --dry-run")
def maintain(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is too old and would leave.")] = False
) -> None:
    """Roll up the ledger, join small files, delete what no reader needs any more: what a lake needs every night.

    With CLICKSTREAM_RETENTION set, events older than that leave the lake first, and the rows made of them.
    """
    from clickstream_platform.streaming.maintenance import housekeeping as maintenance  # noqa: PLC0415 - Arrow

    settings = from_env()
    lake, contracts = existing_lake(settings, to_write=not dry_run), list(tables(settings).values())
    old = retention.plan_expiry(contracts, lake, settings.retention, settings.quarantine_retention)
    if dry_run:
        show(maintenance_views.expiry_plan(old))
        return
    if not lake.names():
        typer.echo(f"{lake.root}: there is no table in it yet, and nothing to look after")
        return
    say_if_busy((table.name for table in contracts), lake, WAITS)
    if before := old.before:
        with app.spark_session(settings) as spark, show_progress("old events leave the lake"):
            removed = retention.expire(before, contracts, spark, lake, with_delivery(hooks(), settings))
        typer.echo(f"out of the lake: {number_of(removed, 'event')} before {before}")
    with show_progress("files are joined and deleted"):
        if old.rejected_before:
            retention.expire_rejected(contracts, lake, old.rejected_before)
        found = maintenance.maintain(contracts, lake, files_kept=settings.files_kept, log_kept=settings.log_kept)
    if old.rejected:
        typer.echo(f"out of the lake: {number_of(old.rejected, 'rejected record')} of before {old.rejected_before}")
    show(maintenance_views.maintenance_picture(found))


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream skip 2026/11/25/part-7.json.zst")
def skip(file: Annotated[str, typer.Argument(help="Its path in the landing folder, or a whole one.")]) -> None:
    """Go on without a landing file at which runs stop: the next run books it as refused, and does not open it."""
    settings = from_env()
    lake = existing_lake(settings, to_write=True)
    with lease_all(["events"], lake, "skip"):
        folders = {each.folder: current_checkpoint(lake, "events", each.source_name) for each in folders_from(settings)}
        booked = skip_file(file, folders)
    typer.echo(f"{booked} will be left out; land it again under another name once it is mended")
