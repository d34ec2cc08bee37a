"""Offsets of topics as a checkpoint has them, and by partition. No client is asked.

A partition is named ``topic/number``, as in the column ``partition`` of ``events``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def split_partition(partition: str) -> tuple[str, int]:
    """A partition's topic and number."""
    topic, _, number = partition.rpartition("/")
    return topic, int(number)


def by_partition(offsets: Mapping[str, Mapping[str, int]] | None) -> dict[str, int]:
    """Offsets by partition, of offsets by topic and number as Spark writes them."""
    return {f"{topic}/{n}": offset for topic, of_topic in (offsets or {}).items() for n, offset in of_topic.items()}


def by_topic(offsets: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """The reverse of :func:`by_partition`."""
    topics: dict[str, dict[str, int]] = {}
    for partition, offset in offsets.items():
        topic, number = split_partition(partition)
        topics.setdefault(topic, {})[str(number)] = offset
    return topics


def offsets_between(start: dict[str, Any] | None, end: dict[str, Any] | None) -> int | None:
    """How many offsets lie between two of a checkpoint's; None if they are not of topics."""
    if end is None or not all(isinstance(of_topic, dict) for of_topic in end.values()):
        return None
    first = by_partition(start)
    return sum(offset - first.get(partition, 0) for partition, offset in by_partition(end).items())
