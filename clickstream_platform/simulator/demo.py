"""The demo: simulated visitors with every known fault, in two arrivals, and what must come of them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.cluster import cluster
from clickstream_platform.simulator.expected import Simulation
from clickstream_platform.simulator.kafka_producer import RecordSender, key_by_visitor, make_topic
from clickstream_platform.simulator.landing import write_arrival, write_landing
from clickstream_platform.simulator.seaweed import lend_credentials, run_store
from clickstream_platform.simulator.simulation import simulate, start_before
from clickstream_platform.source_list import MAIN
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.kafka.cluster import topics_of
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.named import folder_from, source_from, topics_from
from clickstream_platform.tables.events import QUARANTINE
from clickstream_platform.tables.user_patterns import LATE_EVENTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SEED = 2026
ARRIVALS = (1, 2)
ENDED = "demo-end.txt"
# The simulator's truth knows these rules by heart, as a second opinion must.
RULES = ("event_types", "future_tolerance", "max_record_bytes", "alert_purchase_count", "alert_total_events")

PREVIEWED = 3  # rows of a table
PREVIEWS = {  # the last column of each gives way where there is no room
    "events": ("timestamp", "user_id", "event_type", "product_id", "device_type", "session_id", "page_url"),
    QUARANTINE.name: ("partition", "offset", "reasons", "value"),
    "user_activity": ("window_start", "user_id", "total_events", "unique_pages", "purchase_count", "session_id"),
    "clickstream_aggregated": ("window_start", "user_id", "event_count", "session_count"),
    "processed_events": ("timestamp", "user_id", "event_type", "event_count", "product_id", "session_id", "page_url"),
    "sessions": ("session_start", "session_end", "user_id", "events_in_session", "purchases", "event_sequence"),
    "purchases": ("timestamp", "user_id", "product_id", "device_type", "session_id", "page_url"),
    "alerts": ("window_start", "user_id", "rule", "value", "threshold", "session_id"),
    "user_patterns": ("detected_at", "user_id", "pattern", "product_id", "events", "seconds_to_purchase"),
    LATE_EVENTS.name: ("timestamp", "user_id", "event_type", "batch_id", "watermark"),
}


def simulate_demo(events: int, end: date) -> Simulation:
    """The demo's records: the same on every machine, up to the day before ``end``."""
    return simulate(events, SEED, start_before(end))


def demo_end(home: Path, asked: date | None) -> date:
    """The day before which the demo's events end: the one asked for, that of the home's first demo, or today, UTC."""
    known = home / ENDED
    return asked or (date.fromisoformat(known.read_text()) if known.exists() else datetime.now(timezone.utc).date())


def keep_end(home: Path, end: date) -> None:
    """Write down where the demo of this home ends, so that one on another day lands nothing new."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ENDED).write_text(end.isoformat())


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


@contextmanager
def on_cluster(settings: Settings) -> Generator[Settings]:
    """Settings that run Spark on a cluster of its own: a master and two workers, which end with the block.

    Raises:
        SetupError: they do not start.
    """
    with cluster(settings.home / "cluster") as running:
        yield settings.model_copy(update={"spark_master": running.master})


@contextmanager
def on_store(settings: Settings) -> Generator[Settings]:
    """Settings whose lake is on an object store of its own, in the home folder, which ends with the block.

    Raises:
        SetupError: it is not installed, or does not start.
    """
    with run_store(settings.home / "store") as store, lend_credentials(store):
        where = {"lake": f"s3://{store.bucket}/demo", "store_endpoint": store.endpoint, "store_allow_http": True}
        yield settings.model_copy(update=where)


@dataclass(frozen=True)
class Folder:
    """A landing folder that has nothing but the demo's own files."""

    path: Path

    def __str__(self) -> str:
        """The place of the demo's input, in words."""
        return str(self.path)

    def land(self, simulation: Simulation, arrival: int) -> bool:
        """Let an arrival land. Returns whether anything is new: a second demo lands nothing."""
        before = {file.path for file in list_folder(self.path).files}
        return not before.issuperset(write_arrival(self.path, simulation, arrival, arrivals=len(ARRIVALS)))


