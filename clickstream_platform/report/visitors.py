"""What visitors did: their events, sessions, purchases, and the alerts about them."""

from __future__ import annotations

from clickstream_platform.report.figures import Reading
from clickstream_platform.report.plots import Ranked, Spread
from clickstream_platform.report.section import Grid, Section
from clickstream_platform.wording import number_of, share

# Minutes of a session: up to, and what that class is called.
LENGTHS, LONGER = ((0, "0"), (1, "0-1"), (2, "1-2"), (5, "2-5"), (10, "5-10"), (30, "10-30")), "> 30"
BEGUN = "session_start BETWEEN $since AND $until"  # a session counts where it began, also beyond midnight


def events_section(lake: Reading) -> Section | None:
    """How many events, of which type, when."""
    rows = lake.counted("events", "timestamp", "event_type")
    if not rows:
        return None
    plot = lake.over_time(rows, "events")
    sums = [sum(column) for column in zip(*plot.counts.values(), strict=True)]
    most = max(range(len(sums)), key=sums.__getitem__)
    busiest = f"The busiest {lake.unit} began {lake.time_of(plot.starts[most])}, with {number_of(sums[most], 'event')}."
    return Section(f"Events per {lake.unit}", f"{number_of(sum(sums), 'event')}. {busiest}", plot)


def sessions_section(lake: Reading) -> Section | None:
    """How long sessions last."""
    classed = " ".join(f"WHEN session_duration_minutes <= {limit} THEN '{name}'" for limit, name in LENGTHS)
    rows = lake.rows(
        f"SELECT CASE {classed} ELSE '{LONGER}' END, count(*), sum(events_in_session) FROM sessions"
        f" WHERE {BEGUN} GROUP BY ALL"
    )
    if not rows:
        return None
    ((middle,),) = lake.rows(f"SELECT median(session_duration_minutes) FROM sessions WHERE {BEGUN}")
    counts = {name: count for name, count, _ in rows}
    total, held = sum(counts.values()), sum(held for _, _, held in rows)
    each = f"they have {held / total:.1f} events on average" if held != total else "each has one event"
    finding = f"{number_of(total, 'session')} began. Half of them last {middle:.1f} minutes or more; {each}."
    if total == 1:
        finding = f"1 session began. It lasts {middle:.1f} minutes and has {number_of(held, 'event')}."
    classes = {name: counts.get(name, 0) for name in (*(name for _, name in LENGTHS), LONGER)}
    note = "A session is one visitor's events of one session id, until a long pause ends it."
    return Section("Length of sessions", finding, Spread(classes, "sessions", "minutes"), note=note)


def conversion_section(lake: Reading) -> Section | None:
    """How many sessions have a purchase, and how far the others got.

    What has a purchase is said by ``sessions``; ``events`` between a session's start and end say what else it has.
    """
    ((total, viewed, clicked, bought, converted),) = lake.rows(
        f"WITH session AS (SELECT * EXCLUDE (event_sequence) FROM sessions WHERE {BEGUN}), seen AS ("
        " SELECT coalesce(bool_or(event_type = 'page_view' AND product_id IS NOT NULL), false) AS viewed,"
        " coalesce(bool_or(event_type = 'click'), false) AS clicked, any_value(purchases) > 0 AS bought"
        " FROM session s LEFT JOIN events e ON s.user_id = e.user_id AND s.session_id IS NOT DISTINCT FROM e.session_id"
        " AND e.timestamp BETWEEN s.session_start AND s.session_end"
        " GROUP BY s.user_id, s.session_id, s.session_start)"
        " SELECT count(*), count(*) FILTER (viewed), count(*) FILTER (viewed AND clicked),"
        " count(*) FILTER (viewed AND clicked AND bought), count(*) FILTER (bought) FROM seen"
    )
    if not total:
        return None
    stages = {"all sessions": total, "saw a product": viewed, "and clicked": clicked, "and bought": bought}
    labels = {name: f"{count:,} ({share(count, total)})" for name, count in stages.items()}
    have = "has" if converted == 1 else "have"
    finding = f"{converted:,} of {total:,} sessions {have} a purchase: {share(converted, total)}."
    if total == 1:
        finding = f"The one session has {'a' if converted else 'no'} purchase."
    if other := converted - bought:
        finding += f" Of these, {other:,} {'lacks' if other == 1 else 'lack'} a product seen or a click."
    note = "In any order within a session. The pattern view_click_purchase asks for this order, and for one product."
    return Section("Sessions with a purchase", finding, Ranked(stages, "sessions", labels), note=note)


def purchases_section(lake: Reading) -> Section | None:
    """What was bought, and when."""
    rows = lake.counted("purchases", "timestamp", "'purchases'")
    if not rows:
        return None
    best = lake.rows(
        "SELECT coalesce(product_id, 'none named'), count(*), count(DISTINCT user_id) FROM purchases"
        " WHERE timestamp BETWEEN $since AND $until GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 5"
    )
    total = sum(count for _, _, count in rows)
    most = f"The product bought most is {best[0][0]}, {number_of(best[0][1], 'time')}."
    grid = Grid(("product", "purchases", "visitors"), best)
    plot = lake.over_time(rows, "purchases")
    return Section(f"Purchases per {lake.unit}", f"{number_of(total, 'purchase')}. {most}", plot, grid)


def alerts_section(lake: Reading) -> Section | None:
    """Windows in which a visitor did more than a person does. Says how many, not who."""
    rules = lake.rows(
        "SELECT rule, count(*), count(DISTINCT user_id), max(value) FROM alerts"
        " WHERE window_start BETWEEN $since AND $until GROUP BY rule ORDER BY 2 DESC, 1"
    )
    if not rules:
        return None
    alerts = number_of(sum(rule[1] for rule in rules), "alert")
    grid = Grid(("rule", "alerts", "visitors", "largest value"), rules)
    plot = lake.over_time(lake.counted("alerts", "window_start", "rule"), "alerts")
    finding = f"{alerts}. An alert is one visitor who did more in five minutes than a rule allows."
    return Section(f"Alerts per {lake.unit}", finding, plot, grid)
