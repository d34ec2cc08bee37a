"""Events counted in envelopes by other means than those that open them: both agree, or it says that it cannot."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote_from_bytes

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream_platform.events.mapping.envelopes import Limits, opener
from clickstream_platform.events.mapping.model import COLUMNS, Envelope
from clickstream_platform.events.mapping.paths import Index, Item, Key, steps_of
from clickstream_platform.events.mapping.written import WrittenMapping, mapping_of, merge_mappings, raw_of
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import Reason
from clickstream_platform.streaming.lake.entry import Account, Entry
from clickstream_platform.streaming.sources.envelope_count import Envelopes, Tally
from clickstream_platform.streaming.sources.files.count import count_file
from clickstream_platform.streaming.sources.files.recount import Plans, recount_files
from clickstream_platform_tests.homes import entry as batch

OWN = WrittenMapping(columns={name: name for name in COLUMNS})
BATCH = '[envelope]\npath = "batch"\noptional = true'
LARGEST = 2_000


def rules(envelope: str = BATCH) -> Rules:
    mapping = mapping_of("mine", merge_mappings(OWN, raw_of(envelope.encode(), "mine")), "mine")
    found = Rules(("click",), timedelta(hours=1), LARGEST, mapping=mapping)
    return replace(found, max_events_in_record=6, max_unpacked_bytes=400)


def of_layers(layers: list[Envelope]) -> Rules:
    mapping = rules().mapping
    assert mapping is not None
    made = msgspec.structs.replace(mapping, envelope=tuple(layers))
    return replace(rules(), mapping=made)


def tally_of(records: list[bytes], how: Rules) -> Tally:
    tally = Tally(Envelopes.from_rules(how))
    for each in records:
        tally.add(each)
    return tally


def packed(step: str, data: bytes) -> bytes:
    if step == "jsonp":
        return b"a.b ( %b ) ;" % data
    if step == "form":
        return b"a=" + quote_from_bytes(data).encode() + b"&b"
    return gzip.compress(data, mtime=0) if step == "gzip" else base64.b64encode(data)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=6)
    | st.sampled_from(["[1,2]", '{"a":[1]}', "AA"]),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["a", "b", "key", "batch"]), inner, max_size=4)
    ),
    max_leaves=14,
)
LAYER = st.builds(
    Envelope,
    path=st.sampled_from(["", "a", "a.b", "a[0]", "a[key=AA].b", "batch"]),
    steps=st.lists(st.sampled_from(["base64", "gzip", "form", "json", "jsonp"]), max_size=3).map(tuple)
    | st.sampled_from([("lines",), ("base64", "lines"), ("json", "lines")]),
    holds=st.sampled_from(["many", "one", "values", "rows", "columns"]),
    names=st.sampled_from(["", "z", "a"]),
).map(lambda each: each if each.holds == "rows" and each.path else msgspec.structs.replace(each, names=""))


def wrapped(data: bytes, path: str) -> bytes:
    """JSON as it lies at a path of an object."""
    for step in reversed(steps_of(path)):
        match step:
            case Key(name):
                data = b'{"%s": %s, "z": ["a", "b"]}' % (name.encode(), data)
            case Index(place):
                data = b"[" + b"1, " * place + data + b"]"
            case Item(key, value):
                data = b'[3, {"%s": "%s", "b": 2}, %s]' % (key.encode(), value.encode(), data)
    return data


def held(events: list[bytes], holds: str) -> bytes:
    match holds:
        case "one":
            return b"".join(events[:1])
        case "values":
            return b"{" + b", ".join(b'"%d": %b' % pair for pair in enumerate(events)) + b"}"
        case "columns":
            return b'{"a": [%b], "b\\n": [%b]}' % ((b", ".join(events),) * 2)
        case "rows":
            cells = [b'["a", {"Name": " b", "c": 1}]', *(b'{"f": [%b, %b]}' % (each, each) for each in events)]
            return b"[" + b", ".join(cells) + b"]"
        case _:
            return b"[" + b", ".join(events) + b"]"


def put_in(events: list[bytes], layer: Envelope) -> bytes:
    """Events in an envelope, as it is declared."""
    data = held(events, layer.holds)
    is_json = True
    for step in reversed(layer.steps):
        if step == "lines":
            data = b"\r\n \n".join(events)
        elif step != "json":
            data = packed(step, data)
        elif is_json:
            data = json.dumps(data.decode(errors="replace")).encode()
            continue
        is_json = step in ("json", "jsonp", "form")
    if not layer.path:
        return data
    if not is_json:
        data = json.dumps(data.decode("latin-1")).encode()
    return wrapped(data, layer.path)


@st.composite
def records(draw: st.DrawFn, layers: list[Envelope]) -> bytes:
    """What is declared, most of it whole; else with too many events, or broken somewhere."""
    many = draw(st.integers(0, 3) | st.just(7))
    events = [json.dumps(draw(JSON)).encode() for _ in range(many)] or [b"null"][: draw(st.integers(0, 1))]
    for layer in reversed(layers[1:]):
        events = [put_in(events, layer)] * draw(st.integers(1, 2))
    data = put_in(events, layers[0])
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 2)) :]
    return data


@st.composite
def sent(draw: st.DrawFn) -> tuple[Rules, list[bytes]]:
    """Envelopes, and records as they are sent in them."""
    layers = draw(st.lists(LAYER, min_size=1, max_size=2))
    if draw(st.booleans()) and (layers[0].path or not layers[0].steps):
        layers[0] = Envelope(layers[0].path, layers[0].steps, layers[0].holds, optional=True)
    return of_layers(layers), draw(st.lists(records(layers), min_size=1, max_size=4))


@given(sent())
@settings(max_examples=150)
def test_whatever_is_sent_both_find_as_many_events_or_one_says_that_it_cannot(drawn: tuple[Rules, list[bytes]]) -> None:
    how, each_sent = drawn
    assert how.mapping is not None
    envelope = how.mapping.envelope
    open_ = opener(how.mapping, Limits(how.max_events_in_record, how.max_unpacked_bytes))
    for record in each_sent:
        found = open_(record) if len(record) <= LARGEST else None
        tally = tally_of([record], how)
        is_repeated = found is Reason.TOO_LARGE and sum(each.holds in ("values", "columns") for each in envelope) > 1
        if not tally.unknown and not is_repeated:  # what is inherited is not counted again
            expected = (1, len(found)) if isinstance(found, list) else (0, 0)
            assert (tally.opened, tally.inside) == expected, (record, found)


def test_what_every_step_holds_is_counted() -> None:
    text = b"[1, 2, 3]"
    for envelope, record in (
        ("[envelope]", text),
        ('[envelope]\nsteps = ["base64", "gzip"]', base64.b64encode(gzip.compress(text, mtime=0))),
        ('[envelope]\npath = "b"\nsteps = ["json"]', json.dumps({"b": text.decode()}).encode()),
        ('[envelope]\nsteps = ["base64"]', base64.urlsafe_b64encode(b'["???>>>", 2, 3]')),
        ('[envelope]\npath = "b[1]"', b'{"b": [0, [1, 2, 3]]}'),
        ('[[envelope]]\nsteps = ["form"]\nholds = "one"\n[[envelope]]\npath = "b"', b"/p?b=1&b=2&c=4&b=%F0%9F%98%80"),
        ('[envelope]\npath = "b"\nsteps = ["lines"]', json.dumps({"b": "1\n2\r\n\n3"}).encode()),
    ):
        tally = tally_of([record], rules(envelope))
        assert (tally.opened, tally.inside, tally.unknown) == (1, 3, 0)


@pytest.mark.parametrize(
    ("envelope", "record"),
    [
        ('[envelope]\nsteps = ["gzip"]', b""),
        ('[envelope]\nsteps = ["gzip"]', gzip.compress(b"[]", mtime=0) + b"x"),
        ('[envelope]\nsteps = ["base64"]', base64.b64encode(b"[" + b" " * 400 + b"]")),
        ('[envelope]\nsteps = ["gzip"]', gzip.compress(b"[" + b" " * 400 + b"]", mtime=0)),
        ("[envelope]", b"[1,1,1,1,1,1,1]"),
        ("[envelope]", b"[" * 501 + b"]" * 501),
        ("[envelope]", b"[" + b" " * LARGEST + b"]"),
        ('[envelope]\npath = "b[1]"', b'{"b": [0]}'),
        ('[envelope]\nsteps = ["form"]\nholds = "one"', b'{"b": "x=1"}'),
        ('[envelope]\nsteps = ["form"]\nholds = "one"', b"b=%ff"),
        ('[envelope]\nsteps = ["form"]\nholds = "one"', b"/b?"),
    ],
)
def test_what_is_rejected_as_a_whole_is_no_envelope_here_either(envelope: str, record: bytes) -> None:
    tally = tally_of([record], rules(envelope))
    assert (tally.opened, tally.inside, tally.unknown) == (0, 0, 0)


def test_what_cannot_be_told_is_counted_apart() -> None:
    tally = tally_of([b'{"batch": ["\xff"]}', b'{"batch": [1, 2]}'], rules())
    assert (tally.opened, tally.inside, tally.unknown) == (1, 2, 1)


def entry(opened: int, inside: int, **more: Any) -> Entry:
    label = rules().mapping
    assert label is not None
    known: dict[str, Any] = {"rows_in": 3, "mapping": label.label, "opened": opened, "inside": inside, **more}
    return batch(batch_id=4, start={"logOffset": -1}, end={"logOffset": 0}, **known)


LINES = b'{"batch": [1, 2]}\n\n{"batch": []}\n{"user_id": 1}\n'


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_bytes(LINES)
    return tmp_path


def recount(landing: Path, line: Entry, how: Rules | None = None) -> Any:
    files = {"a.json": [len(LINES), line.rows_in]}
    line = replace(line, account=Account(files))
    return recount_files(landing, Plans(frozenset(files), {}), [line], Envelopes.from_rules(how or rules()))


def test_a_batch_of_which_the_ledger_says_otherwise_is_an_error(landing: Path) -> None:
    found = recount(landing, entry(2, 2))
    assert (found.errors, found.notes, found.opened, found.inside) == ((), (), 2, 2)
    (error,) = recount(landing, entry(2, 1)).errors
    assert error == "batch 4 holds 2 envelopes with 2 events, booked are 2 envelopes with 1 event"
    assert recount(landing, entry(1, 2)).errors


def test_what_another_mapping_has_read_is_not_counted_again_and_that_is_said(landing: Path) -> None:
    found = recount(landing, entry(7, 9, mapping="other 1"))
    assert (found.errors, found.opened) == ((), 0)
    said = "the events in 7 envelopes are not counted again: they were read by other 1, which is not today's"
    assert found.notes == (said,)


def test_a_file_that_has_changed_is_told_of_as_such_and_nothing_is_said_of_its_events(landing: Path) -> None:
    (landing / "a.json").write_bytes(LINES + b'{"batch": [1, 2, 3]}\n')
    found = recount(landing, entry(2, 2))
    assert len(found.errors) == 2
    assert "envelope" not in " ".join(found.errors)


def test_of_records_that_were_too_large_by_the_limits_of_then_nothing_is_claimed(landing: Path) -> None:
    assert recount(landing, entry(1, 0, reasons={Reason.TOO_LARGE.value: 1})).errors == ()
    assert recount(landing, entry(3, 0, reasons={Reason.TOO_LARGE.value: 1})).errors


@given(st.lists(st.sampled_from([b"\n", b" \n", b"x", b'{"batch": [1]}', b"y" * 3_000, b"\r\n", b"\t"])))
def test_lines_that_are_looked_into_are_those_that_are_counted(parts: list[bytes]) -> None:
    with NamedTemporaryFile() as file:
        file.write(b"".join(parts))
        file.flush()
        plain = count_file(file.name.encode())
        assert count_file(file.name.encode(), tally=Tally(Envelopes.from_rules(rules()))) == plain
