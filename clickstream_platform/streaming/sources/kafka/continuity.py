"""Before a run over Kafka: is what nobody has read yet still there, and is it still the same topic? No JVM.

Spark finds some of it late, in the middle of a batch, and some of it never: a topic that was deleted and made again,
and has grown past the old offset, is read from there on, without a word about what lies before. So what the cluster
has is compared with what the checkpoint has read, and a first run's starting offsets are written down before Spark
starts: whatever becomes of that run, the next one begins at the same offsets.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clickstream_platform.errors import CheckpointError, DataLossError, SettingsError, SourceError
from clickstream_platform.source_list import ANOTHER_SOURCE
from clickstream_platform.streaming.checkpoint import BEGIN, Checkpoint, StartingPoint
from clickstream_platform.streaming.lake.entry import Lost
from clickstream_platform.streaming.sources.kafka.cluster import Topics, offsets_at, topics_of
from clickstream_platform.streaming.sources.kafka.offsets import by_partition, by_topic, split_partition

log = logging.getLogger(__name__)

OffsetRange = tuple[int, int | None]  # offsets, the last one excluded; None: nobody knows how far
Gone = dict[str, OffsetRange]  # by partition, what the cluster no longer has
GO_ON = (
    "set CLICKSTREAM_FAIL_ON_DATA_LOSS=false to go on without them, which the ledger books; or first let producers send"
    " them again"
)
MOVE = (
    "let producers write to a topic of another name, and set CLICKSTREAM_SOURCE to that and, for the first run,"
    " CLICKSTREAM_FAIL_ON_DATA_LOSS=false"
)

if TYPE_CHECKING:
    from clickstream_platform.streaming.sources.kafka.source import KafkaSource

NOTHING = StartingPoint({}, {})


@dataclass(frozen=True)
class TopicProgress:
    """What a checkpoint has still to read.

    Attributes:
        topics: what the cluster has.
        positions: the next offset to read, by partition; where a first run would begin, if there was none.
        begun: whether any run was admitted before.
    """

    topics: Topics
    positions: Mapping[str, int]
    begun: bool

    def unread(self) -> dict[str, int]:
        """How many offsets are there to read, by partition. Some may hold no record: a transaction's marks do not."""
        spans = self.topics.spans
        return {name: max(span.end - max(span.first, self.positions.get(name, 0)), 0) for name, span in spans.items()}


def topic_progress(source: KafkaSource, checkpoint: Checkpoint) -> TopicProgress:
    """Where a checkpoint stands in its topics, if a run could go on from there.

    Before a first run that is to start at ``latest`` all that is there counts as unread: that run has still to say
    where ``latest`` is.

    Raises:
        UnreachableError: the cluster does not answer.
        DataLossError: what was not read is gone, and ``fail_on_data_loss`` is on.
        SourceError: a topic is not there, or is not the one that was read.
        CheckpointError: it was read from files.
        SettingsError: ``starting_offsets`` names a partition or an offset that is not there.
    """
    topics, begun = topics_of(source), checkpoint.starting_point()
    plan = checkpoint.plan(checkpoint.committed())
    if plan and plan.end and "logOffset" in plan.end:
        raise CheckpointError(checkpoint.table, "it was read from files, not from Kafka", ANOTHER_SOURCE)
    read = by_partition(plan.end) if plan else by_partition(begun.end) if begun else None
    if read is None:
        return TopicProgress(topics, _starts(source, topics, latest_is_first=True), begun=False)
    _require_readable(topics, read, begun or NOTHING)
    if source.fail_on_data_loss and (vanished := vanished_offsets(topics, read)):
        raise DataLossError(
            ", ".join(sorted({split_partition(name)[0] for name in vanished})), _said_of(vanished), GO_ON
        )
    return TopicProgress(topics, read, begun=True)


def admit_run(source: KafkaSource, checkpoint: Checkpoint) -> dict[str, dict[str, int]]:
    """Let a run begin, or say why not; return where a first run starts, for every partition there is now.

    Call it under the table's lease. Raises what :func:`topic_progress` does.
    """
    now = topic_progress(source, checkpoint)
    begun = checkpoint.starting_point() or NOTHING
    if not now.begun and checkpoint.planned_by_spark():
        finding = f"{BEGIN} is gone, but Spark has a note of its own of where to begin"
        raise CheckpointError(checkpoint.table, finding, f"delete the folder {checkpoint.path}: no batch has read yet")
    starts = by_partition(begun.end) if now.begun else _first_starts(source, now.topics)
    left = {name: offset for name, offset in now.positions.items() if now.begun and name not in now.topics.spans}
    admitted = StartingPoint(by_topic(starts), {**begun.topic_ids, **now.topics.ids}, {**begun.left, **left})
    if admitted != checkpoint.starting_point():
        checkpoint.write_starting_point(admitted)
    return by_topic({name: starts.get(name, 0) for name in now.topics.spans})


