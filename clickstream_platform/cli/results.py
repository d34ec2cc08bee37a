"""What commands that look, compare, repair or ask have to show, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.streaming.audit.result import NO_BATCH
from clickstream_platform.terminal import (
    Fitting,
    cell,
    dated,
    grid,
    line,
    verdict,
)
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from clickstream_platform.doctor import Finding
    from clickstream_platform.simulator.comparison import Comparison
    from clickstream_platform.simulator.expected import Truth
    from clickstream_platform.streaming.audit.result import CheckResult
    from clickstream_platform.streaming.audit.verify import Difference, Verification
    from clickstream_platform.streaming.observe.quarantine import Rejection

WIDEST = 60  # characters of one value in a table: a page address with its parameters has no end


def verification(result: Verification) -> RenderableType:
    """One line that says whether a table keeps its promise; if it does not, where."""
    if result.clean:
        against = "the ledger says" if result.events_version < 0 else f"its query over events v{result.events_version}"
        but = f", without {result.left_out:,} that came too late (late_events)" if result.left_out else ""
        but += f", with {result.still_in:,} that were replaced since" if result.still_in else ""
        return _line(True, f"{result.table}: {number_of(result.rows, 'row')}, as {against}{but}", "")
    counts = f"{result.missing:,} missing, {result.extra:,} extra, {result.different:,} different"
    summary = _line(False, f"{result.table}: {counts}, of {number_of(result.rows, 'row')}", "DIFFERS")
    return Group(summary, *(line(f"         {wrong}") for wrong in result.ledger), *map(_difference, result.first))


def without_batch(tables: Sequence[str]) -> Group:
    """A line for each table that cannot be compared yet."""
    return Group(*(_line(False, f"{name}: {NO_BATCH}: `clickstream run {name}` makes it", "FAILED") for name in tables))


def _difference(difference: Difference) -> Table:
    """Expected and actual side by side: the columns that differ, or all if one side has no such row."""
    expected, actual = difference.expected or {}, difference.actual or {}
    names = [name for name in expected | actual if name not in difference.key]
    names = [name for name in names if expected.get(name) != actual.get(name)] if expected and actual else names
    rows = [(name, _side(difference.expected, name), _side(difference.actual, name)) for name in names]
    title = "  ".join(f"{name}={cell(value)}" for name, value in difference.key.items())
    rows = rows or [("(all)", "once", "more than once")]
    return grid("column", "expected", "actual", rows=rows, wrap=("expected", "actual"), title=title)


def _side(row: dict[str, Any] | None, name: str) -> Text | str:
    return Text("no such row", "dim") if row is None else cell(row[name])


def checks(results: Sequence[CheckResult]) -> Group:
    """What became of every expectation, a line each; one for all of a table that has no batch."""
    empty = Counter(result.table for result in results if result.found == NO_BATCH)
    parts = [
        _line(False, f"{name}: {NO_BATCH}, so none of its {count} checks holds", "FAILED")
        for name, count in empty.items()
    ]
    return Group(*(_check(result) for result in results if result.table not in empty), *parts)


def _check(result: CheckResult) -> Text:
    about = f" Found: {result.finding}." if result.found else ""
    return _line(result.passed, f"{result.table} {result.name}: {result.description}{about}", _severity(result))


def _severity(result: CheckResult) -> str:
    return "FAILED" if result.blocking else "warning"


def rejections(rejected: Sequence[Rejection]) -> RenderableType:
    """Why records were rejected, most frequent first, with the newest of each."""
    if not rejected:
        return Text("quarantine is empty: nothing was rejected", "green")
    table = grid(
        *("reason", "records", "last arrived", "the newest"),
        right=("records",),
        cut=("the newest",),
        rows=(row for rejection in rejected for row in _rejection(rejection)),
    )
    return Group(table, Text("a record with several faults is counted for each; --json says where each record is"))


def _rejection(rejection: Rejection) -> Iterable[Sequence[object]]:
    shown = [sample.why or sample.value for sample in rejection.samples]
    yield rejection.reason, rejection.records, dated(rejection.last.timestamp() * 1000), shown[0] if shown else None
    yield from (("", "", "", value) for value in shown[1:])


def rejection_fields(rejection: Rejection) -> dict[str, Any]:
    """One reason, for a program. Bytes that are no UTF-8 have escapes."""
    samples = [
        {
            "partition": s.partition,
            "offset": s.offset,
            "value": s.value.decode(errors="backslashreplace"),
            **({"why": s.why} if s.why else {}),
        }
        for s in rejection.samples
    ]
    times = {name: moment.isoformat() for name, moment in (("first", rejection.first), ("last", rejection.last))}
    return {"reason": rejection.reason, "records": rejection.records, **times, "samples": samples}


def findings(all_findings: Sequence[Finding]) -> Group:
    """What a run needs of this machine, a line each."""
    return Group(*(_line(finding.ok, str(finding), "missing") for finding in all_findings))


def _line(is_good: bool, text: str, bad: str) -> Text:
    """A line that begins with ``ok``, or with what is wrong."""
    begun = line("").append_text(verdict(is_good, bad))
    begun.pad_right(9 - len(begun))
    return begun.append(text)


def truth(known: Truth) -> Table:
    """What the tables must say once they have read what was simulated."""
    quarantined = [(f"  {reason}", count) for reason, count in known.quarantined.items()]
    rows = [
        ("records", known.records),
        ("accepted", known.accepted),
        ("duplicates", known.duplicates),
        ("quarantined", known.rejected),
        *quarantined,
        ("user_activity", known.activity_windows),
        ("clickstream_aggregated", known.sliding_windows),
        ("sessions", known.sessions),
        ("purchases", known.purchases),
        ("alerts", known.alerts),
    ]
    return grid("known truth", "count", right=("count",), rows=rows)


def comparisons(compared: Sequence[Comparison]) -> Table:
    """What was simulated and what came out, side by side, and why."""
    return grid(
        *("what", "expected", "found", "", "why"),
        right=("expected", "found"),
        wrap=("why",),
        rows=(
            (c.what, c.expected, c.found, "" if c.expected is None else verdict(c.agrees, "DIFFERS"), c.why)
            for c in compared
        ),
    )


def preview(name: str, rows: int, columns: Sequence[str], first: Iterable[Sequence[object]]) -> Table:
    """The first rows of a table. The last column gives way."""
    return grid(*columns, rows=first, cut=columns[-1:], title=f"{name}: {number_of(rows, 'row')}")


def answer(columns: Sequence[str], numeric: Sequence[str], rows: Sequence[Sequence[object]]) -> RenderableType:
    """What a statement returned: a table, or a record after the other where the table would be too wide."""
    texts = [[_as_written(value) for value in row] for row in rows]
    wide = grid(*columns, right=numeric, rows=[[_shortened(text) for text in row] for row in texts])
    return Fitting(wide, Group(*(_record(number, columns, row) for number, row in enumerate(texts, 1))))


def length(rows: int, *, is_cut: bool) -> list[Text]:
    """How many rows were shown, where one could think that it was all."""
    if is_cut:
        return [Text(f"the first {number_of(rows, 'row')}; --limit 0 shows all", "dim")]
    return [] if rows else [Text("no rows", "dim")]


def _record(number: int, columns: Sequence[str], texts: Sequence[str]) -> RenderableType:
    record = Table.grid(padding=(0, 2))
    record.add_column(style="bold", no_wrap=True)
    record.add_column(overflow="fold")
    for name, text in zip(columns, texts, strict=True):
        record.add_row(cell(name), text)
    return Group(Text(f"row {number}", "dim"), record)


def _as_written(value: object) -> str:
    """A value of an answer: a number may be a year or an id, so it gets no separators; a time is in UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return str(value) if isinstance(value, int) else cell(value)


def _shortened(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
