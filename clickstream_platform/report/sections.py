"""What the report says: one function a section, each of them a question in SQL and the picture of its answer.

A section whose table is not in the lake, or has no row in the time of the report, is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clickstream_platform.report.figures import DAY, HOUR, MINUTE, Reading
from clickstream_platform.report.plots import Plot, Ranked, Spread

# Minutes of a session: up to, and what that class is called.
LENGTHS, LONGER = ((0, "0"), (1, "0-1"), (2, "1-2"), (5, "2-5"), (10, "5-10"), (30, "10-30"), (60, "30-60")), "> 60"
BEHIND = (  # how far behind the newest event: up to, and what that class is called
    (10 * MINUTE, "1-10 min"), (HOUR, "10-60 min"), (6 * HOUR, "1-6 h"), (DAY, "6-24 h"),
)  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """A table of the page."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Section:
    """One card of the page: what it is about, what was found in one sentence, and the picture or the figures."""

    title: str
    finding: str
    plot: Plot | None = None
    grid: Grid | None = None


def events(lake: Reading) -> Section | None:
    """How many events, of which type, when."""
    rows = lake.counted("events", "timestamp", "event_type")
    if not rows:
        return None
    plot = lake.over_time(rows)
    sums = [sum(column) for column in zip(*plot.counts.values(), strict=True)]
    most = max(range(len(sums)), key=sums.__getitem__)
    unit = lake.unit
    finding = f"{sum(sums):,} events. The busiest {unit} began {plot.starts[most]:%d %b, %H:%M}, with {sums[most]:,}."
    return Section(f"Events per {unit}", finding, plot)


def visits(lake: Reading) -> Section | None:
    """How long sessions last."""
    length = " ".join(f"WHEN session_duration_minutes <= {limit} THEN '{name}'" for limit, name in LENGTHS)
    rows = lake.rows(
        f"SELECT CASE {length} ELSE '{LONGER}' END, count(*), sum(events_in_session) FROM sessions"
        " WHERE session_start BETWEEN $since AND $until GROUP BY ALL"
    )
    if not rows:
        return None
    ((middle,),) = lake.rows(
        "SELECT median(session_duration_minutes) FROM sessions WHERE session_start BETWEEN $since AND $until"
    )
    found = {name: count for name, count, _ in rows}
    total, held = sum(found.values()), sum(held for _, _, held in rows)
    finding = f"{total:,} sessions. Half of them last {middle:.1f} minutes or more; {held / total:.1f} events each."
    classes = {name: found.get(name, 0) for name in (*(name for _, name in LENGTHS), LONGER)}
    return Section("Length of sessions, in minutes", finding, Spread(classes))


def funnel(lake: Reading) -> Section | None:
    """From a visit to a purchase."""
    ((all_of, viewed, clicked, bought),) = lake.rows(
        "WITH visit AS (SELECT bool_or(product_id IS NOT NULL) AS viewed, bool_or(event_type = 'click') AS clicked,"
        " bool_or(event_type = 'purchase') AS bought FROM events WHERE timestamp BETWEEN $since AND $until"
        " GROUP BY user_id, session_id)"
        " SELECT count(*), count(*) FILTER (viewed), count(*) FILTER (viewed AND clicked),"
        " count(*) FILTER (viewed AND clicked AND bought) FROM visit"
    )
    if not bought:
        return None
    stages = {"all visits": all_of, "saw a product": viewed, "and clicked": clicked, "and bought": bought}
    labels = {name: f"{count:,}  ({count / all_of:.0%})" for name, count in stages.items()}
    finding = f"{bought / all_of:.1%} of {all_of:,} visits (one session id of one user) end with a purchase."
    return Section("From a visit to a purchase", finding, Ranked(stages, labels))


def purchases(lake: Reading) -> Section | None:
    """What was bought, and when."""
    rows = lake.counted("purchases", "timestamp", "'purchases'")
    if not rows:
        return None
    best = lake.rows(
        "SELECT coalesce(product_id, 'none named'), count(*), count(DISTINCT user_id) FROM purchases"
        " WHERE timestamp BETWEEN $since AND $until GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 5"
    )
    total = sum(count for _, _, count in rows)
    finding = f"{total:,} purchases. The product bought most is {best[0][0]}, {best[0][1]:,} times."
    grid = Grid(("product", "bought", "by visitors"), best)
    return Section(f"Purchases per {lake.unit}", finding, lake.over_time(rows), grid)


def alerts(lake: Reading) -> Section | None:
    """Windows in which a visitor did more than a person does. Says how many, not who."""
    rules = lake.rows(
        "SELECT rule, count(*), count(DISTINCT user_id), max(value) FROM alerts"
        " WHERE window_start BETWEEN $since AND $until GROUP BY rule ORDER BY 2 DESC, 1"
    )
    if not rules:
        return None
    finding = f"{sum(rule[1] for rule in rules):,} times did a visitor break a rule within five minutes."
    grid = Grid(("rule", "alerts", "visitors", "largest"), rules)
    plot = lake.over_time(lake.counted("alerts", "window_start", "rule"))
    return Section(f"Alerts per {lake.unit}", finding, plot, grid)


