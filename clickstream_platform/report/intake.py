"""How well records were taken in: what became of them, how late they came, and what every table cost."""

from __future__ import annotations

from collections import Counter

from clickstream_platform.report.figures import DAY, HOUR, MINUTE, Reading
from clickstream_platform.report.plots import Ranked
from clickstream_platform.report.section import Grid, Section
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.wording import number_of, share

BEHIND = (  # how far behind the newest event: up to, and what that class is called
    (10 * MINUTE, "1-10 min"), (HOUR, "10-60 min"), (6 * HOUR, "1-6 h"), (DAY, "6-24 h"),
)  # fmt: skip
LONGER = "over a day"


def quality_section(lake: Reading) -> Section | None:
    """What was read, and what became of it: from the ledger, as it is booked with every batch."""
    booked = lake.entries("events")
    read, accepted = sum(entry.rows_in for entry in booked), sum(entry.rows_out for entry in booked)
    if not read:
        return None
    meant = sum(entry.offered for entry in booked)
    reasons: Counter[str] = Counter()
    for entry in booked:
        reasons.update(entry.records.reasons)
    if accepted:
        were = "was" if accepted == 1 else "were"
        finding = f"{accepted:,} of {number_of(meant, 'record')} {were} accepted: {share(accepted, meant)}."
    elif not meant:
        finding = f"None of {number_of(read, 'record')} was meant as an event, by the mapping."
    else:
        finding = f"None of {number_of(meant, 'record')} was accepted."
    grid = Grid(("what became of records", "count"), _counts(booked, read, accepted))
    if not reasons:
        return Section("Data quality", finding, grid=grid, note="No record was rejected.")
    ranked = Ranked(dict(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))), "rejected records by reason")
    note = "A record with several faults counts for each reason. `clickstream quarantine` shows them."
    return Section("Data quality", finding, ranked, grid, note)


def _counts(booked: list[Entry], read: int, accepted: int) -> list[tuple[str, int]]:
    passed = sum(e.records.passed for e in booked)
    unreadable, lost = sum(len(e.account.unreadable) for e in booked), sum(e.account.lost_offsets for e in booked)
    return [
        ("read", read),
        *([("events in them", inside)] if (inside := sum(e.events_in for e in booked)) != read else []),
        ("accepted", accepted),
        ("duplicates left out", sum(e.copies.duplicates for e in booked)),
        ("rejected", sum(e.records.quarantined for e in booked)),
        *([("passed over: no events, by the mapping", passed)] if passed else []),
        *([("gone before they were read", lost)] if lost else []),
        *([("files that could not be read", unreadable)] if unreadable else []),
    ]


def lateness_section(lake: Reading) -> Section | None:
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
    classes = dict.fromkeys([*(name for _, name in BEHIND), LONGER], 0)
    for minutes, count in rows:
        if minutes:
            classes[next((name for limit, name in BEHIND if minutes * MINUTE < limit), LONGER)] += count
    ahead = total - sum(classes.values())
    finding = (
        f"{ahead:,} of {number_of(total, 'event')} came less than a minute behind the newest event"
        f" that was there before: {share(ahead, total)}."
    )
    if ahead == total:
        return Section("Late and out of order", "No event came a minute or more behind one that was there before it.")
    labels = {name: f"{count:,} ({share(count, total)})" for name, count in classes.items()}
    return Section("Late and out of order", finding, Ranked(classes, "other events, by how far behind", labels))


def cost_section(lake: Reading) -> Section | None:
    """What every table cost: from the ledger."""
    booked = {name: [entry for entry in lake.entries(name) if entry.table == name] for name in lake.lake.names()}
    booked = {name: entries for name, entries in booked.items() if entries}  # not those that carry another's entries
    if not booked:
        return None
    spent = {name: sum(entry.duration_ms for entry in entries) for name, entries in booked.items()}
    spent = dict(sorted(spent.items(), key=lambda each: -each[1]))
    grid = Grid(("table", "batches", "read", "written", "revised"), [_cost(name, booked[name]) for name in spent])
    batches = number_of(sum(map(len, booked.values())), "batch", "batches")
    seconds = {name: milliseconds / 1000 for name, milliseconds in spent.items()}
    plot = Ranked(seconds, "seconds of work", {name: _time(milliseconds) for name, milliseconds in spent.items()})
    return Section("What each table cost", f"{_time(sum(spent.values()))} of work in {batches}.", plot, grid)


def _time(milliseconds: int) -> str:
    return f"{milliseconds / 1000:,.1f} s" if milliseconds >= 100 else f"{milliseconds} ms"


def _cost(name: str, booked: list[Entry]) -> tuple[str, int, int, int, int]:
    read, written = sum(entry.rows_in for entry in booked), sum(entry.rows_out for entry in booked)
    return name, len(booked), read, written, sum(entry.revisions for entry in booked)
