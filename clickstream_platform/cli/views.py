"""What the command line prints: one function a picture. No decisions are made here, no files are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.cli.failures import failure
from clickstream_platform.terminal import (
    NONE,
    Fitting,
    ago,
    cell,
    clock,
    dated,
    grid,
    line,
    milliseconds_of,
    minute,
    verdict,
)

if TYPE_CHECKING:
    from clickstream_platform.delivery.outbox import ChannelStatus
    from clickstream_platform.doctor import Finding
    from clickstream_platform.simulator.demo import Comparison
    from clickstream_platform.simulator.expected import Truth
    from clickstream_platform.streaming.audit.validate import CheckResult
    from clickstream_platform.streaming.audit.verify import Difference, Verification
    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.lake.ledger import Entry
    from clickstream_platform.streaming.lake.places import Lake
    from clickstream_platform.streaming.maintenance.erasure import Erasure
    from clickstream_platform.streaming.maintenance.housekeeping import Maintained
    from clickstream_platform.streaming.maintenance.reprocess import Replay
    from clickstream_platform.streaming.observe.quarantine import Rejection
    from clickstream_platform.streaming.observe.status import TableStatus
    from clickstream_platform.streaming.runtime.report import RunReport

REMARKS = 5  # shown of a table; `--json` has all
LEFT_OUT = {"quarantine": "rejected records", "late_events": "events that came too late for user_patterns"}
WIDEST = 60  # characters of one value in a table: a page address with its parameters has no end


def retry(table: StreamingTable, error: BaseException, pause: float) -> Text:
    """A query of a stream that failed, and when it is started again."""
    return line(f"{table.name} is started again in {pause:g} s: ").append_text(failure(error))


def batch_line(entry: Entry) -> str:
    """One committed batch, for a person who watches a run."""
    counts = [f"{entry.rows_in:,} in", f"{entry.rows_out:,} out"]
    if entry.events_version < 0:
        counts += [f"{entry.quarantined:,} quarantined", f"{entry.duplicates:,} duplicates"]
    counts += [f"{entry.late_rows:,} late"]
    if entry.revisions:
        counts += [f"{entry.revisions:,} revisions"]
    if entry.lost:
        counts += [f"{entry.lost_offsets:,} lost"]
    return f"{entry.table}: batch {entry.batch_id} committed: {', '.join(counts)} ({entry.duration_ms / 1000:.1f} s)"


def alert_line(row: dict[str, Any]) -> str:
    """One new alert."""
    window = f"{cell(row['window_start'])[:16]} to {cell(row['window_end'])[11:16]}"
    return f"  alert: {cell(row['user_id'])} {row['rule']}: {row['value']} > {row['threshold']}, {window}"


def reports(done: Sequence[RunReport]) -> Table:
    """What the runs of some tables did."""
    counted = ("batches", "in", "out", "late", "rev.", "quar.", "dupl.", "s")
    return grid(
        *("table", *counted[:-1], "watermark (UTC)", "s"),
        right=counted,
        cut=("table",),
        gap=1,
        rows=(
            (
                r.table,
                len(r.batches),
                r.rows_in,
                r.rows_out,
                r.late_rows,
                r.revisions,
                r.quarantined if r.table == "events" else None,
                r.duplicates if r.table == "events" else None,
                None if r.watermark_ms is None else clock(r.watermark_ms),
                f"{r.duration.total_seconds():.1f}",
            )
            for r in done
        ),
    )


def place(lake: Lake, *, is_there: bool) -> Text:
    """Which lake was looked at, and what to do where there is none."""
    if is_there:
        return line(f"lake {lake.root}")
    return line(f"no lake at {lake.root} yet; `clickstream run` makes it, CLICKSTREAM_HOME names another", "yellow")


def no_lake(found: Sequence[TableStatus]) -> RenderableType:
    """What a first run would read."""
    unread = [Text(f"{s.name}: {s.lag:,} {s.lag_unit} to read") for s in found if s.lag]
    return Group(*unread, *_problems(found), *_triggers(found))


def statuses(found: Sequence[TableStatus], left_out: Mapping[str, int]) -> RenderableType:
    """Where every table stands."""
    wide = grid(
        *("table", "rows", "version", "watermark (UTC)", "batches", "lag", "gen.", "last run (UTC)"),
        right=("rows", "version", "batches", "lag", "gen."),
        cut=("table",),
        gap=1,
        rows=(
            (s.name, _rows(s), s.delta_version, minute(s.watermark), s.batches, _lag(s), s.generation, _last_run(s))
            for s in found
        ),
    )
    narrow = grid(
        *("table", "rows", "watermark (UTC)", "lag", "last run"),
        right=("rows", "lag"),
        cut=("table",),
        gap=1,
        rows=((s.name, _rows(s), minute(s.watermark), _lag(s), _ago(s)) for s in found),
    )
    others = [Text(f"{name}: {rows:,} {LEFT_OUT[name]}") for name, rows in left_out.items()]
    return Group(Fitting(wide, narrow), "", *_problems(found), *_triggers(found), *others)


def _rows(found: TableStatus) -> int | None:
    """None where there is no table: it is not empty, it is not there."""
    return None if found.delta_version is None else found.rows


def _lag(found: TableStatus) -> str:
    return "unknown" if found.lag is None else f"{found.lag:,} {found.lag_unit}"


def _last_run(found: TableStatus) -> str | None:
    return f"{minute(found.last_run.at)}, {_ago(found)}" if found.last_run else None


def _ago(found: TableStatus) -> str | None:
    at = milliseconds_of(found.last_run.at if found.last_run else None)
    return None if at is None else ago(at)


def _problems(found: Sequence[TableStatus]) -> list[Text]:
    unknown = [line(f"{s.name}: lag unknown: {s.problem}", "yellow") for s in found if s.problem]
    return unknown + [line(f"{s.name}: not read: {remark}", "yellow") for s in found for remark in s.remarks[:REMARKS]]


def _triggers(found: Sequence[TableStatus]) -> Iterable[Text]:
    """A line for each trigger; it names the tables if there are several."""
    triggers = dict.fromkeys(s.trigger for s in found)
    for trigger in triggers:
        names = ", ".join(s.name for s in found if s.trigger == trigger)
        yield Text(f"trigger: {trigger}" + (f" ({names})" if len(triggers) > 1 else ""))


def deliveries(found: Sequence[ChannelStatus]) -> list[Text]:
    """How every channel stands that alerts are told to."""
    return [line(_delivery(channel), "yellow" if channel.waiting else "") for channel in found]


def _delivery(found: ChannelStatus) -> str:
    said = f"alerts to {found.channel}: {found.delivered:,} delivered"
    if not found.waiting:
        return said
    tried = milliseconds_of(found.tried_at)
    why = f" ({dated(tried)}: {found.problem})" if found.problem and tried is not None else ""
    return f"{said}, {found.waiting:,} wait for the next run{why}"


def explanation(table: StreamingTable, lake: Lake, generation: int) -> RenderableType:
    """The six sentences of a table, its columns, its key, its checkpoint."""
    from clickstream_platform.streaming.contract.table import Sql  # noqa: PLC0415 - for this picture alone

    sentences = Table.grid(padding=(0, 2))
    sentences.add_column(no_wrap=True, style="bold")
    sentences.add_column(overflow="fold")
    for sentence, half in table.sentences().items():
        sentences.add_row(sentence, half)
    columns = grid(
        *("column", "type", "key", "what it says"),
        wrap=("what it says",),
        rows=((c.name, c.type, "key" if c.name in table.key else "", c.description) for c in table.columns),
    )
    folder = lake.checkpoints(table.name) / str(generation)
    places = line(
        f"table       {lake.table(table.name).path}\ncheckpoint  {folder}{'' if folder.exists() else ' (not yet)'}"
    )
    said = ["", line(table.query.text.strip())] if isinstance(table.query, Sql) else []
    return Group(Text(table.name, "bold"), "", sentences, *said, "", columns, "", places)


def explanation_fields(table: StreamingTable, lake: Lake, generation: int) -> dict[str, Any]:
    """The same, for a program."""
    from clickstream_platform.streaming.contract.table import Sql  # noqa: PLC0415

    checkpoint = lake.checkpoints(table.name) / str(generation)
    return {
        "table": table.name,
        "description": table.description,
        "sentences": table.sentences(),
        "query": table.query.text.strip() if isinstance(table.query, Sql) else None,
        "columns": [{"name": c.name, "type": c.type, "description": c.description} for c in table.columns],
        "key": list(table.key),
        "path": str(lake.table(table.name).path),
        "generation": generation,
        "checkpoint": str(checkpoint),
        "has_checkpoint": checkpoint.exists(),
    }


def ledger(entries: Sequence[Entry]) -> Table:
    """Ledger entries, one a line."""
    counted = ("batch", "in", "out", "quar.", "dupl.", "late", "rev.", "s")
    return grid(
        *("committed (UTC)", "table", "batch", "read", *counted[1:], "run"),
        right=counted,
        cut=("table", "run"),
        gap=1,
        rows=(
            (
                clock(e.committed_at_ms),
                e.table,
                f"{e.generation}/{e.batch_id}",
                offsets(e.start, e.end),
                e.rows_in,
                e.rows_out,
                e.quarantined if e.events_version < 0 else None,
                e.duplicates if e.events_version < 0 else None,
                e.late_rows,
                e.revisions,
                f"{e.duration_ms / 1000:.1f}",
                e.run_id,
            )
            for e in entries
        ),
    )


def offsets(start: dict[str, Any] | None, end: dict[str, Any] | None) -> str:
    """What was read, both ends included: entries of a landing folder's log, versions of a table, records of a topic."""
    if end is None:
        return NONE
    if "logOffset" in end:
        return _span("log ", start["logOffset"] + 1 if start else 0, end["logOffset"])
    if "reservoirVersion" in end:
        return _span("v", start["reservoirVersion"] if start else 0, end["reservoirVersion"] - 1)
    return _span("", _records(start or {}), _records(end) - 1)