def patterns(lake: Reading) -> Section | None:
    """What visitors do in the order of their events. Says how many, not who."""
    found = lake.rows(
        "SELECT pattern, count(*), count(DISTINCT user_id), count(DISTINCT product_id) FROM user_patterns"
        " WHERE detected_at BETWEEN $since AND $until GROUP BY pattern ORDER BY 2 DESC, 1"
    )
    if not found:
        return None
    ((bought, seconds),) = lake.rows(
        "SELECT count(*), median(seconds_to_click + seconds_to_purchase) FROM user_patterns"
        " WHERE pattern = 'view_click_purchase' AND detected_at BETWEEN $since AND $until"
    )
    finding = f"{sum(each[1] for each in found):,} patterns in the order of a visitor's events."
    if bought:
        finding += f" From the first view to the purchase, half of {bought:,} took {seconds / 60:.1f} minutes or more."
    grid = Grid(("pattern", "found", "visitors", "products"), found)
    plot = lake.over_time(lake.counted("user_patterns", "detected_at", "pattern"))
    return Section(f"Patterns per {lake.unit}", finding, plot, grid)


def quality(lake: Reading) -> Section | None:
    """What was read, and what became of it: from the ledger, as it is booked with every batch."""
    booked = lake.entries("events")
    read = sum(entry.rows_in for entry in booked)
    if not read:
        return None
    reasons: dict[str, float] = defaultdict(float)
    for entry in booked:
        for reason, count in entry.reasons.items():
            reasons[reason] += count
    accepted, rejected = sum(entry.rows_out for entry in booked), sum(entry.quarantined for entry in booked)
    duplicates, unreadable = sum(entry.duplicates for entry in booked), sum(len(entry.unreadable) for entry in booked)
    counts = [
        ("records read", read), ("accepted", accepted), ("duplicates left out", duplicates), ("rejected", rejected),
        ("files that could not be read", unreadable),
    ]  # fmt: skip
    grid = Grid(("what became of it", "records"), counts)
    finding = f"{accepted / read:.1%} of {read:,} records were accepted"
    if not reasons:
        return Section("Data quality", f"{finding}, none was rejected.", grid=grid)
    ranked = Ranked(dict(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))))
    return Section("Data quality", f"{finding}. Why others were rejected:", ranked, grid)


def lateness(lake: Reading) -> Section | None:
    """How far events were behind the newest one that had arrived before them, to the second."""
    rows = lake.rows(
        "WITH second AS (SELECT date_trunc('second', arrived_at) AS arrived, max(timestamp) AS newest FROM events"
        " GROUP BY ALL), seen AS (SELECT arrived, max(newest) OVER (ORDER BY arrived ROWS BETWEEN UNBOUNDED PRECEDING"
        " AND 1 PRECEDING) AS newest FROM second)"
        " SELECT greatest(epoch_us(newest) - epoch_us(timestamp), 0) // 60000000 AS minutes, count(*)"
        " FROM events JOIN seen ON arrived = date_trunc('second', arrived_at)"
        " WHERE timestamp BETWEEN $since AND $until GROUP BY ALL"
    )
    total = sum(count for _, count in rows)
    if not total:
        return None
    classes = dict.fromkeys([*(name for _, name in BEHIND), "over a day"], 0)
    ahead = sum(count for minutes, count in rows if not minutes)
    for minutes, count in rows:
        if minutes:
            classes[next((name for limit, name in BEHIND if minutes * MINUTE < limit), "over a day")] += count
    finding = f"{ahead / total:.1%} of {total:,} events came at most a minute behind the newest that was there by then."
    if ahead == total:
        return Section("Late and out of order", finding)
    return Section(
        "Late and out of order", f"{finding} How far behind the other {total - ahead:,} came:", Ranked(classes)
    )


def cost(lake: Reading) -> Section | None:
    """What every table cost: from the ledger."""
    rows: list[tuple[str, int, int, int, float, int]] = []
    for name in lake.lake.names():
        booked = [entry for entry in lake.entries(name) if entry.table == name]  # not those carried for another
        if booked:
            read, out = sum(entry.rows_in for entry in booked), sum(entry.rows_out for entry in booked)
            seconds = sum(entry.duration_ms for entry in booked) / 1000
            rows.append((name, len(booked), read, out, seconds, sum(entry.revisions for entry in booked)))
    if not rows:
        return None
    rows.sort(key=lambda row: -row[4])
    seconds = {name: spent for name, _, _, _, spent, _ in rows}
    grid = Grid(
        ("table", "batches", "read", "written", "revisions"),
        [(name, batches, read, out, revised) for name, batches, read, out, _, revised in rows],
    )
    finding = f"{sum(seconds.values()):,.0f} seconds of work in {sum(row[1] for row in rows):,} batches, by table:"
    labels = {name: f"{spent:,.1f} s" for name, spent in seconds.items()}
    return Section("What each table cost", finding, Ranked(seconds, labels), grid)


# Every section, in the order of the page, with the table that it reads.
SECTIONS: tuple[tuple[str, Callable[[Reading], Section | None]], ...] = (
    ("events", events),
    ("sessions", visits),
    ("events", funnel),
    ("purchases", purchases),
    ("alerts", alerts),
    ("user_patterns", patterns),
    ("events", quality),
    ("events", lateness),
    ("events", cost),
)


def sections(lake: Reading) -> list[Section]:
    """What there is to say."""
    return [found for table, section in SECTIONS if table in lake.names and (found := section(lake))]
