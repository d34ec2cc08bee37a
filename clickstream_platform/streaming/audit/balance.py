"""Whether a ledger adds up: no hole, no overlap, no record unaccounted for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.sources.kafka.offsets import offsets_between


def imbalances(entries_newest_first: list[Entry]) -> list[str]:
    """What is wrong with a ledger: holes or overlaps of offsets, or records unaccounted for. Empty when it balances."""
    wrong = [line for e in entries_newest_first for line in _unaccounted(e)]
    wrong += [line for e in entries_newest_first for line in _wrongly_opened(e)]
    wrong.extend(line for e in entries_newest_first for line in _beyond_its_offsets(e))
    lives: dict[tuple[str, int], list[Entry]] = {}  # each source has batches of its own, between those of others
    for entry in reversed(entries_newest_first):
        lives.setdefault((entry.source, entry.generation), []).append(entry)
    wrong.extend(line for life in lives.values() for joint in pairwise(life) for line in _joint(*joint))
    return wrong


def _unaccounted(entry: Entry) -> Iterator[str]:
    rejected, left_out, passed = entry.records.quarantined, entry.copies.duplicates, entry.records.passed
    if entry.events_version < 0 and entry.events_in != entry.accepted + rejected + left_out + passed:
        ways = f"{entry.accepted} accepted + {rejected} quarantined + {left_out} duplicates + {passed} passed over"
        yield f"{entry.title} batch {entry.batch_id}: read {_what_was_read(entry)}, but {ways}"


def _wrongly_opened(entry: Entry) -> Iterator[str]:
    opened, inside = entry.records.opened, entry.records.inside
    if not 0 <= opened <= entry.rows_in or inside < 0 or (inside and not opened):
        finding = f"read {entry.rows_in} records, but opened {opened}, with {inside} events in them"
        yield f"{entry.title} batch {entry.batch_id}: {finding}"


def _what_was_read(entry: Entry) -> str:
    opened, inside = entry.records.opened, entry.records.inside
    if not opened:
        return f"{entry.rows_in}"
    alone = entry.rows_in - opened
    return f"{entry.events_in} events: {inside} in {opened} envelopes, and {alone} records by themselves"


def _beyond_its_offsets(entry: Entry) -> Iterator[str]:
    """Errors of a Kafka batch that has more records and lost offsets than offsets."""
    offsets = offsets_between(entry.start, entry.end) if entry.events_version < 0 else None
    if offsets is not None and entry.rows_in + entry.account.lost_offsets > offsets:
        finding = f"read {entry.rows_in} and lost {entry.account.lost_offsets}, but had {offsets} offsets"
        yield f"{entry.title} batch {entry.batch_id}: {finding}"


def _joint(before: Entry, after: Entry) -> Iterator[str]:
    if after.batch_id <= before.batch_id:
        yield f"{after.title} batch {after.batch_id} was committed after batch {before.batch_id}"
    if after.events_version < 0 and after.start != before.end:
        yield f"{after.title} batch {after.batch_id} starts at {after.start}, but the one before ended at {before.end}"
