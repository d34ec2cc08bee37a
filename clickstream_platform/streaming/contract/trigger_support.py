"""The one table of facts about triggers: which queries each works with, which commands take it, and what others answer.

``docs/triggers.md`` is made of it: ``python -m`` this module ``> docs/triggers.md``. Every line about Spark is
measured: ``python bench/triggers.py`` starts each combination and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from clickstream_platform.errors import SettingsError
from clickstream_platform.streaming.contract.trigger import (
    AvailableNow,
    Continuous,
    Once,
    ProcessingTime,
    RealTime,
    Trigger,
)

Command = Literal["run", "stream", "tap"]

QUERIES = {  # by name: source, operation, sink
    "files to the console": ("files", "rows", "console"),
    "rate source to the console": ("rate", "rows", "console"),
    "Kafka to the console": ("kafka", "rows", "console"),
    "Kafka to foreachBatch": ("kafka", "rows", "foreachBatch"),
    "Delta to foreachBatch": ("delta", "rows", "foreachBatch"),
    "Kafka to Delta": ("kafka", "rows", "delta"),
    "Kafka, watermark": ("kafka", "watermark", "console"),
    "Kafka, counts": ("kafka", "counts", "console"),
    "Kafka, a Python function": ("kafka", "python", "console"),
}
"""What was tried with every trigger. A table's batches are committed by foreachBatch."""

NOTHING_YET = "it ended and no row arrived"  # no refusal: a rate source begins to count when it is started


@dataclass(frozen=True)
class TriggerFacts:
    """What is known of one trigger.

    Attributes:
        written: how a person writes it.
        when: when micro-batches start.
        taken_by: the commands that take it.
        reason: why no other does.
        instead: what to use there.
        refused: the queries of :data:`QUERIES` that it does not work with, and Spark's words, as far as they are the
            same in every run.
    """

    written: str
    when: str
    taken_by: tuple[Command, ...]
    reason: str
    instead: str
    refused: Mapping[str, str] = field(default_factory=dict[str, str])


_NO_BATCHES = "'foreachBatch' is not supported with continuous trigger."
_LIMITED = "Streaming real-time mode has the following limitation:"
_NO_SOURCE = f"[STREAMING_REAL_TIME_MODE.INPUT_STREAM_NOT_SUPPORTED] {_LIMITED} The input stream {{}} is not supported"
_NOT_ALLOWED = f"[STREAMING_REAL_TIME_MODE.OPERATOR_OR_SINK_NOT_IN_ALLOWLIST] {_LIMITED} The {{}}"
_SPARK = "org.apache.spark.sql.execution"
_NO_TABLES = _NOT_ALLOWED.format(f"sink(s): {_SPARK}.streaming.sources.ForeachBatchSink is not in the sink allowlist")

FACTS: dict[type[Trigger], TriggerFacts] = {
    AvailableNow: TriggerFacts(
        "available now",
        "one after another, up to the source's limits each, until all is read that was there at the start",
        ("run",),
        "it ends, and a stream does not",
        "use `clickstream run`",
        {"rate source to the console": NOTHING_YET},
    ),
    Once: TriggerFacts(
        "once",
        "one, whatever its size: the source's limits are ignored, so a backlog may not fit. Deprecated in Spark, works",
        ("run",),
        "it ends, and a stream does not",
        'use `clickstream run --trigger once`, or `--trigger "available now"`, which keeps to the source\'s limits',
        {"rate source to the console": NOTHING_YET},
    ),
    ProcessingTime: TriggerFacts(
        "2 minutes",
        "each interval, up to the source's limits; one that takes longer delays the next",
        ("stream", "tap"),
        "it never ends, and a run does",
        'use `clickstream stream --every "2 minutes"`, or a schedule that starts runs',
    ),
    Continuous: TriggerFacts(
        "continuous 1 second",
        "none: records flow one by one, at least once; the interval says how often offsets are noted",
        ("tap",),
        f"tables are written by foreachBatch, of which Spark says: {_NO_BATCHES}",
        'use `clickstream stream --every "1 second"`; `clickstream tap` is continuous',
        {
            "files to the console": "Continuous processing does not support StreamingRelation operations.",
            "Kafka to foreachBatch": _NO_BATCHES,
            "Delta to foreachBatch": _NO_BATCHES,
            "Kafka to Delta": "Unknown type of trigger: ContinuousTrigger(1000)",
            "Kafka, watermark": "Continuous processing does not support EventTimeWatermark operations.",
            "Kafka, counts": "Continuous processing does not support Aggregate operations.",
        },
    ),
    RealTime: TriggerFacts(
        "real-time 5 seconds",
        "each stays open for the interval, five seconds or more, while records flow through it one by one",
        ("tap",),
        "tables are written by foreachBatch and some of them are stateful, both of which Spark answers with "
        "OPERATOR_OR_SINK_NOT_IN_ALLOWLIST",
        'use `clickstream stream --every "1 second"`; `clickstream tap --real-time` is in real time',
        {
            "files to the console": _NO_SOURCE.format(f"{_SPARK}.streaming.runtime.FileStreamSource"),
            "rate source to the console": _NO_SOURCE.format(f"{_SPARK}.streaming.sources.RateStreamMicroBatchStream"),
            "Kafka to foreachBatch": _NO_TABLES,
            "Delta to foreachBatch": _NO_TABLES,
            "Kafka to Delta": "[DELTA_UNSUPPORTED_OUTPUT_MODE] Data source "
            "org.apache.spark.sql.delta.sources.DeltaDataSource does not support Update output mode",
            "Kafka, counts": _NOT_ALLOWED.format(f"operator(s): {_SPARK}.aggregate.HashAggregateExec"),
            "Kafka, a Python function": _NOT_ALLOWED.format(f"operator(s): {_SPARK}.python.ArrowEvalPythonExec"),
        },
    ),
}


