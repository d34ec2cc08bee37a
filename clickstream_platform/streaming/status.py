"""Where every table stands, from files alone: no JVM, some tens of milliseconds a table.

What is *committed* counts. A batch that was killed before ``commits/<n>`` is still to be read, because the next run
reads it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from clickstream_platform.errors import ClickstreamError, SourceError
from clickstream_platform.streaming import generation, landing
from clickstream_platform.streaming.checkpoint import next_version
from clickstream_platform.streaming.lake import Lake, LakeTable
from clickstream_platform.streaming.ledger import last_entry
from clickstream_platform.streaming.offsets import FileSource, KafkaSource
from clickstream_platform.streaming.table import StreamingTable

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

TIMEOUT = 3.0  # seconds for a broker to answer: a person waits for it, and so does Dagster's sensor


@dataclass(frozen=True)
class Lag:
    """What is there and no committed batch has read. ``unit`` is files, events or records."""

    amount: int
    unit: str


@dataclass(frozen=True)
class LastRun:
    """The run that committed the newest batch, and when (ISO 8601, UTC)."""

    run_id: str
    at: str


@dataclass(frozen=True)
class TableStatus:
    """Where one table stands.

    Attributes:
        name: the table's name.
        rows: its rows; 0 if it does not exist yet.
        delta_version: its newest version; None if it does not exist yet.
        watermark: event time before which its state is forgotten (ISO 8601, UTC); None before there is one.
        batches: committed batches of this generation, those that had nothing to write included.
        lag: what is left to read; None if that cannot be found out: see ``problem``.
        lag_unit: files, events or records; None with ``lag``.
        generation: of its checkpoint; 1 before the first run.
        last_run: what committed its newest entry; None before the first.
        problem: why ``lag`` is not known, in the words of the error; None if it is.
    """

    name: str
    rows: int
    delta_version: int | None
    watermark: str | None
    batches: int
    lag: int | None
    lag_unit: str | None
    generation: int
    last_run: LastRun | None
    problem: str | None = None


def status(contracts: Iterable[StreamingTable], lake: Lake) -> tuple[TableStatus, ...]:
    """Where these tables stand, in their order. A lag that cannot be found out is reported, not raised."""
    return tuple(_status(table, lake) for table in contracts)


def _status(table: StreamingTable, lake: Lake) -> TableStatus:
    target, entry = lake.table(table.name), last_entry(lake.table(table.name))
    checkpoint = generation.checkpoint_of(lake, table.name, entry.generation if entry else 1)
    watermark = checkpoint.watermark_ms()
    found, problem = _lag_or_problem(table, lake)
    return TableStatus(
        name=table.name,
        rows=target.rows(),
        delta_version=target.version(),
        watermark=_iso(watermark) if watermark is not None else None,
        batches=checkpoint.committed() + 1,
        lag=found.amount if found else None,
        lag_unit=found.unit if found else None,
        generation=checkpoint.generation,
        last_run=LastRun(entry.run_id, _iso(entry.committed_at_ms)) if entry else None,
        problem=problem,
    )


def _iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lag_or_problem(table: StreamingTable, lake: Lake) -> tuple[Lag | None, str | None]:
    try:
        return lag(table, lake), None
    except ClickstreamError as error:
        return None, str(error)


def lag(table: StreamingTable, lake: Lake) -> Lag:
    """What the next run of a table would read.

    Raises:
        SourceError: Kafka does not answer within some seconds, or its topic is gone or was replaced.
        CheckpointError: ``events`` no longer has the log of a version that was not read yet.
    """
    checkpoint = generation.current(lake, table.name)
    plan = checkpoint.plan(checkpoint.committed())
    end = plan.end if plan else None
    if isinstance(table.offsets, FileSource):
        return Lag(len(landing.listed(table.offsets.folder) - landing.planned(checkpoint, None, end)), "files")
    if isinstance(table.offsets, KafkaSource):
        return Lag(_unread_records(table.offsets, (end or {}).get(table.offsets.topic, {})), "records")
    return Lag(_unread_events(lake.table(table.offsets.name), end), "events")


def _unread_events(events: LakeTable, end: dict[str, Any] | None) -> int:
    """Events in commits after ``end``; all of them before batch 0, which reads the whole snapshot."""
    newest = events.version()
    if newest is None:
        return 0
    if end is None:
        return events.rows()
    return sum(file.rows for file in events.added_files(next_version(end), newest))


def _unread_records(source: KafkaSource, committed: dict[str, int]) -> int:
    """Records between what was read and the end of each partition.

    A partition nobody has read yet counts from its beginning, also where a first run is to start at ``latest``: that
    run has still to be started.
    """
    from confluent_kafka import KafkaException  # noqa: PLC0415 - only who reads from Kafka pays for it

    try:
        spans = _spans(source)
    except KafkaException as failed:
        finding = f"{source.servers} does not answer within {TIMEOUT:g} s ({failed.args[0].str()})"
        raise SourceError("kafka", finding, "start Kafka, or set CLICKSTREAM_SOURCE") from failed
    for partition, (_, end) in spans.items():
        if committed.get(partition, 0) > end:
            finding = f"it was replaced: partition {partition} ends at {end}, but was read up to {committed[partition]}"
            raise SourceError(source.topic, finding, "restore the topic, or begin a new lake")
    return sum(end - max(first, committed.get(partition, 0)) for partition, (first, end) in spans.items())


def _spans(source: KafkaSource) -> dict[str, tuple[int, int]]:
    """The first offset and the end, excluded, of every partition of the topic."""
    from confluent_kafka import TopicPartition  # noqa: PLC0415
    from confluent_kafka.admin import (  # noqa: PLC0415
        AdminClient,
        OffsetSpec,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in its __all__
    )

    client = AdminClient(_client_conf(source))
    topics = client.list_topics(timeout=TIMEOUT).topics  # of all topics: asking for one by name may make it
    if source.topic not in topics:
        finding = f"there is no such topic at {source.servers}"
        raise SourceError(source.topic, finding, "create it, or set CLICKSTREAM_SOURCE")
    partitions = [TopicPartition(source.topic, number) for number in topics[source.topic].partitions]
    firsts = _listed(client, dict.fromkeys(partitions, OffsetSpec.earliest()))
    ends = _listed(client, dict.fromkeys(partitions, OffsetSpec.latest()))
    return {partition: (firsts[partition], ends[partition]) for partition in ends}


def _listed(client: AdminClient, wanted: dict[Any, Any]) -> dict[str, int]:
    answers = client.list_offsets(wanted, request_timeout=TIMEOUT)
    return {str(partition.partition): answer.result().offset for partition, answer in answers.items()}


def _client_conf(source: KafkaSource) -> dict[str, Any]:
    """The source's own ``kafka.`` options, without librdkafka's habit of logging what is raised here to stderr."""
    prefix = "kafka."
    own = {name.removeprefix(prefix): value for name, value in source.options.items() if name.startswith(prefix)}
    return {**own, "bootstrap.servers": source.servers, "log_level": 0, "error_cb": lambda error: None}
