"""How many events records hold, counted by other means than those that open them: the standard library's, and naively.

All that it has in common with :mod:`clickstream_platform.events.mapping.envelopes` is what a mapping declares. Where it
cannot tell what that one has made of a record, it says so, and nothing is claimed of that record.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from clickstream_platform.events.mapping.paths import Index, Key, Step, steps_of
from clickstream_platform.events.schema import Reason
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.sources.unframed import NotReadError, is_framed, unframed
from clickstream_platform.wording import number_of

if TYPE_CHECKING:
    from clickstream_platform.events.mapping.model import Envelope, Mapping
    from clickstream_platform.events.registry.model import Registry
    from clickstream_platform.events.rules import Rules

_LETTERS = re.compile(rb"[A-Za-z0-9+/]*")
_DEEPEST = 500  # levels of brackets: a record with more is rejected
_MARK = b"\xef\xbb\xbf"
_MAY_CHANGE = (Reason.TOO_LARGE, Reason.UNKNOWN_SCHEMA, Reason.NEEDS_REGISTRY)


class _NotOpenedError(Exception):
    """It is an event by itself, or a step of its envelope fails."""


class _UnknownError(Exception):
    """This way of reading cannot tell."""


class _Held(NamedTuple):
    """Something on the way in: bytes, the bytes of a JSON value, or such a value."""

    kind: Literal["bytes", "text", "value"]
    data: Any


@dataclass
class Tally:
    """Records, looked into one after another.

    Attributes:
        envelopes: what is around their events.
        opened: how many were envelopes.
        inside: how many events these held.
        unknown: of how many others nobody can tell here.
    """

    envelopes: Envelopes
    opened: int = 0
    inside: int = 0
    unknown: int = 0

    def add(self, record: bytes | None, *, is_of_topic: bool = False) -> None:
        """Look into one; of one that is longer than ``most_bytes`` any longer part of it will do.

        Raises, of one of a topic, what :func:`.unframed.unframed` does of a registry.
        """
        if record is None or len(record) > self.envelopes.most_bytes:
            return  # which is rejected unread
        try:
            count = self.envelopes.count(record, is_of_topic=is_of_topic)
        except (_NotOpenedError, NotReadError):
            return
        except (_UnknownError, RecursionError):
            self.unknown += 1
            return
        self.opened += 1
        self.inside += count

    def against(self, entry: Entry) -> str | None:
        """What the ledger says otherwise of the same records, in words; None if nothing.

        Records that were too large then may not be so by the limits of today, and the other way round; and a schema
        that was not known then may be known.
        """
        unlike = sum(entry.records.reasons.get(reason.value, 0) for reason in _MAY_CHANGE)
        if not unlike and not self.unknown:
            agrees = (self.opened, self.inside) == (entry.records.opened, entry.records.inside)
        else:
            agrees = self.opened - unlike <= entry.records.opened <= self.opened + self.unknown
        return None if agrees else f"holds {_said(self.opened, self.inside)}, booked are {_said(*_booked(entry))}"


def _booked(entry: Entry) -> tuple[int, int]:
    return entry.records.opened, entry.records.inside


def _said(opened: int, inside: int) -> str:
    return f"{number_of(opened, 'envelope')} with {number_of(inside, 'event')}"


@dataclass(frozen=True)
class Envelopes:
    """How records are opened by today's settings.

    Attributes:
        label: the mapping's, as the ledger has it.
        declared: what is around their events, the outer one first; nothing, if every record is one.
        most_events: a record of more is rejected.
        most_unpacked: likewise one of which more bytes are unpacked.
        most_bytes: likewise a longer one.
        registry: has the schemas of records that its serializers wrote.
    """

    label: str = ""
    declared: tuple[Envelope, ...] = ()
    most_events: int = 0
    most_unpacked: int = 0
    most_bytes: int = 0
    registry: Registry | None = None

    @classmethod
    def of(cls, rules: Rules) -> Envelopes:
        """What rules say of them."""
        mapping: Mapping | None = rules.mapping
        limits = rules.max_events_in_record, rules.max_unpacked_bytes, rules.max_record_bytes
        return cls(mapping.label if mapping else "", mapping.envelope if mapping else (), *limits, rules.registry)

    def tally(self, entry: Entry) -> Tally | None:
        """For the records of a batch; None if they were read in another way, or hold nothing to count."""
        return Tally(self) if self.declared and entry.declared.mapping == self.label else None

    def unlike(self, entries: Iterable[Entry]) -> list[str]:
        """What cannot be counted again, as the mapping is no longer the same, in words."""
        opened: dict[str, int] = {}
        for entry in entries:
            if entry.records.opened and self.tally(entry) is None:
                opened[entry.declared.mapping] = opened.get(entry.declared.mapping, 0) + entry.records.opened
        why = "which is not today's"
        return [
            f"the events in {number_of(count, 'envelope')} are not counted again: they were read by {label}, {why}"
            for label, count in opened.items()
        ]

    def count(self, record: bytes, *, is_of_topic: bool = False) -> int:
        """How many events a record holds. Raises a _NotOpenedError, a NotReadError or an _UnknownError."""
        left = [self.most_unpacked]
        said = unframed(record, self.registry) if is_of_topic and is_framed(record) else record
        held = [_Held("bytes", said.removeprefix(_MARK)) if isinstance(said, bytes) else _Held("value", said)]
        for each in self.declared:
            held = [item for one in held for item in _within(one, each, left)]
            if len(held) > self.most_events:
                raise _NotOpenedError
        return len(held)


def unknown_said(tallies: Iterable[Tally]) -> list[str]:
    """How many records cannot be looked into here, in words; nothing if there are none."""
    count = sum(each.unknown for each in tallies)
    why = "their JSON is nothing that Python's own reader takes, or its bytes are no UTF-8"
    return [f"the events in {number_of(count, 'record')} are not counted again: {why}"] if count else []


def _within(held: _Held, declared: Envelope, left: list[int]) -> list[_Held]:
    if declared.path:
        held = _Held("value", _at(_json_of(held), steps_of(declared.path)))
    elif declared.optional and held.kind == "bytes" and held.data.lstrip()[:1] != b"[":
        raise _NotOpenedError
    for step in declared.steps:
        if step == "lines":
            return [_Held("bytes", line) for line in _bytes_of(held).removeprefix(_MARK).split(b"\n") if line.strip()]
        held = _undone(step, held, left)
    if declared.holds == "one":
        return [held]
    items = _json_of(held)
    if not isinstance(items, list):
        raise _NotOpenedError
    return [_Held("value", item) for item in items]


def _at(value: Any, path: Iterable[Step]) -> Any:
    for step in path:
        if isinstance(step, Key):
            value = value.get(step.name) if isinstance(value, dict) else None
        elif not isinstance(value, list):
            value = None
        elif isinstance(step, Index):
            value = value[step.place] if step.place < len(value) else None
        else:
            value = next((item for item in value if isinstance(item, dict) and item.get(step.key) == step.value), None)
    if value is None:
        raise _NotOpenedError
    return value


def _undone(step: str, held: _Held, left: list[int]) -> _Held:
    if step == "base64":
        letters = b"".join(_bytes_of(held).split()).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        if not _LETTERS.fullmatch(letters) or len(letters) % 4 == 1:
            raise _NotOpenedError
        return _Held("bytes", _counted(base64.b64decode(letters + b"==="), left))
    if step == "gzip":
        if held.kind != "bytes":
            raise _NotOpenedError
        return _Held("bytes", _counted(_unzipped(held.data, left[0] + 1), left))
    if held.kind == "bytes":
        return _Held("text", held.data.removeprefix(_MARK))
    if held.kind == "text" and held.data.lstrip()[:1] != b'"':
        return held
    value = _json_of(held)
    return _Held("text", _encoded(value)) if isinstance(value, str) else held


def _unzipped(data: bytes, most: int) -> bytes:
    if not data:
        raise _NotOpenedError
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(most)
    except (OSError, EOFError, zlib.error):
        raise _NotOpenedError from None


def _counted(data: bytes, left: list[int]) -> bytes:
    left[0] -= len(data)
    if left[0] < 0:
        raise _NotOpenedError
    return data


def _bytes_of(held: _Held) -> bytes:
    if held.kind == "bytes":
        return held.data
    value = _json_of(held)
    if not isinstance(value, str):
        raise _NotOpenedError
    return _encoded(value)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _NotOpenedError from None


def _json_of(held: _Held) -> Any:
    if held.kind != "value":
        held = _Held("value", _parsed(held.data))
    if _depth(held.data) > _DEEPEST:
        raise _NotOpenedError
    return held.data


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_no_number, parse_int=float)
    except UnicodeDecodeError:
        raise _UnknownError from None
    except ValueError:
        raise _NotOpenedError from None


def _no_number(_: str) -> Any:
    raise ValueError


def _depth(value: Any) -> int:
    """How deep lists and objects lie in each other."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (list, dict))]:
        depth += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return depth
