"""Windows in which a visitor did more than a person does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream_platform.queries.user_activity import user_activity

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True)
class Rule:
    """An alert: ``measure`` of a window of ``user_activity`` is above ``threshold``."""

    name: str
    measure: str
    threshold: int


def alerts(events: DataFrame, rules: tuple[Rule, ...]) -> DataFrame:
    """One row per user, session, five-minute window and rule that the window breaks."""
    from pyspark.sql import functions as F

    broken = F.filter(F.array(*map(_as_struct, rules)), lambda rule: rule["value"] > rule["threshold"])
    windows = user_activity(events).select("*", F.explode(broken).alias("broken"))
    return windows.select(
        "user_id",
        "session_id",
        "window_start",
        "window_end",
        "broken.rule",
        "broken.value",
        "broken.threshold",
        "final_at",
    )


def _as_struct(rule: Rule) -> Column:
    from pyspark.sql import functions as F

    return F.struct(
        F.lit(rule.name).alias("rule"),
        F.col(rule.measure).alias("value"),
        F.lit(rule.threshold).cast("long").alias("threshold"),
    )