def vanished_offsets(topics: Topics, start: Mapping[str, int], end: Mapping[str, int] | None = None) -> Gone:
    """Offsets from ``start`` to ``end`` (the topics' own, if not given) that the cluster no longer has.

    A partition that ``start`` does not know is read from 0.
    """
    spans, ends = topics.spans, end or {name: span.end for name, span in topics.spans.items()}
    vanished: Gone = {name: (offset, None) for name, offset in start.items() if name not in ends}
    for name in ends.keys() & spans.keys():
        first, last = start.get(name, 0), min(spans[name].first, ends[name])
        if first < last:
            vanished[name] = (first, last)
    return vanished


def lost_of_vanished(vanished: Gone, read: Mapping[str, Iterable[int]]) -> Lost:
    """What is lost of what is gone now: all but the offsets that were read before they went, by partition."""
    gaps_by_partition = {name: list(_gaps(*span, sorted(read.get(name, ())))) for name, span in vanished.items()}
    return {name: gaps for name, gaps in gaps_by_partition.items() if gaps}


def _gaps(first: int, last: int | None, read: Iterable[int]) -> Iterator[OffsetRange]:
    for offset in read:
        if offset > first:
            yield first, offset
        first = offset + 1
    if last is None or first < last:
        yield first, last


def require_same_topics(topics: Topics, checkpoint: Checkpoint) -> None:
    """Raise a SourceError if a topic was made again since the run was admitted, during it for one.

    The ids are those of the moment, so that a batch has read no other topic than the one it is booked under.
    """
    if begun := checkpoint.starting_point():
        for topic in begun.topic_ids.keys() & topics.ids.keys():
            _require_id(topic, begun.topic_ids[topic], topics.ids[topic])


def _require_id(topic: str, known: str, now: str) -> None:
    if known != now:
        finding = f"it was deleted and made again (its id was {known}, is {now})"
        raise SourceError(topic, f"{finding}: the offsets that were read name other records now", MOVE)


def _require_readable(topics: Topics, read: Mapping[str, int], begun: StartingPoint) -> None:
    known, ids = begun.topic_ids, topics.ids
    for topic in sorted({split_partition(name)[0] for name in (*read, *begun.left)} & known.keys() & ids.keys()):
        _require_id(topic, known[topic], ids[topic])
    for name in sorted((begun.left.keys() - read.keys()) & topics.spans.keys()):
        topic, number = split_partition(name)
        finding = f"partition {number} was read up to offset {begun.left[name]}, then CLICKSTREAM_SOURCE left it out"
        raise SourceError(topic, f"{finding}: it would be read twice", f"leave it out again, or {MOVE}")
    for name, offset in read.items():
        topic, number = split_partition(name)
        if name in topics.spans and offset > topics.spans[name].end:
            finding = f"partition {number} ends at {topics.spans[name].end}, but was read up to {offset}"
            raise SourceError(topic, f"it was replaced: {finding}", MOVE)


def _said_of(vanished: Gone) -> str:
    counts = [last - first for first, last in vanished.values() if last is not None]
    records = f"{sum(counts):,} records" if len(counts) == len(vanished) else "records"
    return f"{records} that no batch has read are gone ({'; '.join(_each(vanished))})"


def _each(vanished: Gone) -> Iterator[str]:
    for name, (first, last) in sorted(vanished.items()):
        topic, number = split_partition(name)
        if last is None:
            yield f"{topic}, partition {number}: all from offset {first} on, it is no longer there or no longer read"
        else:
            yield f"{topic}, partition {number}: offsets {first} to {last - 1}"


def _first_starts(source: KafkaSource, topics: Topics) -> dict[str, int]:
    starts = _starts(source, topics)
    skipped = {name: at - topics.spans[name].first for name, at in starts.items() if at > topics.spans[name].first}
    if skipped:
        log.warning(
            "events: the first run starts at %s: %s records that are in %s are skipped (%s)",
            source.starting_offsets if isinstance(source.starting_offsets, str) else "the offsets given",
            f"{sum(skipped.values()):,}",
            source.topics,
            ", ".join(f"{name}: {count:,}" for name, count in sorted(skipped.items())),
        )
    return starts


def _starts(source: KafkaSource, topics: Topics, *, latest_is_first: bool = False) -> dict[str, int]:
    """Where a first run starts in each partition."""
    starting_offsets, spans = source.starting_offsets, topics.spans
    if isinstance(starting_offsets, datetime):
        return offsets_at(source, topics, starting_offsets)
    if starting_offsets == "latest" and not latest_is_first:
        return {name: span.end for name, span in spans.items()}
    starts = {name: span.first for name, span in spans.items()}
    for name, offset in by_partition(starting_offsets).items() if isinstance(starting_offsets, dict) else ():
        if name not in spans or not spans[name].first <= offset <= spans[name].end:
            what_is_there = (
                f"its offsets are {spans[name].first} to {spans[name].end}" if name in spans else "there is none"
            )
            raise SettingsError(
                "CLICKSTREAM_STARTING_OFFSETS", f"{name} at {offset}: {what_is_there}", "choose one of them"
            )
        starts[name] = offset
    return starts
