"""Envelopes: opened in any form, at a cost that is bounded, or rejected as one with the step that fails."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.mapping.envelopes import EnvelopeEvent, Limits, opener
from clickstream_platform.events.mapping.model import COLUMNS, Mapping
from clickstream_platform.events.mapping.named import preset
from clickstream_platform.events.mapping.written import WrittenMapping, mapping_of, merge_mappings, raw_of
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import EMPTY, Reason

LIMITS = Limits(100, 10_000)
OWN = WrittenMapping(columns={name: name for name in COLUMNS})


def mapping(envelope: str) -> Mapping:
    return mapping_of("mine", merge_mappings(OWN, raw_of(envelope.encode(), "mine")), "mine")


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def gzipped(data: bytes) -> bytes:
    """Without the time: a test's name, which has these bytes in it, is the same in every process."""
    return gzip.compress(data, mtime=0)


def inside(envelope: str, value: bytes, limits: Limits = LIMITS) -> Any:
    return opener(mapping(envelope), limits)(value)


ONE = '{"a": 1.10}'  # as it is written, to the last digit
ARRAY = f"[{ONE}, null ,{ONE}]"
THREE = [ONE.encode(), b"null", ONE.encode()]


@pytest.mark.parametrize(
    ("envelope", "record"),
    [
        ("[envelope]", ARRAY.encode()),
        ('[envelope]\npath = "x.batch"', f'{{"x": {{"batch": {ARRAY}}}}}'.encode()),
        ('[envelope]\npath = "x[0]"', f'{{"x": [{ARRAY}]}}'.encode()),
        ('[envelope]\npath = "x[key=b].v"', f'{{"x": [{{"key": "a"}}, {{"key": "b", "v": {ARRAY}}}]}}'.encode()),
        ('[envelope]\nsteps = ["base64"]', b64(ARRAY.encode()).encode()),
        ('[envelope]\nsteps = ["gzip"]', gzipped(ARRAY.encode()[:9]) + gzipped(ARRAY.encode()[9:])),
        ('[envelope]\nsteps = ["base64", "gzip", "json"]', b64(gzipped(ARRAY.encode())).encode()),
        ('[envelope]\npath = "b"\nsteps = ["json"]', json.dumps({"b": ARRAY}).encode()),
        ('[envelope]\npath = "b"\nsteps = ["lines"]', json.dumps({"b": f"{ONE}\r\n\nnull\n{ONE}"}).encode()),
        ('[[envelope]]\nsteps = ["form"]\nholds = "one"\n[[envelope]]\npath = "e"\nsteps = ["json"]',
         f"v=1&e={quote(ARRAY)}&t=%20".encode()),
        ('[envelope]\nsteps = ["jsonp"]', f"/**/a.$b({ARRAY});\n".encode()),
        ('[envelope]\nholds = "values"', f'{{"a": {ONE}, "b": null, "c": {ONE}}}'.encode()),
        ('[[envelope]]\nsteps = ["gzip"]\nholds = "one"\n[[envelope]]\npath = "e"\n[[envelope]]\npath = "m"\n'
         'steps = ["json"]\nholds = "one"',
         gzipped(json.dumps({"e": [{"m": ONE}, {"m": "null"}, {"m": ONE}]}).encode())),
    ],
)  # fmt: skip
def test_each_form_gives_each_event_with_its_own_bytes(envelope: str, record: bytes) -> None:
    assert [each.value for each in inside(envelope, record)] == THREE


