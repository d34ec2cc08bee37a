"""``alerts``: windows in which a visitor did more than a person does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from clickstream_platform.events.schema import Column
from clickstream_platform.expectations import AcceptedValues, NotNull, UniqueKey
from clickstream_platform.queries.alerts import Rule, alerts
from clickstream_platform.queries.user_activity import WINDOW
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import Recompute
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource


def alerts_table(settings: Settings) -> StreamingTable:
    """One row for a user and session id in five minutes and a rule that they break.

    A new row is given to the run's ``notify`` hook, before its commit.
    """
    rules = (
        Rule("many_purchases", "purchase_count", settings.alert_purchase_count),
        Rule("many_events", "total_events", settings.alert_total_events),
    )
    return StreamingTable(
        name="alerts",
        version=1,
        description="A rule that a visitor's five minutes broke.",
        columns=(
            Column("user_id", "string", "The visitor."),
            Column("session_id", "string", "The session, as the client named it; null if it named none."),
            Column("window_start", "timestamp", "Start of the five minutes, included."),
            Column("window_end", "timestamp", "End of the five minutes, excluded."),
            Column("rule", "string", "The rule: " + ", ".join(rule.name for rule in rules) + "."),
            Column("value", "bigint", "What was counted."),
            Column("threshold", "bigint", "What it was above."),
            Column("final_at", "timestamp", "Once the watermark has passed it, only a late event changes the row."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=partial(alerts, rules=rules),
        state=Recompute(by=("user_id", "session_id"), reach=WINDOW),
        watermark=Watermark("timestamp", delay=timedelta(minutes=10)),
        sink=Upsert("user_id", "session_id", "window_start", "rule", span=("window_start", "window_end")),
        expectations=(
            UniqueKey(("user_id", "session_id", "window_start", "rule")),
            NotNull(("user_id", "window_start", "rule", "value")),
            AcceptedValues("rule", tuple(rule.name for rule in rules)),
        ),
        parameters={f"rule {rule.name}": f"{rule.measure} > {rule.threshold}" for rule in rules},
        announces=True,
    )