def trigger_refusal(trigger: Trigger, query: str) -> str | None:
    """What Spark says against a trigger for a query of :data:`QUERIES`; None if it works."""
    return FACTS[type(trigger)].refused.get(query)


def require_trigger(trigger: Trigger, command: Command, subject: str) -> None:
    """Refuse a trigger that the command does not take.

    Raises:
        SettingsError: says why not, and what to use instead. The subject is an option, or a table.
    """
    facts = FACTS[type(trigger)]
    if command not in facts.taken_by:
        raise SettingsError(
            subject, f"{trigger.name} is not for `clickstream {command}`: {facts.reason}", facts.instead
        )


def triggers_page() -> str:
    """``docs/triggers.md``."""
    return "\n".join((*_HEAD, *_commands(), *_MATRIX, *_matrix(), *_WORDS, *_words()))


_HEAD = (
    "# Triggers",
    "",
    "<!-- Made of clickstream_platform/streaming/contract/trigger_support.py: "
    "python -m clickstream_platform.streaming.contract.trigger_support > docs/triggers.md -->",
    "",
    "The trigger decides when a micro-batch may start; a schedule, a sensor or a person decides when a run does. A",
    "table may change its trigger at any time: it goes on from its checkpoint.",
    "",
    "| trigger, as it is written | micro-batches | taken by | elsewhere |",
    "|---|---|---|---|",
)
_MATRIX = (
    "",
    "What Spark 4.2 does with each, started for real by `python bench/triggers.py` (Kafka is a real broker):",
    "",
)
_WORDS = (
    "",
    "A rate source counts from the moment it is started, so nothing is there yet for a trigger that ends.",
    "",
    "Records are parsed by a Python function. So `clickstream tap` lets Spark print them as they are, and parses them",
    "itself.",
    "",
    "The refusals, in Spark's own words:",
    "",
    "| trigger | query | Spark says |",
    "|---|---|---|",
)


def _commands() -> Iterator[str]:
    for kind, facts in FACTS.items():
        taken = ", ".join(f"`{command}`" for command in facts.taken_by)
        yield f"| {kind.__name__}: `{facts.written}` | {facts.when} | {taken} | {facts.reason}; {facts.instead} |"


def _matrix() -> Iterator[str]:
    yield f"| query | {' | '.join(kind.__name__ for kind in FACTS)} |"
    yield "|---" * (len(FACTS) + 1) + "|"
    for query in QUERIES:
        yield f"| {query} | {' | '.join(_verdict(facts, query) for facts in FACTS.values())} |"


def _verdict(facts: TriggerFacts, query: str) -> str:
    words = facts.refused.get(query)
    return "works" if words is None else "no row yet" if words == NOTHING_YET else "refused"


def _words() -> Iterator[str]:
    for kind, facts in FACTS.items():
        for query, words in facts.refused.items():
            if words != NOTHING_YET:
                yield f"| {kind.__name__} | {query} | `{words}` |"
    yield ""


if __name__ == "__main__":
    print(triggers_page(), end="")