@pytest.mark.parametrize(
    ("envelope", "record", "reason"),
    [
        ("[envelope]", b"[{", Reason.MALFORMED_JSON),
        ("[envelope]", b"{}", Reason.ENVELOPE_ARRAY),
        ('[envelope]\npath = "b"', b"{}", Reason.ENVELOPE_PATH),
        ('[envelope]\npath = "b"', b'{"b": null}', Reason.ENVELOPE_PATH),
        ('[envelope]\npath = "b"', b"[]", Reason.ENVELOPE_PATH),
        ('[envelope]\npath = "b"', b'{"b": {}}', Reason.ENVELOPE_ARRAY),
        ('[envelope]\npath = "b"\nsteps = ["base64"]', b'{"b": "***"}', Reason.ENVELOPE_BASE64),
        ('[envelope]\npath = "b"\nsteps = ["base64"]', b'{"b": []}', Reason.ENVELOPE_BASE64),
        ('[envelope]\nsteps = ["gzip"]', gzipped(b"[]")[:-1], Reason.ENVELOPE_GZIP),
        ('[envelope]\nsteps = ["gzip"]', gzipped(b"[]") + b"x", Reason.ENVELOPE_GZIP),
        ('[envelope]\nsteps = ["gzip"]', b"[]", Reason.ENVELOPE_GZIP),
        ('[envelope]\nsteps = ["gzip"]', gzipped(b"[{"), Reason.ENVELOPE_JSON),
        ('[envelope]\npath = "b"\nsteps = ["lines"]', b'{"b": 1}', Reason.ENVELOPE_LINES),
        ('[envelope]\nsteps = ["jsonp"]', b"[1]", Reason.ENVELOPE_JSONP),
        ('[envelope]\nholds = "values"', b"[]", Reason.ENVELOPE_VALUES),
        ('[envelope]\nholds = "values"', b'{"a": 1, "\\u0061": 2}', Reason.ENVELOPE_VALUES),
        ('[envelope]\nholds = "rows"', b"{}", Reason.ENVELOPE_ROWS),
        ('[envelope]\nholds = "rows"', b'[["a", "a"], [1, 2]]', Reason.ENVELOPE_ROWS),
        ('[envelope]\nholds = "rows"', b'[["a", 1], [1, 2]]', Reason.ENVELOPE_ROWS),
        ('[envelope]\npath = "b"\nholds = "rows"\nnames = "c"', b'{"b": [[1]]}', Reason.ENVELOPE_ROWS),
        ('[envelope]\nholds = "columns"', b'{"a": [1], "b": [1, 2]}', Reason.ENVELOPE_COLUMNS),
        ('[envelope]\nholds = "columns"', b'{"a": {"0": 1}, "b": [1]}', Reason.ENVELOPE_COLUMNS),
        ('[envelope]\nholds = "columns"', b'{"a": 1}', Reason.ENVELOPE_COLUMNS),
        ('[envelope]\nholds = "columns"', b"{", Reason.MALFORMED_JSON),
        ("[envelope]", b"[" + b"1," * 100 + b"1]", Reason.TOO_LARGE),
        ("[envelope]", b"[" * 600 + b"]" * 600, Reason.TOO_LARGE),
        ('[envelope]\nsteps = ["lines"]', b"a\n" * 101, Reason.TOO_LARGE),
        ('[envelope]\nsteps = ["base64"]', b64(b"[" + b" " * 10_000 + b"]").encode(), Reason.TOO_LARGE),
    ],
)
def test_a_step_that_fails_rejects_the_record_once_and_is_the_reason(
    envelope: str, record: bytes, reason: Reason
) -> None:
    assert inside(envelope, record) is reason


TABLES = [
    ('holds = "rows"', b'[["a", "b"], [1.10, {"x": []}], [2]]', [b'{"a":1.10,"b":{"x": []}}', b'{"a":2}']),
    ('holds = "rows"', b'[{"Data": [{"V": "a"}, {"V": " "}]}, {"Data": [{"V": "1"}, {}]}]',
     [b'{"a":{"V": "1"},"column_2":{}}']),
    ('path = "t"\nholds = "rows"\nnames = "c.f"',
     b'{"t": [{"f": [{"v": 1}]}, [], null, [1, 2]], "c": {"f": [{"Name": "a", "type": "x"}]}}',
     [b'{"a":{"v": 1}}', b"{}", b"null", b"[1, 2]"]),
    ('path = "t"\nholds = "rows"\nnames = "c"', b'{"t": [["a"], ["b"]], "c": ["a"]}', [b'{"a":"b"}']),
    ('holds = "columns"', b'{"a": [1, 2], "b": [null, "x"]}', [b'{"a":1,"b":null}', b'{"a":2,"b":"x"}']),
    ('holds = "columns"', b'{"a": {"p": 1, "q": 2}, "b": {"q": 3}}', [b'{"a":1}', b'{"a":2,"b":3}']),
]  # fmt: skip