@dataclass(frozen=True)
class Topic:
    """A topic that has nothing but the demo's own records."""

    source: KafkaSource

    def __str__(self) -> str:
        """The place of the demo's input, in words."""
        return f"the Kafka topic {self.source.topics} at {self.source.servers}"

    def land(self, simulation: Simulation, arrival: int) -> bool:
        """Produce an arrival. Returns whether anything is new: a second demo produces nothing."""
        records = simulation.arrival(arrival, arrivals=len(ARRIVALS))
        before = sum(len(simulation.arrival(part, arrivals=len(ARRIVALS))) for part in range(1, arrival))
        if self.held() > before:
            return False
        RecordSender(self.source).send(key_by_visitor(record.line for record in records))
        return True

    def held(self) -> int:
        """How many records it holds. Nothing is ever deleted from it."""
        return sum(span.end for span in topics_of(self.source).spans.values())


def own_input(settings: Settings, simulation: Simulation, lake: Lake) -> Folder | Topic:
    """The landing folder, if it holds nothing but the demo's own files, and neither does the lake; or such a topic.

    Raises:
        SettingsError: with other events beside them the demo's numbers could not be compared with the truth about them.
    """
    for name in RULES:
        if getattr(settings, name) != Settings.model_fields[name].default:
            variable = f"CLICKSTREAM_{name.upper()}"
            raise SettingsError(variable, "the demo's truth holds for the default only", "leave it out for the demo")
    if [*settings.sources] != [MAIN]:
        raise SettingsError("CLICKSTREAM_SOURCE", "the demo compares one source with its truth", "name one for it")
    if not source_from(settings).comes_in_batches:
        return _own_topic(topics_from(settings), simulation, lake)
    with TemporaryDirectory() as apart:
        own = {file.name for file in write_landing(Path(apart), simulation, arrivals=len(ARRIVALS))}
    landing = folder_from(settings)
    foreign = sorted(_known_files(landing, lake) - own)
    if foreign:
        finding = f"it holds other events than the demo's, such as {foreign[0]}"
        raise SettingsError("CLICKSTREAM_HOME", finding, "set it to another folder for the demo")
    return Folder(landing)


def _own_topic(source: KafkaSource, simulation: Simulation, lake: Lake) -> Topic:
    make_topic(source)
    topic = Topic(source)
    whole = [len(simulation.records) * part // len(ARRIVALS) for part in (0, *ARRIVALS)]
    read = lake.events.exists and generations.current_checkpoint(lake, "events").starting_point() is None
    if read or topic.held() not in whole:
        finding = "its lake or its topic holds other events than the demo's"
        raise SettingsError("CLICKSTREAM_HOME", finding, "set it to another folder for the demo")
    return topic


def _known_files(landing: Path, lake: Lake) -> set[str]:
    """What has landed, and what was read, whether it is still there or not; by its path in the folder."""
    checkpoint = generations.current_checkpoint(lake, "events")
    plan = checkpoint.plan(checkpoint.planned())
    is_of_topics = plan is not None and plan.end is not None and "logOffset" not in plan.end
    read = set() if is_of_topics else Intake(checkpoint).known_files(landing).sizes.keys()
    return {file.partition for file in list_folder(landing).files} | read


def first_rows(name: str, spark: SparkSession, lake: Lake) -> list[tuple[str | None, ...]]:
    """The first rows of a table in the order of its previewed columns, as text; times to the second."""
    rows = read_snapshot(spark, lake.table(name).path).select(*PREVIEWS[name])
    times = {column for column, kind in rows.dtypes if kind == "timestamp"}
    texts = (
        f"CAST(date_trunc('SECOND', {c}) AS STRING)" if c in times else f"CAST({c} AS STRING)" for c in rows.columns
    )
    return [tuple(row) for row in rows.orderBy(*rows.columns).limit(PREVIEWED).selectExpr(*texts).collect()]