def _records(found: dict[str, dict[str, int]]) -> int:
    return sum(sum(partitions.values()) for partitions in found.values())


def _span(kind: str, first: int, last: int) -> str:
    return f"{kind}{first}-{last}" if last > first else f"{kind}{first}"


def imbalance(found: Sequence[str]) -> Text:
    """Whether a ledger balances."""
    if found:
        return line("the ledger does not balance:\n" + "\n".join(f"  {line}" for line in found), "bold red")
    return Text("the ledger balances: no hole, no overlap, every record accounted for", "green")


def verification(found: Verification) -> RenderableType:
    """One line that says whether a table keeps its promise; if it does not, where."""
    if found.clean:
        against = "the ledger says" if found.events_version < 0 else f"its query over events v{found.events_version}"
        but = f", without {found.left_out:,} that came too late (late_events)" if found.left_out else ""
        return _line(True, f"{found.table}: {found.rows:,} rows, as {against}{but}", "")
    counts = f"{found.missing:,} missing, {found.extra:,} extra, {found.different:,} different"
    summary = _line(False, f"{found.table}: {counts}, of {found.rows:,} rows", "DIFFERS")
    return Group(summary, *(line(f"         {wrong}") for wrong in found.ledger), *map(_difference, found.first))


def _difference(found: Difference) -> Table:
    """Expected and actual side by side: the columns that differ, or all if one side has no such row."""
    expected, actual = found.expected or {}, found.actual or {}
    names = [name for name in expected | actual if name not in found.key]
    names = [name for name in names if expected.get(name) != actual.get(name)] if expected and actual else names
    rows = [(name, _side(found.expected, name), _side(found.actual, name)) for name in names]
    title = "  ".join(f"{name}={cell(value)}" for name, value in found.key.items())
    rows = rows or [("(all)", "once", "more than once")]
    return grid("column", "expected", "actual", rows=rows, wrap=("expected", "actual"), title=title)