@pytest.mark.parametrize(("envelope", "record", "events"), TABLES)
def test_a_row_is_an_object_by_the_names_of_its_columns_and_what_is_no_row_stays_as_it_is(
    envelope: str, record: bytes, events: list[bytes]
) -> None:
    assert [each.value for each in inside(f"[envelope]\n{envelope}", record)] == events


def test_each_event_by_keys_has_its_keys() -> None:
    keyed = '[[envelope]]\npath = "of"\nholds = "values"\nkey = "user_id"\ninherit = ["at"]\n'
    assert inside(f'{keyed}[[envelope]]\nholds = "values"', b'{"at": 1, "of": {"u\\n": {"a": {}, "b": 5}}}') == [
        EnvelopeEvent(b"{}", '{"key":"a","user_id":"u\\n","at":1}'),
        EnvelopeEvent(b"5", '{"key":"b","user_id":"u\\n","at":1}'),
    ]
    columns = inside('[envelope]\nholds = "columns"', b'{"a": {"p": 1, "q": 2}}')
    assert [each.inherited for each in columns] == ['{"key":"p"}', '{"key":"q"}']


@pytest.mark.parametrize(
    ("envelope", "record"),
    [
        ('holds = "rows"', b'[["%b"]%b]' % (b"n" * 1_000, b',["x"]' * 20)),
        ('holds = "columns"', b'{"%b": [%b1]}' % (b"n" * 1_000, b"1," * 20)),
        ('path = "b"\ninherit = ["a"]\nholds = "values"',
         b'{"a": "%b", "b": {%b"k": 1}}' % (b"n" * 1_000, b"".join(b'"%d":1,' % n for n in range(20)))),
    ],
)  # fmt: skip
def test_what_stands_once_and_would_be_in_each_event_is_never_repeated_beyond_the_limit(
    envelope: str, record: bytes
) -> None:
    assert inside(f"[envelope]\n{envelope}", record) is Reason.TOO_LARGE
    assert len(inside(f"[envelope]\n{envelope}", record, LIMITS._replace(unpacked=30_000))) >= 20


FORM = '[envelope]\nsteps = ["form"]\nholds = "one"'


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a=1&b=x+y%2B%C3%BC&a=2&c&&d=", {"a": ["1", "2"], "b": "x y+\u00fc", "c": "", "d": ""}),
        ("/cb.gif?a=b=c%26&u=https://x/?y", {"?": "/cb.gif", "a": "b=c&", "u": "https://x/?y"}),
        ("?a=1;2\r\n", {"a": "1;2"}),
        ("a=%zz&%00=%", {"a": "%zz", "\0": "%"}),
        ("a=%7B%22k%22%3A%5B1%5D%7D", {"a": '{"k":[1]}'}),
    ],
)
def test_a_form_is_an_object_of_texts_and_nothing_of_it_is_lost(text: str, fields: dict[str, Any]) -> None:
    (event,) = inside(FORM, text.encode())
    assert json.loads(event.value) == fields


@pytest.mark.parametrize(
    "record", [b"", b"/cb.gif?", b'{"a": "x=1"}', b"<a href='x?y=1'>", b"a=%ff", b"a=\xff&b=1", b"ab"]
)
def test_what_is_no_form_is_rejected_as_that(record: bytes) -> None:
    assert inside(FORM, record) is Reason.ENVELOPE_FORM


