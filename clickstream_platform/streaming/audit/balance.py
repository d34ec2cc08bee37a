"""Whether a ledger adds up: no hole, no overlap, no record unaccounted for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from clickstream_platform.streaming.lake.ledger import Entry
from clickstream_platform.streaming.sources.kafka.cluster import offsets_between


def imbalances(entries_newest_first: list[Entry]) -> list[str]:
    """What is wrong with a ledger: holes or overlaps of offsets, or records unaccounted for. Empty when it balances."""
    wrong = [
        f"{e.title} batch {e.batch_id}: read {_said(e)}, but {e.accepted} accepted + {e.quarantined} quarantined"
        f" + {e.duplicates} duplicates + {e.passed} passed over"
        for e in entries_newest_first
        if e.events_version < 0 and e.events_in != e.accepted + e.quarantined + e.duplicates + e.passed
    ]
    wrong.extend(
        f"{e.title} batch {e.batch_id}: read {e.rows_in} records, but opened {e.opened}, with {e.inside} events in them"
        for e in entries_newest_first
        if not 0 <= e.opened <= e.rows_in or e.inside < 0 or (e.inside and not e.opened)
    )
    wrong.extend(line for e in entries_newest_first for line in _beyond_its_offsets(e))
    lives: dict[tuple[str, int], list[Entry]] = {}  # each source has batches of its own, between those of others
    for entry in reversed(entries_newest_first):
        lives.setdefault((entry.source, entry.generation), []).append(entry)
    wrong.extend(line for life in lives.values() for joint in pairwise(life) for line in _joint(*joint))
    return wrong


def _said(entry: Entry) -> str:
    if not entry.opened:
        return f"{entry.rows_in}"
    alone = entry.rows_in - entry.opened
    return f"{entry.events_in} events: {entry.inside} in {entry.opened} envelopes, and {alone} records by themselves"


def _beyond_its_offsets(entry: Entry) -> Iterator[str]:
    """Of Kafka only: an offset is one record, none, or lost."""
    offsets = offsets_between(entry.start, entry.end) if entry.events_version < 0 else None
    if offsets is not None and entry.rows_in + entry.lost_offsets > offsets:
        finding = f"read {entry.rows_in} and lost {entry.lost_offsets}, but had {offsets} offsets"
        yield f"{entry.title} batch {entry.batch_id}: {finding}"


def _joint(before: Entry, after: Entry) -> Iterator[str]:
    if after.batch_id <= before.batch_id:
        yield f"{after.title} batch {after.batch_id} was committed after batch {before.batch_id}"
    if after.events_version < 0 and after.start != before.end:
        yield f"{after.title} batch {after.batch_id} starts at {after.start}, but the one before ended at {before.end}"
