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
    from clickstream_platform.streaming.maintenance.replay_report import ReplayReport
    from clickstream_platform.streaming.maintenance.reset import ResetPreview
    from clickstream_platform.streaming.maintenance.retention import ExpiryPlan
    from clickstream_platform.streaming.maintenance.stretch import StretchReport


def replay_picture(report: ReplayReport) -> RenderableType:
    """What became of the rejected records."""
    counts = (
        ("records tried", report.tried),
        *([("of these envelopes, opened", report.opened), ("events in them", report.inside)] if report.opened else []),
        ("events now", report.accepted),
        ("were events already", report.landed),
        ("duplicates", report.duplicates),
        *([("passed over", report.passed_over)] if report.passed_over else []),
        ("conflicting duplicates, still there", report.conflicting),
        *([("refused, as their number of events changed", report.refused)] if report.refused else []),
        ("rejected for something else, still there", report.stayed - report.conflicting - report.refused),
    )
    parts: list[RenderableType] = [grid("replay", "count", right=("count",), rows=counts)]
    if report.refused:
        parts.append(line(f"quarantine: {_still_refused(report.refused)}", "yellow"))
    if report.accepted:
        parts.append(Text("the other tables read the new events in their next run: clickstream run"))
    return Group(*parts)


def _still_refused(count: int) -> str:
    stay = number_of(count, "record stays", "records stay")
    finding = f"{stay}: a replay that was killed has made one event of each, and today's mapping opens it to others"
    return f"{finding}; for one more replay, set CLICKSTREAM_MAPPING as it was for that one"


def fill_picture(report: FillReport) -> RenderableType:
    """Which columns got values, and what was broken."""
    if not report.filled:
        nothing = Text("nothing to fill: `extra` has no value that a declared column without one takes")
        return Group(nothing, *_broken(report))
    table = grid("column", "events filled", right=("events filled",), rows=sorted(report.filled.items()))
    return Group(table, *_broken(report), Text("each date is a line of `clickstream ledger`"))


def _broken(report: FillReport) -> Iterable[RenderableType]:
    if report.violations:
        described = describe_violations(report.violations)
        yield line(f"{described}; all events are kept, {number_of(report.stayed, 'value')} in `extra`", "yellow")


def erasures(proofs: Sequence[ErasureProof], users: Sequence[str]) -> RenderableType:
    """Proofs, newest last; of whom they are is said only to who knows the id."""
    if not proofs:
        return Text("nobody was erased from this lake")
    return Group(*(part for proof in proofs for part in _erasure(proof, users)))


def _erasure(proof: ErasureProof, users: Sequence[str]) -> Iterable[RenderableType]:
    is_theirs = proof.is_about(*users)
    whose = (
        "" if not users else f", {'of' if is_theirs else 'not of'} {'this user' if len(users) == 1 else 'these users'}"
    )
    if proof.completed_at is None:
        again = "look at what could not be searched" if proof.unsearched else "run it again"
        yield line(f"erasure {proof.run_id}: begun {proof.begun_at}, not completed{whose}; {again}", "bold red")
        for why, records in proof.unsearched.items():
            yield line(f"{number_of(records, 'record')} in quarantine may mention them: {why}", "yellow")
        if proof.unsearched:
            yield Text("`clickstream forget --unsearchable` with the same ids deletes these records too")
        return
    yield line(f"erasure {proof.run_id}: completed {proof.completed_at}{whose}", "bold")
    yield grid(
        *("table", "rows deleted", "gone since version"),
        right=("rows deleted", "gone since version"),
        rows=((erased.table, erased.rows, erased.version) for erased in proof.tables),
    )
    yield line(f"files of older versions are there until `clickstream maintain` is run after {proof.files_until}")
    yield Text("landing files, topics, logs and copies elsewhere are yours to clean")


def maintenance_picture(reports: Sequence[MaintenanceReport]) -> RenderableType:
    """What was done to every table."""
    counted = ("ledger lines", "files joined", "deleted", "log cleaned", "old checkpoints")
    rows = ((m.table, m.rolled_up, m.joined, m.deleted, m.cleaned, m.generations) for m in reports)
    behind = sorted({m.held_back_by for m in reports if m.held_back_by})
    held_back = [line(f"events keeps older files for {name}, which is behind: run it") for name in behind]
    return Group(grid("table", *counted, right=counted, rows=rows), *held_back)


def stretch_picture(report: StretchReport) -> RenderableType:
    """What became of a stretch."""
    since, until = (clock(end / 1000, "seconds") for end in report.stretch)
    rows = number_of(report.rows, "row")
    changes = f"{report.added:,} not there like that before; {report.removed:,} no longer there"
    return line(f"{report.table} from {since} to {until}: {rows}: {changes}")


def backup_picture(backup: Backup, folder: Path, copied_before: int) -> RenderableType:
    """What a backup holds."""
    before = f", {copied_before:,} of them from an attempt before" if copied_before else ""
    return Group(
        _copied_files(backup),
        line(f"the lake as of {backup.made_at}: {number_of(len(backup.files), 'file')} in {folder}{before}", "bold"),
        Text("keep the landing files or the topic: what comes after is only there"),
    )


def backup_is_whole(backup: Backup) -> RenderableType:
    """That a backup can be restored."""
    return Group(
        _copied_files(backup),
        verdict(True, "").append(f" {number_of(len(backup.files), 'file')}, each as it was copied"),
    )


def restore_picture(backup: Backup, lake: Place) -> RenderableType:
    """What was put back, and what to do then."""
    return Group(
        _copied_files(backup),
        line(f"{lake} is the lake of {backup.made_at} again", "bold"),
        Text("`clickstream run` reads what came since; `clickstream verify` compares every table with its query"),
    )


def reset_preview(preview: ResetPreview) -> RenderableType:
    """What a reset would do."""
    rows = list(preview.rows.items())
    warning = (
        f"{number_of(preview.erasures, 'erasure was', 'erasures were')} made here: "
        "who was forgotten comes back if the source has them; forget them again"
    )
    return Group(
        grid("to be set aside", "rows", right=("rows",), rows=rows),
        line(f"the next run would then read, from the beginning of the source: {preview.to_read}", "bold"),
        Text("what the source no longer has would be in the tables set aside alone"),
        *([line(warning, "yellow")] if preview.erasures else []),
        Text("nothing was done; `clickstream reset --yes` does it"),
    )


def _copied_files(backup: Backup) -> Table:
    rows = [(name, backup.rows[name], version) for name, version in backup.versions.items()]
    title = number_of(backup.bytes, "byte")
    return grid("table", "rows", "version", right=("rows", "version"), rows=rows, title=title)


def expiry_plan(plan: ExpiryPlan) -> RenderableType:
    """What the next `maintain` removes, because it is too old."""
    if not plan.has_any:
        return Text("nothing is too old: `clickstream maintain` removes no event and no rejected record")
    total = sum(plan.events.values())
    days = grid("event date", "events", right=("events",), rows=plan.events.items())
    rows = f"to leave: {number_of(total, 'event')} before {plan.before}, and the rows that were made of them"
    rejected = f"to leave: {number_of(plan.rejected, 'rejected record')} of before {plan.rejected_before}"
    return Group(
        *([days, line(rows, "bold")] if plan.events else []),
        *([line(rejected, "bold")] if plan.rejected else []),
        Text("nothing was done; `clickstream maintain` removes them"),
    )