def _side(row: dict[str, Any] | None, name: str) -> Text | str:
    return Text("no such row", "dim") if row is None else cell(row[name])


def checks(found: Sequence[CheckResult]) -> Group:
    """What became of every expectation, a line each."""
    return Group(*(_check(result) for result in found))


def _check(result: CheckResult) -> Text:
    rows = f"{result.found:,} rows break it" if isinstance(result.found, int) else result.found
    about = f" Found: {rows}." if result.found else ""
    return _line(result.passed, f"{result.table} {result.name}: {result.description}{about}", _severity(result))


def _severity(result: CheckResult) -> str:
    return "FAILED" if result.blocking else "warning"


def rejections(found: Sequence[Rejection]) -> RenderableType:
    """Why records were rejected, most frequent first, with the newest of each."""
    if not found:
        return Text("quarantine is empty: nothing was rejected", "green")
    table = grid(
        *("reason", "records", "last arrived", "the newest"),
        right=("records",),
        cut=("the newest",),
        rows=(row for each in found for row in _rejection(each)),
    )
    return Group(table, Text("a record with several faults is counted for each; --json says where each record is"))


def _rejection(found: Rejection) -> Iterable[Sequence[object]]:
    shown = [sample.why or sample.value for sample in found.samples]
    yield found.reason, found.records, dated(found.last.timestamp() * 1000), shown[0] if shown else None
    yield from (("", "", "", value) for value in shown[1:])


