"""The dashboard: one picture of everything that was seen. Nothing is read here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clickstream_platform.live.sparks import bar, spark
from clickstream_platform.live.visitors import Activity, DashboardState, Rows
from clickstream_platform.streaming.observe.query_status import QueryStatus
from clickstream_platform.streaming.observe.status import TableStatus, unknown_lags
from clickstream_platform.terminal import NONE, Fitting, cell, clock, grid, line
from clickstream_platform.wording import amount_of, length, number_of

STYLES = {"started": "cyan", "running": "green", "idle": "dim", "failed": "bold red", "killed": "bold red"}
BATCHES = 12  # in the plot of a query
WATERMARK = "watermark (UTC)"


def dashboard(state: DashboardState) -> RenderableType:
    """Queries and lag, then what visitors did in the last minutes."""
    tables = Fitting(_tables(state), Fitting(_few_columns(state), _fewest_columns(state)))
    parts: list[RenderableType] = [_headline(state), "", tables, ""]
    parts.extend(_problems(state))
    if state.activity is None:
        return Group(*parts, Text("no event is in the lake yet: clickstream run"))
    return Group(*parts, _visitors(state.activity, state.at), "", _lists(state.activity))


def _headline(state: DashboardState) -> Text:
    count = len(state.active)
    if count:
        statuses = number_of(count, "active query", "active queries")
    else:
        statuses = "no active query" + (f", the last one {_end(state)}" if state.queries else "")
    at = clock(state.at.timestamp() * 1000, "seconds")
    return line(f"clickstream  {at} UTC  {statuses}\nlake {state.lake}", "bold")


def _end(state: DashboardState) -> str:
    last = state.queries[0][-1]
    return f"({last.table}) {last.status if last.status != 'killed' else 'was killed'} {_ago(last.at, state.at)}"


def _tables(state: DashboardState) -> Table:
    right = ("batch", "in/s", "done/s", "state rows", "state", "lag", "rows")
    return grid(
        *("table", "query", "batch", "in/s", "done/s", "rows a batch", "state rows", "state", WATERMARK),
        *("lag", "rows", "last"),
        right=right,
        gap=2,
        rows=(
            (
                table.name,
                *_query(query),
                spark([each.input_rows for each in _batches(query)], BATCHES),
                query[-1].state_rows if query else None,
                _bytes(query[-1].state_bytes if query else None),
                _minute(table.watermark),
                _lag(table),
                table.rows,
                _last(table, query, state.at),
            )
            for table, query in _with_queries(state)
        ),
    )


def _few_columns(state: DashboardState) -> Table:
    return grid(
        *("table", "query", "batch", "done/s", WATERMARK, "lag", "last"),
        right=("batch", "done/s", "lag"),
        rows=(
            (name.name, *_query(query)[:2], _query(query)[3], _minute(name.watermark), _lag(name),
             _last(name, query, state.at))
            for name, query in _with_queries(state)
        ),
    )  # fmt: skip


def _fewest_columns(state: DashboardState) -> Table:
    rows = (
        (name.name, _query(query)[0], _lag(name), _last(name, query, state.at)) for name, query in _with_queries(state)
    )
    return grid("table", "query", "lag", "last", right=("lag",), rows=rows)


def _with_queries(state: DashboardState) -> list[tuple[TableStatus, Sequence[QueryStatus]]]:
    active = state.active
    return [(table, active.get(table.name, ())) for table in state.tables]


def _query(statuses: Sequence[QueryStatus]) -> tuple[object, ...]:
    """Status, batch, and the rates of a query that may not be there."""
    if not statuses:
        return NONE, None, None, None
    last = statuses[-1]
    style = STYLES.get(last.status, "")
    return (
        Text(last.status, style),
        last.batch_id,
        _rate(last.input_rows_per_second),
        _rate(last.processed_rows_per_second),
    )


def _batches(statuses: Sequence[QueryStatus]) -> list[QueryStatus]:
    return [each for each in statuses if each.status == "running"]


def _rate(rate: float | None) -> str:
    return NONE if rate is None else f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _bytes(count: int | None) -> str:
    if count is None:
        return NONE
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _lag(table: TableStatus) -> Text:
    if table.lag is None:
        return Text("unknown", "yellow")
    return Text(amount_of(table.lag, table.lag_unit or ""), "yellow" if table.lag else "")


def _last(table: TableStatus, statuses: Sequence[QueryStatus], now: datetime) -> str:
    if statuses and statuses[-1].last_progress:
        return _ago(statuses[-1].last_progress, now)
    return _ago(table.last_run.at, now) if table.last_run else NONE


def _ago(iso: str, now: datetime) -> str:
    moment = datetime.fromisoformat(iso.replace("Z", "+00:00"))
    return f"{length(now - (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)))} ago"


def _problems(state: DashboardState) -> list[Text]:
    damaged = [line(table.damage, "bold red") for table in state.tables if table.damage]
    unknown = [line(each, "yellow") for each in unknown_lags(state.tables)]
    latest = {statuses[-1].table: statuses[-1] for statuses in reversed(state.queries)}
    failed = [line(f"{q.table}: its last query failed: {q.problem}", "bold red") for q in latest.values() if q.problem]
    return [*damaged, *unknown, *failed]


def _visitors(activity: Activity, now: datetime) -> Table:
    """What they did, minute by minute. The newest minute is that of the newest event, however long ago that was."""
    minutes = activity.minutes
    rows = (
        ("events", [minute.events for minute in minutes], sum(minute.events for minute in minutes)),
        ("visitors", [minute.visitors for minute in minutes], activity.visitors),
        ("purchases", [minute.purchases for minute in minutes], sum(minute.purchases for minute in minutes)),
    )
    return grid(
        *("a minute", f"{len(minutes)} min up to the newest event", *(counted := ("newest", "most", "all"))),
        right=counted,
        rows=((name, spark(values, len(minutes)), values[-1], max(values), total) for name, values, total in rows),
        title=f"Visitors up to {clock(activity.until.timestamp() * 1000)} UTC, {length(now - activity.until)} ago",
    )


def _lists(activity: Activity) -> RenderableType:
    """Two by two where there is room, one below the other where there is not."""
    pages, active = _pages(activity.pages), _active(activity.active)
    purchases, alerts = _purchases(activity.purchases), _alerts(activity.alerts)
    wide = Group(_beside(pages, active), "", _beside(purchases, alerts))
    return Fitting(wide, Group(pages, "", active, "", purchases, "", alerts))


def _beside(*parts: RenderableType) -> Table:
    table = Table.grid(padding=(0, 4))
    table.add_row(*parts)
    return table


def _pages(rows: Rows) -> Table:
    largest = max((count for _, count in rows), default=0)
    shown = ((_cut(page, 44), count, bar(count, largest)) for page, count in rows)
    return grid("page", "events", "", right=("events",), rows=shown, title="Top pages")


def _active(rows: Rows) -> Table:
    counted = ("events", "pages", "clicks", "purchases")
    shown = ((_cut(user, 20), *counts) for user, *counts in rows)
    return grid("visitor", *counted, right=counted, rows=shown, title="Most active within five minutes")


def _purchases(rows: Rows) -> Table:
    shown = ((_time(at), _cut(product, 20), _cut(user, 20)) for at, product, user in rows)
    return grid("at (UTC)", "product", "visitor", rows=shown, title="Newest purchases")


def _alerts(rows: Rows) -> Table:
    shown = ((_time(at), rule, value, _cut(user, 20)) for at, rule, value, user in rows)
    return grid("window from (UTC)", "rule", "value", "visitor", right=("value",), rows=shown, title="Newest alerts")


def _time(moment: datetime) -> str:
    return clock(moment.timestamp() * 1000)


def _minute(iso: str | None) -> str | None:
    return iso[:16].replace("T", " ") if iso else None


def _cut(value: object, width: int) -> str:
    text = cell(value)
    return text if len(text) <= width else text[: width - 1] + "…"