def test_a_bomb_is_never_unpacked_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    given_back: list[int] = []
    made = zlib.decompressobj

    class Watched:
        def __init__(self, wbits: int) -> None:
            self._of = made(wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            found = self._of.decompress(data, most)
            given_back.append(len(found))
            return found

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    assert inside('[envelope]\nsteps = ["gzip"]', bomb) is Reason.TOO_LARGE
    assert given_back == [LIMITS.unpacked + 1]


def test_what_is_beside_the_events_is_theirs_unless_they_have_it_themselves() -> None:
    found = inside(
        '[envelope]\npath = "b"\ninherit = ["at", "c.x", "none"]',
        b'{"at": 1.50, "c": {"x": {"y": 1}, "z": 2}, "b": [1]}',
    )
    assert found == [EnvelopeEvent(b"1", '{"at":1.50,"c":{"x":{"y":1}}}')]
    rows = events_of(
        [b'{"sentAt": 7, "context": {"ip": "1", "a": 1}, "batch": [{"context": {"ip": "2"}}, {}]}'], "segment"
    )
    assert [row["ip_address"] for row in rows] == ["2", "1"]
    assert json.loads(rows[0]["extra"]) == {"context": {"a": 1}}


def test_where_it_is_optional_a_record_without_it_is_an_event_by_itself() -> None:
    optional = '[envelope]\npath = "batch"\noptional = true'
    for record in (b"{}", b"{", b"[]", b'{"x": "batch"}', b'{"x": "\\"batch"}', b'{"batch": null}'):
        assert inside(optional, record) is None
    assert inside(optional, b'{"b\\u0061tch": [1]}') == [EnvelopeEvent(b"1")]
    assert inside("[envelope]\noptional = true", b'{"a": 1}') is None
    assert inside("[envelope]\noptional = true", b" [1]") == [EnvelopeEvent(b"1")]


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        ('[envelope]\npath = "a..b"', "is no path"),
        ('[envelope]\nsteps = ["zip"]', "zip"),
        ('[envelope]\nsteps = ["lines", "json"]', "nothing of them can be undone"),
        ('[envelope]\nsteps = ["lines"]\nholds = "one"', "lines are many"),
        ('[envelope]\ninherit = ["a"]', "no path"),
        ('[envelope]\npath = "a"\ninherit = ["b[0]"]', "only keys"),
        ('[envelope]\nholds = "one"', "is none"),
        ('[[envelope]]\npath = "a"\n[[envelope]]\npath = "b"\noptional = true', "only the first"),
        ('[envelope]\nsteps = ["gzip"]\noptional = true', "is optional"),
        ('[envelope]\nholds = "rows"\nnames = "a"', "has names"),
        ('[envelope]\nkey = "a"', "a field for keys"),
        ('[envelope]\nholds = "values"\noptional = true', "nothing tells an event"),
        ('[[envelope]]\nholds = "values"\n[[envelope]]\nholds = "values"', "in one field, 'key'"),
    ],
)
def test_an_envelope_that_contradicts_itself_is_refused(envelope: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        mapping(envelope)


def test_a_mapping_without_an_envelope_is_called_as_before_there_were_any() -> None:
    assert preset("access_log").label == "access_log 5415c95e0931"
    assert mapping("").label != mapping("[envelope]").label
    assert mapping("[envelope]").label == "mine f29b04a84771"
    assert len({mapping(f'[envelope]\nholds = "values"{key}').label for key in ("", '\nkey = "a"')}) == 2


def rules(of: Mapping | str) -> Rules:
    found = preset(of) if isinstance(of, str) else of
    return Rules(("click",), timedelta(hours=1), 100_000, mapping=found)


def events_of(values: list[bytes], of: Mapping | str) -> list[dict[str, Any]]:
    """What is read of some records, with the place of each event."""
    count = len(values)
    raw = pa.RecordBatch.from_pydict(
        {
            "value": pa.array(values, pa.binary()),
            "size": pa.array(map(len, values), pa.int64()),
            "arrived_at": pa.array([1_709_287_200_000_000] * count, pa.timestamp("us", "UTC")),
            "event_id": pa.nulls(count, pa.binary()),
            "offset": pa.array(range(count), pa.int64()),
        }
    )
    rows: list[dict[str, Any]] = []
    for part in open_records(raw, rules(of)):
        places = part.select(["offset", "index", "inside"]).to_pylist()
        rows += [place | row for place, row in zip(places, read_events(part, rules(of)).to_pylist(), strict=True)]
    return rows


Wrap = Callable[[list[Any]], bytes]
WRAPPED: dict[str, Wrap] = {
    "[envelope]": lambda events: json.dumps(events).encode(),
    '[envelope]\npath = "b"': lambda events: json.dumps({"a": 1, "b": events}).encode(),
    '[envelope]\npath = "b.c"\nsteps = ["json"]': lambda events: json.dumps({"b": {"c": json.dumps(events)}}).encode(),
    '[envelope]\nsteps = ["base64", "gzip"]': lambda events: b64(gzip.compress(json.dumps(events).encode())).encode(),
    '[envelope]\nsteps = ["base64", "lines"]': lambda events: b64("\n".join(map(json.dumps, events)).encode()).encode(),
}
EVENT = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u", "", "null", "\u00fc"]),
        "timestamp": st.sampled_from(["2024-03-01T10:00:00Z", "no time", None]),
        "event_type": st.sampled_from(["click", "scroll"]),
    },
    optional={"event_id": st.text(max_size=3), "more": st.integers() | st.text(max_size=5)},
)


