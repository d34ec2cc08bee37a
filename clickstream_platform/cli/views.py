"""What the command line prints: one function a picture. No decisions are made here, no files are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.delivery.outbox import ChannelStatus
from clickstream_platform.doctor import Finding
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.simulator.demo import Comparison
from clickstream_platform.simulator.expected import Truth
from clickstream_platform.streaming.audit.books import refused_said
from clickstream_platform.streaming.audit.validate import CheckResult
from clickstream_platform.streaming.audit.verify import Difference, Verification
from clickstream_platform.streaming.contract.table import Sql, StreamingTable
from clickstream_platform.streaming.lake.ledger import Entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance.erasure import Erasure
from clickstream_platform.streaming.maintenance.housekeeping import Maintained
from clickstream_platform.streaming.maintenance.reprocess import Replay
from clickstream_platform.streaming.observe.quarantine import Rejection
from clickstream_platform.streaming.observe.status import TableStatus
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.tables.events import QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS
from clickstream_platform.terminal import NONE, Fitting, cell, clock, day_and_time, grid, line, verdict

if TYPE_CHECKING:
    from clickstream_platform.streaming.audit.source_account import SourceAccount
    from clickstream_platform.streaming.sources.recount import Gone

WIDEST = 60  # characters of one value in a table: a page address with its parameters has no end


def retry(table: StreamingTable, error: BaseException, pause: float) -> Text:
    """A query of a stream that failed, and when it is started again."""
    return line(f"{table.name} is started again in {pause:g} s: ").append_text(failure(error))


def failure(error: BaseException) -> Text:
    """An error in one line. Spark's own begin with what went wrong; the plan and the Java stack come after."""
    if isinstance(error, ClickstreamError):
        return line(str(error), "bold red")
    first = str(error).strip().partition("\n")[0][:300]
    return line(f"spark: {first}; the JVM's words are in spark.log of CLICKSTREAM_HOME, --debug shows more", "bold red")


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
        *("table", *counted[:-1], "watermark", "s"),
        right=counted,
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
                _day_and_time(r.watermark_ms),
                f"{r.duration.total_seconds():.1f}",
            )
            for r in done
        ),
    )


def statuses(
    found: Sequence[TableStatus], left_out: Mapping[str, int], refused: Mapping[str, str] | None = None
) -> RenderableType:
    """Where every table stands."""
    table = grid(
        *("table", "rows", "version", "watermark", "batches", "lag", "gen.", "last run"),
        right=("rows", "version", "batches", "lag", "gen."),
        cut=("table",),
        gap=1,
        rows=(
            (
                s.name,
                s.rows,
                s.delta_version,
                day_and_time(s.watermark),
                s.batches,
                "unknown" if s.lag is None else f"{s.lag:,} {s.lag_unit}",
                s.generation,
                day_and_time(s.last_run.at if s.last_run else None),
            )
            for s in found
        ),
    )
    problems = [line(f"{s.name}: lag unknown: {s.problem}", "yellow") for s in found if s.problem]
    why = {QUARANTINE.name: "rejected records", LATE_EVENTS.name: "events that came too late for user_patterns"}
    others = [Text(f"{name}: {rows:,} {why[name]}") for name, rows in left_out.items()]
    files = [line(f"{refused_said(refused)}: `clickstream verify --source` lists them", "yellow")] if refused else []
    return Group(table, "", *problems, *_triggers(found), *others, *files)


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
    why = f" (at {_clock_of(found.tried_at)} {found.problem})" if found.problem else ""
    return f"{said}, {found.waiting:,} wait for the next run{why}"


def explanation(table: StreamingTable, lake: Lake, generation: int) -> RenderableType:
    """The six sentences of a table, its columns, its key, its checkpoint."""
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


