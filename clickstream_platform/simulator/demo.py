"""The demo: simulated visitors with every known fault, in two arrivals, and what must come of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.expected import Simulation, Truth
from clickstream_platform.simulator.kafka_producer import Sender, keyed, make_topic
from clickstream_platform.simulator.simulation import simulate, write_arrival, write_landing
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS, QUARANTINE
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.ledger import Entry, entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import snapshot
from clickstream_platform.streaming.sources.files import landing
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.cluster import look
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.named import source_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SEED = 2026
ARRIVALS = (1, 2)
# The simulator's truth knows these rules by heart, as a second opinion must.
RULES = ("event_types", "future_tolerance", "max_record_bytes", "alert_purchase_count", "alert_total_events")

REVISED = ("user_activity", "clickstream_aggregated", "processed_events", "sessions", "alerts")

PREVIEWS = {  # the last column of each gives way where there is no room
    "events": ("timestamp", "user_id", "event_type", "product_id", "device_type", "session_id", "page_url"),
    QUARANTINE: ("partition", "offset", "reasons", "value"),
    "user_activity": ("window_start", "user_id", "total_events", "unique_pages", "purchase_count", "session_id"),
    "clickstream_aggregated": ("window_start", "user_id", "event_count", "session_count"),
    "processed_events": ("timestamp", "user_id", "event_type", "event_count", "product_id", "session_id", "page_url"),
    "sessions": ("session_start", "session_end", "user_id", "events_in_session", "purchases", "event_sequence"),
    "purchases": ("timestamp", "user_id", "product_id", "device_type", "session_id", "page_url"),
    "alerts": ("window_start", "user_id", "rule", "value", "threshold", "session_id"),
    "user_patterns": ("detected_at", "user_id", "pattern", "product_id", "events", "seconds_to_purchase"),
    LATE_EVENTS: ("timestamp", "user_id", "event_type", "batch_id", "watermark"),
}

WHY_REJECTED = {
    "malformed_json": "no JSON: cut off, two records in one, a proxy's answer",
    "not_an_object": "JSON without fields: a list, a number, a word",
    "missing_user_id": "nobody to count it for",
    "placeholder_id": "an id that is none: null, undefined, [object Object]",
    "missing_timestamp": "no time, so it belongs to no window and no session",
    "bad_timestamp": "no time that ever was: 30 February, 'yesterday'",
    "ambiguous_timestamp": "a number that may be a date, a year or a counter",
    "future_timestamp": "over an hour ahead: it would make everything else late",
    "missing_event_type": "nothing says what it was",
    "unknown_event_type": "not a click, a page_view or a purchase",
    "too_large": "longer than a megabyte",
    "no_value": "a key without a value: a compacted topic's way to say 'forget it'",
}


@dataclass(frozen=True)
class Comparison:
    """One number of the demo: what the simulator knows, what the tables say. ``expected`` is None if nobody knows."""

    what: str
    expected: int | None
    found: int
    why: str

    @property
    def agrees(self) -> bool:
        """Whether both are the same, as far as anybody knows."""
        return self.expected in (None, self.found)


def simulated(events: int) -> Simulation:
    """The demo's records: the same on every machine."""
    return simulate(events, SEED)


@contextmanager
def on_kafka(settings: Settings) -> Generator[Settings]:
    """Settings that read a topic of a broker in the home folder. It is stopped afterwards, if it was not up before.

    Raises:
        SetupError: the broker does not start.
    """
    broker = Broker(settings.home / "kafka")
    was_up = broker.address() is not None
    try:
        yield settings.model_copy(update={"source": f"kafka://{broker.up(settings.cache)}/clicks"})
    finally:
        if not was_up:
            broker.down()


@dataclass(frozen=True)
class Folder:
    """A landing folder that has nothing but the demo's own files."""

    path: Path

    def __str__(self) -> str:
        """Where it is."""
        return str(self.path)

    def land(self, simulation: Simulation, arrival: int) -> bool:
        """Let an arrival land. Returns whether anything is new: a second demo lands nothing."""
        before = landing.listed(self.path)
        return not before.issuperset(write_arrival(self.path, simulation, arrival, arrivals=len(ARRIVALS)))


@dataclass(frozen=True)
class Topic:
    """A topic that has nothing but the demo's own records."""

    source: KafkaSource

    def __str__(self) -> str:
        """Where it is."""
        return f"the Kafka topic {self.source.topics} at {self.source.servers}"

    def land(self, simulation: Simulation, arrival: int) -> bool:
        """Produce an arrival. Returns whether anything is new: a second demo produces nothing."""
        records = simulation.arrival(arrival, arrivals=len(ARRIVALS))
        before = sum(len(simulation.arrival(part, arrivals=len(ARRIVALS))) for part in range(1, arrival))
        if self.held() > before:
            return False
        Sender(self.source).send(keyed(record.line for record in records))
        return True

    def held(self) -> int:
        """How many records it holds. Nothing is ever deleted from it."""
        return sum(span.end for span in look(self.source).spans.values())


