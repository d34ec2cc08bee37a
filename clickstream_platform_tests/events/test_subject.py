"""An id is found however it was written, and what cannot be searched is said to be so."""

from __future__ import annotations

import gzip
import html
import json
import unicodedata
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickstream_platform.events.json_record import read_json_record
from clickstream_platform.events.schema import WIRE
from clickstream_platform.events.subject import Mention, find_mention

JOSE = "auth0|51/José"


def verdict(value: bytes | str | None, *ids: str) -> str:
    found = find_mention(value.encode() if isinstance(value, str) else value, ids or (JOSE,))
    assert (found.verdict == "unknown") == bool(found.why)
    return found.verdict


# The id as PHP, JavaScript and Go write it, in records that were rejected for their event type.
ESCAPED = [
    rb'{"user_id": "auth0|51/Jos\u00e9", "event_type": "unknown", "event_id": "auth0|51/Jos\u00e9-3"}',
    rb'{"user_id": "auth0|51\/Jos\u00e9", "event_type": "unknown", "event_id": "auth0|51\/Jos\u00e9-1"}',
    rb'{"user_id": "auth0|51/Jos\u00E9", "event_type": "unknown", "event_id": "auth0|51/Jos\u00E9-2"}',
    '{"user_id": "auth0|51/José", "event_type": "unknown", "event_id": "auth0|51/José-4"}'.encode(),
]
GO = rb'{"user_id": "a\u0026b\u003cc\u003e@x.com", "event_type": "x", "event_id": "a\u0026b\u003cc\u003e@x.com-5"}'


def test_an_id_is_found_as_any_language_escapes_it() -> None:
    assert [verdict(each) for each in (*ESCAPED, GO)] == ["yes"] * 4 + ["no"]
    assert [verdict(each, "a&b<c>@x.com") for each in (*ESCAPED, GO)] == ["no"] * 4 + ["yes"]
    assert [verdict(each[:-1] + b", x}") for each in (*ESCAPED, GO)] == ["yes"] * 4 + ["no"]  # no JSON


SPELT = {
    "as a key": json.dumps({JOSE: 1}),
    "of a key there twice, in the first": f'{{"user_id": "{JOSE}", "user_id": "other"}}',
    "deep in it": json.dumps({"a": [[{"b": [{"c": f"to {JOSE}."}]}]]}),
    "deeper than is parsed": "[" * 100_000 + json.dumps(JOSE),
    "in JSON within a text": json.dumps({"payload": json.dumps({"more": json.dumps({"user": JOSE})})}),
    "in JSON within a text of half a record": json.dumps({"payload": json.dumps(json.dumps({"user": JOSE}))})[:-1],
    "in the second of two records": json.dumps({"a": 1}) + json.dumps({"user_id": JOSE}),
    "after a comma": '{"a": 1},\n' + json.dumps({"user_id": JOSE}),
    "in a list": json.dumps([1, [JOSE]]),
    "after a byte order mark": "\ufeff" + json.dumps({"user_id": JOSE}),
    "in a JSON string alone": json.dumps(JOSE),
    "in a key of Kafka": JOSE,
    "with an accent of its own": json.dumps({"user_id": unicodedata.normalize("NFD", JOSE)}),
    "so in half a record": json.dumps({"user_id": unicodedata.normalize("NFD", JOSE)}, ensure_ascii=False)[:-1],
    "in an address": json.dumps({"page_url": f"/p?user={quote(JOSE, safe='')}&x=1"}),
    "in an address within an address": json.dumps({"page_url": f"/p?to={quote(quote(JOSE, safe=''), safe='')}"}),
    "in an address of Latin-1": json.dumps({"page_url": f"/p?user={quote(JOSE.encode('latin-1'), safe='')}"}),
    "as JavaScript's escape writes it": r'{"page_url": "/p?user=auth0%7C51/Jos%u00E9"}',
    "in HTML": f"<h1>{html.escape(JOSE).replace('é', '&eacute;')}</h1>",
    "in HTML by its number": json.dumps({"title": "auth0|51&#x2F;Jos&#233; bought"}),
    "as Python prints it": str({"user_id": JOSE}),
    "as a log of bytes": "user=" + "".join(f"\\x{octet:02X}" for octet in JOSE.encode()) + " end",
    "as Perl writes a sign": r'user="auth0|51/Jos\x{e9}"',
    "bytes in octal, as C and dumps of databases write them": r'user "\141uth0|51/Jos\303\251"',
    "as JavaScript writes a sign": r'{"user_id": "auth0|51/Jos\u{e9}",}',
    "among signs that no text has": f"\x00\x01{JOSE}\x00",
    "in a record with a broken sign": b'{"x": "\xff", "user_id": "' + JOSE.encode() + b'"}',
    "in Latin-1": json.dumps({"user_id": JOSE}, ensure_ascii=False).encode("latin-1"),
    "at the end of Latin-1": JOSE.encode("latin-1"),
    "in UTF-16": json.dumps({"user_id": JOSE}, ensure_ascii=False).encode("utf-16"),
    "in the second line of UTF-16": ("{}\n" + json.dumps({"user_id": JOSE}) + "\n").encode("utf-16-le").split(b"\n")[1],
    "in half a record of UTF-16": json.dumps({"user_id": JOSE, "x": 1}, ensure_ascii=False).encode("utf-16-be")[:-5],
    "in UTF-32": json.dumps({"user_id": JOSE}, ensure_ascii=False).encode("utf-32"),
}


