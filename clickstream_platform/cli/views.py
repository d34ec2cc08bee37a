"""What the command line prints: one function a picture. No decisions are made here, no files are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.cli import sources
from clickstream_platform.cli.failures import failure
from clickstream_platform.terminal import (
    Fitting,
    ago,
    cell,
    clock,
    dated,
    grid,
    line,
    milliseconds_of,
    minute,
)
from clickstream_platform.wording import amount_of, number_of

if TYPE_CHECKING:
    from clickstream_platform.delivery.outbox import ChannelStatus
    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.lake.entry import Entry
    from clickstream_platform.streaming.lake.places import Lake
    from clickstream_platform.streaming.maintenance.retention import ExpiryPlan
    from clickstream_platform.streaming.observe.status import TableStatus
    from clickstream_platform.streaming.runtime.report import RunReport

REMARKS = 5  # shown of a table; `--json` has all
LEFT_OUT = {  # of one, of several
    "quarantine": ("rejected record", "rejected records"),
    "copies": ("copy at another time, which is no event", "copies at other times, which are no events"),
    "late_events": ("event that came too late for user_patterns", "events that came too late for user_patterns"),
}


def retry(table: StreamingTable, error: BaseException, pause: float) -> Text:
    """A query of a stream that failed, and when it is started again."""
    return line(f"{table.title} is started again in {pause:g} s: ").append_text(failure(error))


def batch_line(entry: Entry) -> str:
    """One committed batch, for a person who watches a run."""
    counts = [f"{entry.rows_in:,} in", f"{entry.rows_out:,} out"]
    if entry.records.opened:
        counts.insert(1, f"{number_of(entry.records.inside, 'event')} in {entry.records.opened:,} of them")
    if entry.events_version < 0:
        counts += [f"{entry.records.quarantined:,} quarantined", number_of(entry.copies.duplicates, "duplicate")]
    if entry.records.passed_over:
        counts += [f"{entry.records.passed:,} passed over"]
    counts += [f"{entry.late_rows:,} late"]
    if entry.revisions:
        counts += [f"{entry.revisions:,} revisions"]
    if entry.account.lost:
        counts += [f"{entry.account.lost_offsets:,} lost"]
    return f"{entry.title}: batch {entry.batch_id} committed: {', '.join(counts)} ({entry.duration_ms / 1000:.1f} s)"


def alert_line(row: dict[str, Any]) -> str:
    """One new alert."""
    window = f"{cell(row['window_start'])[:16]} to {cell(row['window_end'])[11:16]}"
    return f"  alert: {cell(row['user_id'])} {row['rule']}: {row['value']} > {row['threshold']}, {window}"


def reports(runs: Sequence[RunReport]) -> Table:
    """What the runs of some tables did."""
    counted = ("batches", "in", "out", "late", "rev.", "quar.", "dupl.", "s")
    return grid(
        *("table", *counted[:-1], "watermark (UTC)", "s"),
        right=counted,
        cut=("table",),
        gap=1,
        rows=(
            (
                name,
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
            for name, r in _with_sources(runs)
        ),
    )


def _with_sources(reports: Sequence[RunReport]) -> Iterator[tuple[str, RunReport]]:
    """Each report by its table; after one of several sources, that of each by its name."""
    for report in reports:
        yield report.table, report
        yield from ((f"  {name}", of_source) for name, of_source in report.by_source.items())


def place(lake: Lake, *, is_there: bool) -> Text:
    """Which lake was looked at, and what to do where there is none."""
    if is_there:
        return line(f"lake {lake.root}")
    return line(f"no lake at {lake.root} yet; `clickstream run` makes it, CLICKSTREAM_HOME names another", "yellow")


def passed_over(counts: Mapping[str, int]) -> str:
    """How many records were no events and not meant as such, by what told so."""
    reasons = ", ".join(f"{why} {count:,}" for why, count in counts.items())
    return f"the last run passed over {number_of(sum(counts.values()), 'record')}, as the mapping says: {reasons}"


def no_lake(tables: Sequence[TableStatus]) -> RenderableType:
    """What a first run would read."""
    unread = [Text(f"{s.name}: {amount_of(s.lag, s.lag_unit or '')} to read") for s in tables if s.lag]
    return Group(*unread, *_problems(tables), *_triggers(tables))


def statuses(tables: Sequence[TableStatus], left_out: Mapping[str, int]) -> RenderableType:
    """Where every table stands."""
    wide = grid(
        *("table", "rows", "version", "watermark (UTC)", "batches", "lag", "gen.", "last run (UTC)"),
        right=("rows", "version", "batches", "lag", "gen."),
        cut=("table",),
        gap=1,
        rows=(
            (s.name, _rows(s), s.delta_version, minute(s.watermark), s.batches, _lag(s), s.generation, _last_run(s))
            if not s.damage
            else (s.name, None, None, None, None, _lag(s), None, None)
            for s in tables
        ),
    )
    narrow = grid(
        *("table", "rows", "watermark (UTC)", "lag", "last run"),
        right=("rows", "lag"),
        cut=("table",),
        gap=1,
        rows=((s.name, _rows(s), minute(s.watermark), _lag(s), _ago(s)) for s in tables),
    )
    left_out_lines = [Text(f"{name}: {number_of(rows, *LEFT_OUT[name])}") for name, rows in left_out.items()]
    return Group(
        Fitting(wide, narrow),
        "",
        *sources.source_lines(tables),
        *_problems(tables),
        *_triggers(tables),
        *left_out_lines,
    )


def _rows(status: TableStatus) -> int | None:
    """None where there is no table: it is not empty, it is not there."""
    return None if status.delta_version is None else status.rows


def _lag(status: TableStatus) -> str:
    return "unknown" if status.lag is None else amount_of(status.lag, status.lag_unit or "")


def _last_run(status: TableStatus) -> str | None:
    return f"{minute(status.last_run.at)}, {_ago(status)}" if status.last_run else None


def _ago(status: TableStatus) -> str | None:
    at = milliseconds_of(status.last_run.at if status.last_run else None)
    return None if at is None else ago(at)


def _problems(tables: Sequence[TableStatus]) -> list[Text]:
    from clickstream_platform.streaming.observe.status import unknown_lags  # noqa: PLC0415 - who asks has it already

    unknown = [line(each, "yellow") for each in unknown_lags(tables)]
    return unknown + [line(f"{s.name}: not read: {remark}", "yellow") for s in tables for remark in s.remarks[:REMARKS]]


def _triggers(tables: Sequence[TableStatus]) -> Iterable[Text]:
    """A line for each trigger; it names the tables if there are several."""
    triggers = dict.fromkeys(s.trigger for s in tables)
    for trigger in triggers:
        names = ", ".join(s.name for s in tables if s.trigger == trigger)
        yield Text(f"trigger: {trigger}" + (f" ({names})" if len(triggers) > 1 else ""))


def deliveries(channels: Sequence[ChannelStatus]) -> list[Text]:
    """How every channel stands that alerts are told to."""
    return [line(_delivery(channel), "yellow" if channel.waiting else "") for channel in channels]


def _delivery(channel: ChannelStatus) -> str:
    delivered = f"alerts to {channel.channel}: {channel.delivered:,} delivered"
    if not channel.waiting:
        return delivered
    tried = milliseconds_of(channel.tried_at)
    why = f" ({dated(tried)}: {channel.problem})" if channel.problem and tried is not None else ""
    return f"{delivered}, {channel.waiting:,} wait for the next run{why}"


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
    folders = [lake.checkpoints(table.name, source.source_name) / str(generation) for source in table.sources]
    checkpoints = [f"checkpoint  {folder}{'' if folder.exists() else ' (not yet)'}" for folder in folders]
    places = line("\n".join([f"table       {lake.table(table.name).path}", *checkpoints]))
    sql = ["", line(table.query.text.strip())] if isinstance(table.query, Sql) else []
    return Group(Text(table.name, "bold"), "", sentences, *sql, "", columns, "", places)


def explanation_fields(table: StreamingTable, lake: Lake, generation: int) -> dict[str, Any]:
    """What :func:`explanation` shows, as ``--json`` prints it."""
    from clickstream_platform.streaming.contract.table import Sql  # noqa: PLC0415

    checkpoint = lake.checkpoints(table.name, table.offsets.source_name) / str(generation)
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
        "sources": {} if table.derived else {source.source_name: source.address for source in table.sources},
    }


def too_old(plan: ExpiryPlan) -> Text:
    """What leaves the lake because it is too old: said before it happens."""
    return line(
        f"to leave with the next `clickstream maintain`: {' and '.join(plan.describe())}; --dry-run says more",
        "yellow",
    )


def too_old_fields(plan: ExpiryPlan) -> dict[str, Any]:
    """What :func:`too_old` says, as ``--json`` prints it."""
    events = {"events": sum(plan.events.values()), "before": str(plan.before) if plan.events else None}
    cut = str(plan.rejected_before) if plan.rejected else None
    return {**events, "rejected": plan.rejected, "rejected_before": cut}