@given(st.lists(st.lists(EVENT | st.sampled_from([5, "x"]), max_size=4), max_size=5), st.sampled_from(sorted(WRAPPED)))
def test_events_in_any_envelope_and_any_cut_are_those_by_themselves(cut: list[list[Any]], envelope: str) -> None:
    alone = events_of([json.dumps(event).encode() for part in cut for event in part], mapping(""))
    held = events_of([WRAPPED[envelope](part) for part in cut], mapping(envelope))
    events = [row for row in held if row["passed_over"] != EMPTY]
    assert [_said(row) for row in events] == [_said(row) for row in alone]
    assert [(row["offset"], row["index"]) for row in events] == [
        (offset, index) for offset, part in enumerate(cut) for index in range(len(part))
    ]
    # Both balances: each record once, with the number of its events.
    assert [row["inside"] for row in held if row["index"] == 0] == [len(part) for part in cut]


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("offset", "index", "inside")}


ALONE = json.dumps({"user_id": "u", "timestamp": "2024-03-01T10:00:00Z", "event_type": "click", "b": None})
HELD = [f'{{"b": [{ALONE}, {ALONE}]}}', rf'{{"\u0062": [{ALONE}]}}', '{"b": []}', f"[{ALONE}]", " []"]
BROKEN = [ALONE.replace("null", "7"), f'{{"b": [{ALONE}}}', "{", "", f'"{" " * 100_000}b"']
LIKE_THEM = [ALONE.replace('"b"', '"more"'), ALONE.replace('"b"', r'"\u0062"'), ALONE.replace('"u"', r'"\"b\""')]
RECORDS = st.sampled_from([ALONE, *LIKE_THEM, *HELD, *BROKEN]).map(str.encode)
OPTIONAL = [f"[envelope]\noptional = true\n{path}" for path in ("", 'path = "b"', 'path = "b"\nsteps = ["json"]')]


@given(st.lists(RECORDS, max_size=4), st.sampled_from(OPTIONAL))
def test_what_becomes_of_a_record_does_not_depend_on_those_beside_it(records: list[bytes], envelope: str) -> None:
    together = events_of(records, mapping(envelope))
    alone = [{**row, "offset": n} for n, each in enumerate(records) for row in events_of([each], mapping(envelope))]
    assert together == alone


def test_a_record_that_is_too_long_is_not_opened() -> None:
    (row,) = events_of([b"[" + b" " * 200_000 + b"]"], mapping("[envelope]"))
    assert (row["reasons"], row["inside"]) == (["too_large"], None)