@pytest.mark.parametrize("way", SPELT)
def test_an_id_is_found(way: str) -> None:
    assert verdict(SPELT[way]) == "yes"
    assert verdict(SPELT[way], "nobody") == "no"
    assert verdict(SPELT[way], "nobody", JOSE) == "yes"


def test_a_form_that_a_browser_sends_has_signs_for_blanks() -> None:
    assert verdict(json.dumps({"page_url": f"/p?name={quote_plus('Ann Lee')}"}), "Ann Lee") == "yes"
    assert verdict(json.dumps({"user_id": "a+b@x.com"}), "a+b@x.com") == "yes"


@pytest.mark.parametrize(
    "value",
    [None, b"", "x", '{"user_id": "bobby"}', '{"user_id": "my_bob"}', '{"user_id": "bob-1"}', '{"user_id": "Bob"}'],
)
def test_another_id_is_not_the_one(value: bytes | str | None) -> None:
    assert verdict(value, "bob") == "no"
    assert verdict(value and value[:-1], "bob") == "no"


def test_a_letter_with_an_accent_is_another_letter() -> None:
    for form in ("NFC", "NFD"):
        for text in (unicodedata.normalize(form, "José"), unicodedata.normalize(form, "x: José {")):
            assert (verdict(text, "Jose"), verdict(text, "José")) == ("no", "yes")


def test_a_number_is_an_id_if_it_is_the_same_number() -> None:
    assert [verdict(f'{{"user_id": {each}}}', "123") for each in ("123", "123.0", "1.23e2", "12300E-2")] == ["yes"] * 4
    assert [verdict(f'{{"x": {each}}}', "123") for each in ("-123", "123.5", "1234", "1e123", "[]")] == ["no"] * 5
    assert verdict(b"123", "123") == "yes"


@given(
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=3)
)
def test_what_events_keeps_as_a_user_id_is_found(user_id: Any) -> None:
    record = json.dumps({"user_id": user_id}).encode()
    kept = read_json_record(record).texts[WIRE.names.index("user_id")]
    assert kept is not None
    assert verdict(record, kept) == "yes"


# What cannot be searched.


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (gzip.compress(json.dumps({"user_id": JOSE}).encode(), mtime=0), "no text"),
        (bytes(range(128, 256)) + bytes(range(32)), "no text"),
        (f"\x0e\x1a{JOSE}x\x02".encode(), "among bytes that are no text"),
        ("%" + "25" * 200 + "41", "escaped more often"),
        (json.dumps({"user_id": JOSE}, ensure_ascii=False)[:-4], "breaks off"),
    ],
)
def test_what_cannot_be_searched_says_why(value: bytes | str, why: str) -> None:
    found = find_mention(value.encode() if isinstance(value, str) else value, [JOSE])
    assert found.verdict == "unknown"
    assert why in found.why


def test_an_id_that_a_known_encoding_has_is_looked_for_in_it_and_another_one_cannot_be() -> None:
    latin = '{"user_id": "Zoë"}'.encode("latin-1")
    assert [verdict(latin, each) for each in ("bob", "José", "Иван", "小明")] == ["no", "no", "no", "unknown"]
    assert verdict('{"user_id": "Иван"}'.encode("cp1251"), "Иван") == "yes"


WRITTEN = [
    JOSE,
    r"auth0|51\/Jos\u00E9",
    r"auth0|51/Jos\\u00e9",
    r"auth0|51\\\/Jos\\u00e9",
    "auth0%7C51%2FJos%C3%A9",
    "auth0%257C51%252FJos%25C3%25A9",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_where_a_record_breaks_off_within_the_id_nobody_can_tell(written: str) -> None:
    record = f'{{"page_url": "/a", "user_id": "{written}", "x": 1}}'.encode()
    start = record.index(b"auth0")
    verdicts = [verdict(record[:end]) for end in range(start, len(record) + 1)]
    assert verdicts[:4] == ["no"] * 4
    size = len(written.encode())
    assert verdicts[4:size] == ["unknown"] * (size - 4)
    assert verdicts[size:] == ["yes"] * (len(verdicts) - size)


def test_what_breaks_off_elsewhere_is_known() -> None:
    assert [verdict(each) for each in ('{"a": "xauth0|51', '{"a": "aut', '{"a": "auth0|5"', "auth0|51")] == ["no"] * 4
    assert [verdict('{"a": "' + each, "u1") for each in ("u", "v", "u1", "u12")] == ["unknown", "no", "yes", "no"]


@pytest.mark.parametrize("id_", ["", " ", "\t\n"])
def test_a_blank_id_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match="nobody's"):
        find_mention(b"{}", ["u1", id_])