def rejection_fields(found: Rejection) -> dict[str, Any]:
    """One reason, for a program. Bytes that are no UTF-8 have escapes."""
    samples = [
        {
            "partition": s.partition,
            "offset": s.offset,
            "value": s.value.decode(errors="backslashreplace"),
            **({"why": s.why} if s.why else {}),
        }
        for s in found.samples
    ]
    times = {name: moment.isoformat() for name, moment in (("first", found.first), ("last", found.last))}
    return {"reason": found.reason, "records": found.records, **times, "samples": samples}


def replay(found: Replay) -> RenderableType:
    """What became of the rejected records."""
    counts = (
        ("records tried", found.tried),
        ("events now", found.accepted),
        ("were events already", found.landed),
        ("duplicates", found.duplicates),
        ("still rejected", found.stayed),
    )
    table = grid("replay", "count", right=("count",), rows=counts)
    more = "the other tables read the new events in their next run: clickstream run"
    return Group(table, Text(more)) if found.accepted else table


def erasures(found: Sequence[Erasure], users: Sequence[str]) -> RenderableType:
    """Proofs, newest last; of whom they are is said only to who knows the id."""
    if not found:
        return Text("nobody was erased from this lake")
    return Group(*(part for each in found for part in _erasure(each, users)))


def _erasure(found: Erasure, users: Sequence[str]) -> Iterable[RenderableType]:
    is_theirs = all(found.is_about(user) for user in users)
    whose = (
        "" if not users else f", {'of' if is_theirs else 'not of'} {'this user' if len(users) == 1 else 'these users'}"
    )
    if found.completed_at is None:
        again = "look at what could not be searched" if found.unsearched else "run it again"
        yield line(f"erasure {found.run_id}: begun {found.begun_at}, not completed{whose}; {again}", "bold red")
        for why, records in found.unsearched.items():
            yield line(f"{records:,} in quarantine may mention them: {why}", "yellow")
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


def maintained(found: Sequence[Maintained]) -> RenderableType:
    """What was done to every table."""
    counted = ("ledger lines", "files joined", "deleted", "log cleaned", "old checkpoints")
    rows = ((m.table, m.rolled_up, m.joined, m.deleted, m.cleaned, m.generations) for m in found)
    behind = sorted({m.held_back_by for m in found if m.held_back_by})
    held_back = [line(f"events keeps older files for {name}, which is behind: run it") for name in behind]
    return Group(grid("table", *counted, right=counted, rows=rows), *held_back)


def findings(found: Sequence[Finding]) -> Group:
    """What a run needs of this machine, a line each."""
    return Group(*(_line(finding.ok, str(finding), "missing") for finding in found))


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


def comparisons(found: Sequence[Comparison]) -> Table:
    """What was simulated and what came out, side by side, and why."""
    return grid(
        *("what", "expected", "found", "", "why"),
        right=("expected", "found"),
        wrap=("why",),
        rows=(
            (c.what, c.expected, c.found, "" if c.expected is None else verdict(c.agrees, "DIFFERS"), c.why)
            for c in found
        ),
    )


def preview(name: str, rows: int, columns: Sequence[str], first: Iterable[Sequence[object]]) -> Table:
    """The first rows of a table. The last column gives way."""
    return grid(*columns, rows=first, cut=columns[-1:], title=f"{name}: {rows:,} rows")


def answer(columns: Sequence[str], numeric: Sequence[str], rows: Sequence[Sequence[object]]) -> RenderableType:
    """What a statement returned: a table, or a record after the other where the table would be too wide."""
    texts = [[_as_written(value) for value in row] for row in rows]
    wide = grid(*columns, right=numeric, rows=[[_shortened(text) for text in row] for row in texts])
    return Fitting(wide, Group(*(_record(number, columns, row) for number, row in enumerate(texts, 1))))


def length(rows: int, *, is_cut: bool) -> list[Text]:
    """How many rows were shown, where one could think that it was all."""
    if is_cut:
        return [Text(f"the first {rows:,} rows; --limit 0 shows all", "dim")]
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