def ledger(entries: Sequence[Entry]) -> Table:
    """Ledger entries, one a line."""
    counted = ("batch", "in", "out", "quar.", "dupl.", "late", "rev.", "s")
    return grid(
        *("committed", "table", "batch", "read", *counted[1:], "run"),
        right=counted,
        cut=("run",),
        gap=1,
        rows=(
            (
                _day_and_time(e.committed_at_ms),
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


def source_account(found: SourceAccount) -> RenderableType:
    """Whether the source holds what the ledger says; what it says otherwise, and what could not be checked."""
    again = found.recount
    size = f"{again.bytes:,} bytes, " if again.unit == "files" else ""
    counted = f"the source: {again.checked:,} {again.unit}, {size}{again.records:,} records counted"
    booked = f"{found.read:,} booked: {found.accepted:,} accepted + {found.quarantined:,} quarantined"
    summary = _line(found.clean, f"{counted}; {booked} + {found.duplicates:,} duplicates", "DIFFERS")
    parts: list[Text] = [line(f"         {each}", "bold red") for each in found.errors[:FINDINGS]]
    parts += _more(len(found.errors), "contradictions")
    parts += [line(f"         not checkable: {_gone(each)}", "yellow") for each in again.gone[:FINDINGS]]
    parts += _more(len(again.gone), "not checkable")
    parts += [line(f"         refused whole: {path}: {fault}", "yellow") for path, fault in _few(found.refused)]
    parts += _more(len(found.refused), "refused whole")
    parts += [line(f"         {each}", "yellow") for each in again.notes[:FINDINGS]]
    unit = "bytes" if again.unit == "files" else "offsets"
    parts += [line(f"         not read yet: {name}, {size:,} {unit}") for name, size in _few(again.unread)]
    return Group(summary, *parts, *_more(len(again.unread), "not read yet"))


FINDINGS = 20  # of a kind, to a person: --json has all


def _few(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(found.items())[:FINDINGS]


def _more(count: int, what: str) -> list[Text]:
    return [line(f"         and {count - FINDINGS:,} more {what}; --json lists all")] if count > FINDINGS else []


def _gone(found: Gone) -> str:
    size = "" if found.bytes is None else f"{found.bytes:,} bytes and "
    return f"{found.what}: {found.why}; booked are {size}{found.records:,} records"


def source_account_fields(found: SourceAccount) -> dict[str, Any]:
    """The same for programs, whole."""
    again = found.recount
    return {
        "clean": found.clean,
        "booked": {name: getattr(found, name) for name in ("read", "accepted", "quarantined", "duplicates")},
        "counted": {"unit": again.unit, "checked": again.checked, "bytes": again.bytes, "records": again.records},
        "errors": found.errors,
        "not_checkable": [asdict(each) for each in again.gone],
        "refused": found.refused,
        "unread": again.unread,
        "notes": again.notes,
    }


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
    shown = [sample.value for sample in found.samples]
    yield found.reason, found.records, clock(found.last.timestamp() * 1000), shown[0] if shown else None
    yield from (("", "", "", value) for value in shown[1:])


def rejection_fields(found: Rejection) -> dict[str, Any]:
    """One reason, for a program. Bytes that are no UTF-8 have escapes."""
    samples = [
        {"partition": s.partition, "offset": s.offset, "value": s.value.decode(errors="backslashreplace")}
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


def erasures(found: Sequence[Erasure], user: str | None) -> RenderableType:
    """Proofs, newest last; of whom they are is said only to who knows the id."""
    if not found:
        return Text("nobody was erased from this lake")
    return Group(*(part for each in found for part in _erasure(each, user)))


def _erasure(found: Erasure, user: str | None) -> Iterable[RenderableType]:
    whose = "" if user is None else f", {'of' if found.is_about(user) else 'not of'} this user"
    if found.completed_at is None:
        yield line(f"erasure {found.run_id}: begun {found.begun_at}, not completed{whose}; run it again", "bold red")
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


def _day_and_time(milliseconds: int | None) -> str | None:
    """Without the year."""
    return None if milliseconds is None else clock(milliseconds)[5:]


def _clock_of(iso: str | None) -> str | None:
    return iso[:16].replace("T", " ") if iso else None