def test_nobody_is_mentioned_if_nobody_is_looked_for() -> None:
    assert find_mention(b'{"user_id": "u1"}', []) == Mention("no")


# Any id, in any JSON, in any spelling.

SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


@st.composite
def spelling(draw: st.DrawFn, text: str) -> str:
    """A JSON text: each sign as it is, if it may be, or in any of its escapes."""
    return '"' + "".join(draw(st.sampled_from(_ways(sign))) for sign in text) + '"'


def _ways(sign: str) -> list[str]:
    units = sign.encode("utf-16-be", "surrogatepass")
    codes = [f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)]
    ways = ["".join(codes), "".join(f"\\u{code[2:].upper()}" for code in codes)]
    ways += [f"\\{SHORT[sign]}"] if sign in SHORT else []
    return ways + ([sign] if sign not in '"\\' and sign >= " " else [])


ids = st.text(min_size=1, max_size=12).filter(str.strip)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@st.composite
def holding(draw: st.DrawFn, id_: str) -> str:
    """JSON text that holds the id: as a value, as a key, as a word of a text, or in JSON within a text."""
    form = draw(st.sampled_from(["NFC", "NFD", ""]))
    id_ = unicodedata.normalize(form, id_) if form else id_  # type: ignore[arg-type] - it is one of the forms
    inner = draw(spelling(draw(st.sampled_from([id_, f"to {id_}", f"({id_}, you)"]))))
    for _ in range(draw(st.integers(0, 4))):
        other = json.dumps(draw(leaves), ensure_ascii=draw(st.booleans()))
        kind = draw(st.sampled_from(["list", "value", "key", "text"]))
        key = draw(spelling(draw(st.text(max_size=4))))
        if kind == "text":
            inner = draw(spelling(inner))
        elif kind == "key" and inner.startswith('"'):
            inner = f"{{{key}: {other}, {inner}: {other}}}"
        else:
            inner = f"[{other}, {inner}]" if kind == "list" else f"{{{key}: {inner}, {key}: {other}}}"
    return inner


cases = ids.flatmap(lambda id_: st.tuples(st.just(id_), holding(id_)))


@given(cases, st.sampled_from(["utf-8", "utf-16", "utf-32-le"]))
@settings(max_examples=400)
@example(("\u0301", '"\u0301"'), "utf-8")
@example(("\\n", r'"\\n"'), "utf-8")
@example(("\ud7ff", '["\\ud7ff"]'), "utf-16")
def test_any_id_is_found_in_any_json_in_any_spelling(case: tuple[str, str], encoding: str) -> None:
    id_, text = case
    assert verdict(text.encode(encoding), id_) == "yes"


@given(cases, st.sampled_from(["{]", "}}", "[", " junk"]))
@settings(max_examples=400)
def test_it_is_found_in_what_is_no_json(case: tuple[str, str], junk: str) -> None:
    id_, text = case
    assert verdict(f"{text} {junk}", id_) == "yes"
    assert verdict(f"{junk} {text}", id_) == "yes"


others = st.text("abcxyzéλ0189._|@:/", min_size=1, max_size=10).filter(
    lambda id_: id_[0].isalnum() and id_[-1].isalnum()
)


glue = st.sampled_from("aZ0_-éλ")


@given(others, glue, glue, st.integers(0, 2), st.data())
@settings(max_examples=400)
def test_an_id_within_a_word_is_not_found(id_: str, before: str, after: str, level: int, data: st.DataObject) -> None:
    words = [before + id_ + after, before + id_, id_ + after]
    text = f'[{", ".join(data.draw(spelling(word)) for word in words)}, {{"k_": "v_"}}]'
    for _ in range(level):
        text = data.draw(spelling(text))
    assert [verdict(text, id_), verdict(text[:-1], id_)] == ["no", "no"]


@given(st.binary(max_size=60), st.lists(ids, max_size=3))
@settings(max_examples=400)
def test_no_bytes_stop_it(value: bytes, some: list[str]) -> None:
    assert find_mention(value, some).verdict in ("yes", "no", "unknown")
