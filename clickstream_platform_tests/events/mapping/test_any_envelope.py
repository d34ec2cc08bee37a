"""Any events in any envelopes, cut into records and files in any way: what they are by themselves, and both balances.

An envelope is drawn as a mapping declares it, and packed here by other means than those that open it.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.events.mapping.checking import EVENT, PASSED_OVER, REJECTED, CheckSummary, check_records
from clickstream_platform.events.rules import Parse, Rules
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.ingest.facts import Facts
from clickstream_platform.streaming.ingest.staged import StagedBatch
from clickstream_platform.streaming.ingest.staging import stage_records
from clickstream_platform.streaming.sources.envelope_count import Envelopes, Tally
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.streaming.sources.source import PartRead
from clickstream_platform.tables.events import rules_from

Event = dict[str, Any]
SECRET = "s3cr3t-of-someone"
PASSED = '[pass_over]\nevent_type = ["skip"]\n'


class Layer(NamedTuple):
    """One envelope, as a mapping declares it."""

    path: str
    steps: tuple[str, ...]
    holds: str
    inherit: tuple[str, ...]
    names: str = ""
    key: str = ""

    def toml(self, *, optional: bool) -> str:
        said = {**self._asdict(), "steps": [*self.steps], "inherit": [*self.inherit]}
        lines = [f"{key} = {json.dumps(value)}" for key, value in said.items() if value]
        return "\n".join(["[[envelope]]", *lines, *(["optional = true"] if optional else []), ""])


@dataclass
class Value:
    """What is packed: a JSON value, or a text; which events are in it, and with what they have from around them."""

    data: bytes
    is_json: bool = True
    events: list[Event] = field(default_factory=list[Event])

    @property
    def as_json(self) -> bytes:
        return self.data if self.is_json else json.dumps(self.data.decode()).encode()


STEPS = [(), ("json",), ("base64",), ("base64", "gzip"), ("base64", "gzip", "json"), ("base64", "json")]
PATHS = ["", "b", "x.b", "x[0]", "x[key=k].b"]


@st.composite
def layers(draw: st.DrawFn) -> list[Layer]:
    found: list[Layer] = []
    count = draw(st.integers(1, 3))
    for number in range(count):
        path, steps = draw(st.sampled_from(PATHS)), draw(st.sampled_from(STEPS))
        holds = draw(st.sampled_from(["many", "many", "one"])) if path or steps else "many"
        is_of_line = not number or found[-1].steps[-1:] == ("lines",)  # which has no lines of its own, unless packed
        if holds == "many" and draw(st.booleans()) and (path or steps[:1] == ("base64",) or not is_of_line):
            steps = (*steps, "lines")
        inherit = draw(st.sampled_from([(), ("session_id",), ("session_id", "context")])) if path else ()
        if holds == "many" and "lines" not in steps:
            tables = ["rows", "columns"] if number + 1 == count else []
            holds = draw(st.sampled_from(["many", "many", "values", *tables]))
        names = draw(st.sampled_from(["", "n.of"])) if holds == "rows" and path else ""
        key = f"k{number}" if holds in ("values", "columns") else ""
        found.append(Layer(path, steps, holds, inherit, names, key))
    return found


EVENTS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u", "", "\u00fc"]),
        "timestamp": st.sampled_from(["2024-03-01T10:00:00Z", "no time"]),
        "event_type": st.sampled_from(["click", "click", "scroll", "skip"]),
    },
    optional={
        "session_id": st.sampled_from(["own", None]),
        "context": st.sampled_from([{"a": 1.5, "email": SECRET}, {"c": {"d": "\u2028"}}, "no object", None]),
        "email": st.just(SECRET),
    },
)


def packed(around: Sequence[Layer], events: Sequence[Event], chance: random.Random) -> Value:
    """Some of the events, or none, in these envelopes."""
    if not around:
        event = chance.choice(events)
        return Value(json.dumps(event).encode(), events=[event])
    layer, *more = around
    items = [packed(more, events, chance) for _ in range(1 if layer.holds == "one" else chance.randrange(4))]
    beside = {"session_id": "of the envelope", "context": {"a": chance.randrange(3), "email": SECRET}}
    inherited = {name: beside[name] for name in layer.inherit if chance.random() < 0.8}
    if layer.holds in ("rows", "columns"):
        items = _even(items)
    is_keyed = layer.holds == "values" or (layer.holds == "columns" and not _is_of_arrays(items))
    keys = [{layer.key: str(number)} if is_keyed else {} for number in range(len(items))]
    held = [
        lacking(event, {**inherited, **key}) for item, key in zip(items, keys, strict=True) for event in item.events
    ]
    return Value(*_closed(layer, items, inherited), events=held)


def _even(items: list[Value]) -> list[Value]:
    """Events as rows of one table, each with all of its columns."""
    names = list(dict.fromkeys(name for item in items for name in item.events[0]))
    events = [{name: item.events[0].get(name) for name in names} for item in items]
    return [Value(json.dumps(event).encode(), events=[event]) for event in events]


def _is_of_arrays(items: Sequence[Value]) -> bool:
    return len(items) != 2


def _table(layer: Layer, items: Sequence[Value]) -> Any:
    """Rows, the first of which has the names unless these are beside; or columns: arrays, or objects by keys."""
    events = [item.events[0] for item in items]
    if layer.holds == "rows":
        header = [[*events[0]]] if events and not layer.names else []
        return [*header, *({"f": [*event.values()]} for event in events)]
    names = [*events[0]] if events else []
    if _is_of_arrays(items):
        return {name: [event[name] for event in events] for name in names}
    return {name: {str(number): event[name] for number, event in enumerate(events)} for name in names}


def lacking(event: Event, more: Event) -> Event:
    """An event with what it lacks."""
    both = dict(event)
    for name, value in more.items():
        own = both.get(name)
        if own is None:
            both[name] = value
        elif isinstance(own, dict) and isinstance(value, dict):
            both[name] = {**value, **{key: each for key, each in own.items() if each is not None}}
    return both


def _closed(layer: Layer, items: list[Value], beside: Event) -> tuple[bytes, bool]:
    steps = [*layer.steps]
    if steps[-1:] == ["lines"]:
        data, is_json = b"\n".join(item.data for item in items), False
        steps.pop()
    elif layer.holds == "one":
        data, is_json = items[0].data, items[0].is_json
    elif layer.holds in ("rows", "columns"):
        names = [{"name": name} for name in items[0].events[0]] if items else ["none"]
        beside = {**beside, "n": {"of": names}} if layer.names else beside
        data, is_json = json.dumps(_table(layer, items)).encode(), True
    elif layer.holds == "values":
        data, is_json = b"{" + b",".join(b'"%d":%b' % (n, item.as_json) for n, item in enumerate(items)) + b"}", True
    else:
        data, is_json = b"[" + b",".join(item.as_json for item in items) + b"]", True
    for step in reversed(steps):
        if step == "json":
            data, is_json = Value(data, is_json).as_json, False
        elif step == "gzip":
            data = gzip.compress(data)
        else:
            data, is_json = base64.b64encode(data), False
    return _at(layer.path, Value(data, is_json).as_json, beside) if layer.path else (data, is_json)


def _at(path: str, inside: bytes, beside: Event) -> tuple[bytes, bool]:
    more = b"".join(b',"%s":%s' % (name.encode(), json.dumps(value).encode()) for name, value in beside.items())
    around = {
        "b": b'{"b":%s%s}',
        "x.b": b'{"x":{"b":%s,"z":1}%s}',
        "x[0]": b'{"x":[%s,2]%s}',
        "x[key=k].b": b'{"x":[{"key":"j"},{"key":"k","b":%s}]%s}',
    }
    return around[path] % (inside, more), True


class Read(NamedTuple):
    """What a run stages of some files, and what `check` says of them."""

    facts: Facts
    rows: list[Event]
    everything: str
    said: list[CheckSummary]
    tally: Tally


def read(files: Sequence[Sequence[bytes]], rules: Rules, folder: Path) -> Read:
    folder.mkdir()
    names, said, tally = (
        [f"{number}.parquet" for number in range(len(files))],
        list[CheckSummary](),
        Tally(Envelopes.from_rules(rules)),
    )
    for name, records in zip(names, files, strict=True):
        file = folder / f"{name}.json"
        file.write_bytes(b"".join(record + b"\n" for record in records))
        batches = [each for each in sample_files(file, 1_000_000, "lines") if not isinstance(each, PartRead)]
        said.append(check_records(batches, rules))
        stage_records(iter([*batches, PartRead(file.name, 0, 0)]), Parse(rules), folder / name)
        for record in records:
            tally.add(record)
    staged = StagedBatch(folder, tuple(names))
    rows = [row for batch in staged.accepted() for row in batch.to_pylist()]
    everything = "".join(repr(pq.read_table(folder / name).to_pylist()) for name in names)
    return Read(staged.facts(), rows, everything, said, tally)


def content(row: Event) -> str:
    extra = row["extra"] and json.loads(row["extra"])
    return repr([row[name] for name in ("user_id", "session_id", "event_type", "timestamp")]) + json.dumps(
        extra, sort_keys=True
    )


def ruled(folder: Path, around: Sequence[Layer], *, optional: bool, **of: Any) -> Rules:
    file = folder / ("mine.toml" if around else "alone.toml")
    envelopes = "".join(layer.toml(optional=optional and not n) for n, layer in enumerate(around))
    file.write_text(f'extends = "own"\n{PASSED}{envelopes}')
    return rules_from(Settings.model_validate({"mapping": str(file), **of}))


def split(items: Sequence[Any], chance: random.Random) -> list[list[Any]]:
    files: list[list[Any]] = [[] for _ in range(3)]
    for item in items:
        chance.choice(files).append(item)
    return [file for file in files if file]


@given(layers(), st.lists(EVENTS, min_size=1, max_size=5), st.integers(0, 8), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_events_in_any_envelopes_are_those_by_themselves_and_everything_is_accounted_for(
    around: list[Layer], events: list[Event], count: int, chance: random.Random
) -> None:
    optional = bool(around[0].path) and chance.random() < 0.5
    records = [packed(() if optional and chance.random() < 0.3 else around, events, chance) for _ in range(count)]
    alone = [json.dumps(event).encode() for record in records for event in record.events]
    with TemporaryDirectory() as name:
        folder = Path(name)
        rules = ruled(folder, around, optional=optional)
        held = read(split([record.data for record in records], chance), rules, folder / "held")
        plain = read(split(alone, chance), ruled(folder, (), optional=False), folder / "plain")
    assert sorted(map(content, held.rows)) == sorted(map(content, plain.rows))
    facts = held.facts
    assert (facts.by_reason(), facts.passed_over) == (plain.facts.by_reason(), plain.facts.passed_over)
    # Both balances, and the count by other means.
    assert facts.records == len(records)
    assert facts.records - facts.opened + facts.inside == len(alone)
    assert len(held.rows) + facts.rejected + sum(facts.passed_over.values()) == len(alone)
    assert (held.tally.opened, held.tally.inside, held.tally.unknown) == (facts.opened, facts.inside, 0)
    # And `check` says what a run does.
    assert (sum(each.records for each in held.said), sum(each.opened for each in held.said)) == (
        *(facts.records, facts.opened),
    )
    assert [sum(each.count(fate) for each in held.said) for fate in (EVENT, REJECTED, PASSED_OVER)] == [
        *(len(held.rows), facts.rejected, sum(facts.passed_over.values())),
    ]


@given(layers(), st.lists(EVENTS, min_size=1, max_size=4), st.integers(0, 40), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_what_is_masked_is_kept_of_no_event_of_an_envelope_of_nothing_it_inherits_and_of_none_that_is_cut(
    around: list[Layer], events: list[Event], cut: int, chance: random.Random
) -> None:
    records = [packed(around, events, chance).data for _ in range(4)]
    records[0] = records[0][: max(len(records[0]) - cut, 1)]
    hidden = [text.decode() for text in (base64.b64encode(SECRET.encode()), SECRET.encode())]
    with TemporaryDirectory() as name:
        folder = Path(name)
        rules = ruled(folder, around, optional=False, drop_fields=["email"])
        found = read(split(records, chance), rules, folder / "held")
    assert found.facts.records == len(records)
    assert not any(each in found.everything for each in hidden)