def admitted(settings: Settings, simulation: Simulation, lake: Lake) -> Folder | Topic:
    """The landing folder, if it holds nothing but the demo's own files, and neither does the lake; or such a topic.

    Raises:
        SettingsError: with other events beside them the demo's numbers could not be compared with the truth about them.
    """
    for name in RULES:
        if getattr(settings, name) != Settings.model_fields[name].default:
            variable = f"CLICKSTREAM_{name.upper()}"
            raise SettingsError(variable, "the demo's truth holds for the default only", "leave it out for the demo")
    source = source_from(settings)
    if isinstance(source, KafkaSource):
        return _admitted_topic(source, simulation, lake)
    with TemporaryDirectory() as apart:
        own = {file.name for file in write_landing(Path(apart), simulation, arrivals=len(ARRIVALS))}
    foreign = sorted(file for file in _known_files(source, lake) if file.name not in own)
    if foreign:
        finding = f"it holds other events than the demo's, such as {foreign[0]}"
        raise SettingsError("CLICKSTREAM_HOME", finding, "set it to another folder for the demo")
    return Folder(source.folder)


def _admitted_topic(source: KafkaSource, simulation: Simulation, lake: Lake) -> Topic:
    make_topic(source)
    topic = Topic(source)
    whole = [len(simulation.records) * part // len(ARRIVALS) for part in (0, *ARRIVALS)]
    read = lake.events.exists and generations.current(lake, "events").begun() is None
    if read or topic.held() not in whole:
        finding = "its lake or its topic holds other events than the demo's"
        raise SettingsError("CLICKSTREAM_HOME", finding, "set it to another folder for the demo")
    return topic


def _known_files(source: FileSource, lake: Lake) -> set[Path]:
    """What has landed, and what was read, whether it is still there or not."""
    checkpoint = generations.current(lake, "events")
    plan = checkpoint.plan(checkpoint.planned())
    end = plan.end if plan else None
    is_of_files = end is not None and "logOffset" in end
    return landing.listed(source.folder) | (landing.planned(checkpoint, None, end) if is_of_files else set())


def first_rows(name: str, spark: SparkSession, lake: Lake, count: int = 3) -> list[tuple[str | None, ...]]:
    """The first rows of a table in the order of its previewed columns, as text; times to the second."""
    rows = snapshot(spark, lake.table(name).path).select(*PREVIEWS[name])
    times = {column for column, kind in rows.dtypes if kind == "timestamp"}
    texts = (
        f"CAST(date_trunc('SECOND', {c}) AS STRING)" if c in times else f"CAST({c} AS STRING)" for c in rows.columns
    )
    return [tuple(row) for row in rows.orderBy(*rows.columns).limit(count).selectExpr(*texts).collect()]


def compared(truth: Truth, lake: Lake) -> list[Comparison]:
    """What was simulated, and what the tables and the ledger of ``events`` say of it."""
    booked = list(entries(lake.events))
    reasons = sum((Counter(entry.reasons) for entry in booked), Counter[str]())
    rejected = [
        Comparison(f"  {reason}", truth.quarantined.get(reason, 0), reasons[reason], WHY_REJECTED.get(reason, ""))
        for reason in sorted({*truth.quarantined, *reasons})
    ]
    return [
        Comparison("records read", truth.records, _total(booked, "rows_in"), "every line that landed, in two arrivals"),
        Comparison("accepted", truth.accepted, lake.events.rows(), "rows of events"),
        Comparison("duplicates", truth.duplicates, _total(booked, "duplicates"), "event_id and timestamp seen before"),
        Comparison("rejected", truth.rejected, lake.table(QUARANTINE).rows(), "rows of quarantine, with their bytes:"),
        *rejected,
        *_of_tables(truth, lake),
        *_lateness(booked, lake),
    ]


def _total(booked: list[Entry], count: str) -> int:
    return sum(getattr(entry, count) for entry in booked)


def _of_tables(truth: Truth, lake: Lake) -> list[Comparison]:
    expected = {
        "user_activity": (truth.activity_windows, "one for each user, session and five minutes"),
        "clickstream_aggregated": (truth.sliding_windows, "one for each user and five minutes, beginning every minute"),
        "processed_events": (None, "events that differ in more than their place"),
        "sessions": (truth.sessions, "visits, until 30 minutes pass without an event"),
        "purchases": (truth.purchases, "accepted events that are purchases"),
        "alerts": (truth.alerts, "windows with over 5 purchases or 100 events"),
    }
    return [Comparison(name, count, lake.table(name).rows(), why) for name, (count, why) in expected.items()]


def _lateness(booked: list[Entry], lake: Lake) -> list[Comparison]:
    revised = sum(_total(list(entries(lake.table(name))), "revisions") for name in REVISED)
    return [
        Comparison("late events", None, _total(booked, "late_rows"), "behind the watermark; all are in these tables"),
        Comparison("revisions", None, revised, "rows they changed that were thought final"),
        Comparison("user_patterns", None, lake.table("user_patterns").rows(), "what visitors did in their order"),
        Comparison("late_events", None, lake.table(LATE_EVENTS).rows(), "too late for user_patterns, and for it alone"),
    ]
