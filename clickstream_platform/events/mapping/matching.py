"""Whether records have anything at the paths that somebody's own mapping says: looked at in few of them, for a run.

A preset has paths for all versions of a producer, of which most never match; a path that a file says was meant to. So
a run asks for these alone, and as long as nothing was found there. `clickstream check` looks at every record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from clickstream_platform.events.mapping.envelopes import as_fields, inherit
from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.paths import getter, steps_of
from clickstream_platform.events.mapping.records import Fields, field_reader
from clickstream_platform.events.schema import Reason
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    import pyarrow as pa

    from clickstream_platform.events.rules import Rules

# To parse a record a second time takes a third of what reading it takes. So that is a hundredth of a large task.
FIRST, EVERY = 100, 200


class Matches(msgspec.Struct, frozen=True):
    """What some records, or events of envelopes, have at paths.

    Attributes:
        looked_at: how many were looked at, of those that could be read.
        never: the paths at which none of these had anything, each with its column: ``page_url: context.url``.
    """

    looked_at: int = 0
    never: tuple[str, ...] = ()


NONE = Matches()


def combine_matches(several: Iterable[Matches]) -> Matches:
    """The matches of some records, from those of several parts of them."""
    parts = [each for each in several if each.looked_at]
    never = [path for path in parts[0].never if all(path in each.never for each in parts)] if parts else []
    return Matches(sum(each.looked_at for each in parts), tuple(never))


class FieldReader:
    """The fields of a record by a mapping, with what it has from its envelope: what its paths are looked up in."""

    def __init__(self, mapping: Mapping) -> None:
        """Read records as a mapping says."""
        self._taken = field_reader(mapping.record)

    def fields_of(self, value: bytes, inherited: str | None) -> Fields | None:
        """The fields of one record; None if it cannot be read."""
        fields = self._taken(value)
        if isinstance(fields, Reason):
            return None
        inherit(fields, as_fields(inherited or "{}"))
        return fields


class PathMatcher:
    """Looks at the records of one task. Without paths to ask for it does nothing."""

    def __init__(self, rules: Rules) -> None:
        """For the paths that :attr:`.Rules.own_paths` names."""
        self._left = {f"{column}: {path}": getter(steps_of(path)) for column, path in rules.own_paths}
        self._fielded = FieldReader(rules.mapping) if rules.mapping else None
        self._seen = self._looked_at = 0

    def look(self, events: pa.RecordBatch) -> None:
        """Look at some of these, as :mod:`..opening` gives them. Raises nothing."""
        from clickstream_platform.events.opening import bytes_to_read  # noqa: PLC0415 - as below

        if self._left and self._fielded:
            some = events.take(self._places(len(events)))
            for value, inherited in zip(bytes_to_read(some).to_pylist(), some["inherited"].to_pylist(), strict=True):
                self._look(value, inherited, self._fielded)
        self._seen += len(events)

    def _places(self, count: int) -> pa.Array:
        import pyarrow as pa  # noqa: PLC0415 - who reads what a ledger says of paths needs no Arrow

        first = range(max(FIRST - self._seen, 0))[:count]
        then = len(first) + -(self._seen + len(first)) % EVERY
        return pa.array([*first, *range(then, count, EVERY)], pa.int64())

    def _look(self, value: bytes | None, inherited: str | None, fielded: FieldReader) -> None:
        fields = None if value is None else fielded.fields_of(value, inherited)
        if fields is not None:
            self._looked_at += 1
            self._left = {path: find for path, find in self._left.items() if find(fields) is None}

    @property
    def matches(self) -> Matches:
        """The matches in the records seen so far."""
        return Matches(self._looked_at, tuple(self._left))


def describe_unmatched(matches: Matches, shown: int = 4) -> Iterator[str]:
    """That paths match nothing, in words; nothing if all do."""
    if matches.never:
        more = f" and {len(matches.never) - shown:,} more" if len(matches.never) > shown else ""
        named = f"{', '.join(matches.never[:shown])}{more}"
        records = number_of(matches.looked_at, "record that was", "records that were")
        yield f"in {records} looked at, nothing is at these paths of the mapping: {named}"
