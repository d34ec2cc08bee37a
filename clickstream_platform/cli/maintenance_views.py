"""What commands that look after a lake have to show, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.streaming.audit.shares import describe_violations
from clickstream_platform.terminal import clock, grid, line, verdict
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from pathlib import Path

    from clickstream_platform.store.place import Place
    from clickstream_platform.streaming.maintenance.copying import Backup
    from clickstream_platform.streaming.maintenance.filling import FillReport
    from clickstream_platform.streaming.maintenance.housekeeping import MaintenanceReport
    from clickstream_platform.streaming.maintenance.proofs import ErasureProof
    from clickstream_platform.streaming.maintenance.reprocess import ReplayReport
    from clickstream_platform.streaming.maintenance.reset import ResetPreview
    from clickstream_platform.streaming.maintenance.retention import ExpiryPlan
    from clickstream_platform.streaming.maintenance.stretch import StretchReport


def replay_picture(found: ReplayReport) -> RenderableType:
    """What became of the rejected records."""
    counts = (
        ("records tried", found.tried),
        *([("of these envelopes, opened", found.opened), ("events in them", found.inside)] if found.opened else []),
        ("events now", found.accepted),
        ("were events already", found.landed),
        ("duplicates", found.duplicates),
        *([("passed over", found.passed_over)] if found.passed_over else []),
        ("conflicting duplicates, still there", found.conflicting),
        *([("refused, as their number of events changed", found.refused)] if found.refused else []),
        ("rejected for something else, still there", found.stayed - found.conflicting - found.refused),
    )
    parts: list[RenderableType] = [grid("replay", "count", right=("count",), rows=counts)]
    if found.refused:
        parts.append(line(f"quarantine: {_still_refused(found.refused)}", "yellow"))
    if found.accepted:
        parts.append(Text("the other tables read the new events in their next run: clickstream run"))
    return Group(*parts)


def _still_refused(count: int) -> str:
    stay = number_of(count, "record stays", "records stay")
    finding = f"{stay}: a replay that was killed has made one event of each, and today's mapping opens it to others"
    return f"{finding}; for one more replay, set CLICKSTREAM_MAPPING as it was for that one"


def fill_picture(found: FillReport) -> RenderableType:
    """Which columns got values, and what was broken."""
    if not found.filled:
        said = Text("nothing to fill: `extra` has no value that a declared column without one takes")
        return Group(said, *_broken(found))
    table = grid("column", "events filled", right=("events filled",), rows=sorted(found.filled.items()))
    return Group(table, *_broken(found), Text("each date is a line of `clickstream ledger`"))


def _broken(found: FillReport) -> Iterable[RenderableType]:
    if found.violations:
        said = describe_violations(found.violations)
        yield line(f"{said}; all events are kept, {number_of(found.stayed, 'value')} in `extra`", "yellow")


def erasures(found: Sequence[ErasureProof], users: Sequence[str]) -> RenderableType:
    """Proofs, newest last; of whom they are is said only to who knows the id."""
    if not found:
        return Text("nobody was erased from this lake")
    return Group(*(part for each in found for part in _erasure(each, users)))


def _erasure(found: ErasureProof, users: Sequence[str]) -> Iterable[RenderableType]:
    is_theirs = found.is_about(*users)
    whose = (
        "" if not users else f", {'of' if is_theirs else 'not of'} {'this user' if len(users) == 1 else 'these users'}"
    )
    if found.completed_at is None:
        again = "look at what could not be searched" if found.unsearched else "run it again"
        yield line(f"erasure {found.run_id}: begun {found.begun_at}, not completed{whose}; {again}", "bold red")
        for why, records in found.unsearched.items():
            yield line(f"{number_of(records, 'record')} in quarantine may mention them: {why}", "yellow")
        if found.unsearched:
            yield Text("`clickstream forget --unsearchable` with the same ids deletes these records too")
        return
    yield line(f"erasure {found.run_id}: completed {found.completed_at}{whose}", "bold")
    yield grid(
        *("table", "rows deleted", "gone since version"),
        right=("rows deleted", "gone since version"),
        rows=((each.table, each.rows, each.version) for each in found.tables),
    )
    yield line(f"files of older versions are there until `clickstream maintain` is run after {found.files_until}")
    yield Text("landing files, topics, logs and copies elsewhere are yours to clean")


def maintenance_picture(found: Sequence[MaintenanceReport]) -> RenderableType:
    """What was done to every table."""
    counted = ("ledger lines", "files joined", "deleted", "log cleaned", "old checkpoints")
    rows = ((m.table, m.rolled_up, m.joined, m.deleted, m.cleaned, m.generations) for m in found)
    behind = sorted({m.held_back_by for m in found if m.held_back_by})
    held_back = [line(f"events keeps older files for {name}, which is behind: run it") for name in behind]
    return Group(grid("table", *counted, right=counted, rows=rows), *held_back)


def stretch_picture(found: StretchReport) -> RenderableType:
    """What became of a stretch."""
    since, until = (clock(each / 1000, "seconds") for each in found.stretch)
    counts = (
        f"{number_of(found.rows, 'row')}: {found.added:,} not there like that before; {found.removed:,} no longer there"
    )
    return line(f"{found.table} from {since} to {until}: {counts}")


def backup_picture(made: Backup, folder: Path, there: int) -> RenderableType:
    """What a backup holds."""
    before = f", {there:,} of them from an attempt before" if there else ""
    return Group(
        _copied_files(made),
        line(f"the lake as of {made.made_at}: {number_of(len(made.files), 'file')} in {folder}{before}", "bold"),
        Text("keep the landing files or the topic: what comes after is only there"),
    )


def backup_is_whole(found: Backup) -> RenderableType:
    """That a backup can be restored."""
    return Group(
        _copied_files(found), verdict(True, "").append(f" {number_of(len(found.files), 'file')}, each as it was copied")
    )


def restore_picture(found: Backup, lake: Place) -> RenderableType:
    """What was put back, and what to do then."""
    return Group(
        _copied_files(found),
        line(f"{lake} is the lake of {found.made_at} again", "bold"),
        Text("`clickstream run` reads what came since; `clickstream verify` compares every table with its query"),
    )


def reset_preview(found: ResetPreview) -> RenderableType:
    """What a reset would do."""
    rows = list(found.rows.items())
    back = (
        f"{number_of(found.erasures, 'erasure was', 'erasures were')} made here: "
        "who was forgotten comes back if the source has them; forget them again"
    )
    return Group(
        grid("to be set aside", "rows", right=("rows",), rows=rows),
        line(f"the next run would then read, from the beginning of the source: {found.to_read}", "bold"),
        Text("what the source no longer has would be in the tables set aside alone"),
        *([line(back, "yellow")] if found.erasures else []),
        Text("nothing was done; `clickstream reset --yes` does it"),
    )


def _copied_files(found: Backup) -> Table:
    rows = [(name, found.rows[name], version) for name, version in found.versions.items()]
    title = number_of(found.bytes, "byte")
    return grid("table", "rows", "version", right=("rows", "version"), rows=rows, title=title)


def expiry_plan(found: ExpiryPlan) -> RenderableType:
    """What the next `maintain` removes, because it is too old."""
    if not found.has_any:
        return Text("nothing is too old: `clickstream maintain` removes no event and no rejected record")
    total = sum(found.events.values())
    days = grid("event date", "events", right=("events",), rows=found.events.items())
    rows = f"to leave: {number_of(total, 'event')} before {found.before}, and the rows that were made of them"
    rejected = f"to leave: {number_of(found.rejected, 'rejected record')} of before {found.rejected_before}"
    return Group(
        *([days, line(rows, "bold")] if found.events else []),
        *([line(rejected, "bold")] if found.rejected else []),
        Text("nothing was done; `clickstream maintain` removes them"),
    )
