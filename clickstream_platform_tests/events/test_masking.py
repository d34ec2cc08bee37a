"""What is named by a setting is in nothing that is written: events, staged files, kept bytes, keys and headers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.mapping.named import mapping_named
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.masks import HASHED, Masks, masks
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.rules import Parse, Rules
from clickstream_platform.events.timestamps import INSTANT
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.ingest.staged import STAGED
from clickstream_platform.streaming.ingest.staging import _parsed  # pyright: ignore[reportPrivateUsage]

SECRET = "s3cr3t-of-someone"  # what must not be written, and no word of anything else here
KEY = b"a key of sixteen or more"
MASKS = Masks(
    dropped=frozenset({"email", "device_type"}),
    hashed=frozenset({"user_id", "phone"}),
    dropped_parameters=frozenset({"token"}),
    hashed_parameters=frozenset({"uid"}),
    secret=KEY,
)
RULES = Rules(("click",), timedelta(hours=1), 10_000, masks=MASKS)
ARRIVED = datetime(2024, 3, 1, 10, tzinfo=timezone.utc)
TOKEN = f"token={SECRET}"


def record(**fields: Any) -> bytes:
    return json.dumps({"user_id": "u", "event_type": "click", "timestamp": "2024-03-01T10:00:00Z", **fields}).encode()


def read_all(values: list[bytes | None], rules: Rules = RULES) -> list[dict[str, Any]]:
    arrived = pa.array([ARRIVED] * len(values), INSTANT)
    return read_records(pa.array(values, pa.binary()), arrived, pa.nulls(len(values), pa.binary()), rules).to_pylist()


def kept(value: bytes | None, rules: Rules = RULES) -> bytes | None:
    return rules.kept(pa.array([value], pa.binary())).to_pylist()[0]


URLS = [
    f"https://shop.example/a?{TOKEN}",
    f"https://shop.example/a?x=1&{TOKEN}&y=2#part",
    f"/a?{TOKEN}#part",
    f"/a#{TOKEN}&x=1",
    f"/a#/route?x=1&{TOKEN}",
    f"/a#!{TOKEN}",
    f"/a?x=1;{TOKEN}",
    f"/a?TOKEN={SECRET}",
    f"/a?%74oken={SECRET}",
    f"/a?%2574oken={SECRET}",
    f"/a?token%3D{SECRET}",
    f"/a?token[]={SECRET}&user[token]={SECRET}",
    f"/a?token=one+two;{SECRET}",
    f"/a?token={SECRET}?{SECRET}={SECRET}",
    f"/a?next=https%3A%2F%2Fother.example%2Fb%3F{TOKEN.replace('=', '%3D')}%26x%3D1",
    f"/a?next=https%253A%252F%252Fother.example%252F%253F{TOKEN.replace('=', '%253D')}",
    f"/a?next=/b?{TOKEN}",
    f"/a?state=%7B%22u%22%3A%22%2Fb%3F{TOKEN}%22%7D",
    TOKEN,
    f"x=1&{TOKEN}",
    f"seen at https://shop.example/a?{TOKEN} today",
    f"/a?x=1&amp;{TOKEN}",
    f"/a?x=1&#38;token&#61;{SECRET}",
    f"/a?x=1\\u0026token\\u003d{SECRET}",
    f"/a?%u0074oken={SECRET}",
    f"/a?uid={SECRET}&x=1",
    f"/a?u%69d={SECRET}",
    f"/a?\ntoken={SECRET}",
    f"/a?to\tken={SECRET}",
    f"seen:\ntoken={SECRET}",
]
OBJECTS: list[dict[str, Any]] = [
    {"email": SECRET},
    {"EMail": SECRET},
    {"phone": SECRET},
    {"phone": [SECRET, {"x": SECRET}]},
    {"user": {"deep": [{"email": SECRET, "name": "kept"}]}},
    {"payload": json.dumps({"email": SECRET})},
    {"payload": json.dumps(json.dumps({"phone": SECRET, "n": 1}))},
    {"payload": json.dumps({"email": SECRET})[:-1]},
    {"payload": "seen: " + json.dumps({"email": SECRET})},
    {"payload": f"%7B%22email%22%3A%22{SECRET}%22"},
    {"device_type": SECRET},
    {"device_type": {"x": SECRET}},
    {"user_id": SECRET},
    {"user_id": {"id": SECRET}},
    {"session_id": f"/a?{TOKEN}"},
    {"event_id": {"email": SECRET}},
    *({name: url} for name in ("page_url", "referrer") for url in URLS),
    {"links": [{"href": URLS[0]}]},
    {URLS[0]: 1},
]


@pytest.mark.parametrize("fields", OBJECTS, ids=str)
@pytest.mark.parametrize("is_good", [True, False])
def test_what_is_masked_is_in_no_column_and_in_no_kept_bytes(fields: dict[str, Any], is_good: bool) -> None:
    value = record(**fields) if is_good else record(**fields, timestamp="never", event_type=URLS[0])
    (row,) = read_all([value])
    assert (row["reasons"] == []) is is_good
    assert SECRET not in str(row)
    assert SECRET not in str(kept(value))


@pytest.mark.parametrize("fields", OBJECTS, ids=str)
def test_a_record_that_was_kept_masked_becomes_the_same_event(fields: dict[str, Any]) -> None:
    value = record(**fields)
    again = kept(value)
    assert read_all([again]) == read_all([value])
    assert kept(again) == again


@pytest.mark.parametrize(
    "value",
    [
        record(email=SECRET)[:-1],
        record(email=SECRET) * 2,
        record(email=SECRET).replace(b"user_id", b"\xff"),
        json.dumps([SECRET]).encode(),
        json.dumps(f"email={SECRET}").encode(),
        record(email=SECRET).decode().encode("utf-16"),
        SECRET.encode(),
    ],
)
@pytest.mark.parametrize(
    "rules", [RULES, Rules(("click",), timedelta(hours=1), 10_000, mask_ip="/24")], ids=["all", "ip"]
)
def test_of_bytes_that_are_no_json_object_only_their_length_and_a_hash_are_kept(value: bytes, rules: Rules) -> None:
    (row,) = read_all([value], rules)
    left = json.loads(kept(value, rules) or b"")
    assert row["reasons"][0] in ("malformed_json", "not_an_object")
    assert left["not_kept"]["bytes"] == len(value)
    assert [*left["not_kept"]] == ["bytes", "hmac_sha256" if rules is RULES else "sha256"]
    assert kept(kept(value, rules), rules) == kept(value, rules)


def test_a_record_without_a_value_stays_without() -> None:
    assert kept(None) is None


def test_of_a_key_that_comes_twice_both_values_are_gone() -> None:
    value = record().replace(b"{", b'{"email": "%b", "x": "?%b", "x": 1, ' % (SECRET.encode(), TOKEN.encode()), 1)
    value += b""
    assert SECRET not in str(kept(value))
    assert SECRET not in str(read_all([value.replace(b"}", b', "email": "%b"}' % SECRET.encode())]))


def test_one_text_has_one_hash_wherever_it_stands_and_under_another_secret_another() -> None:
    (row,) = read_all([record(user_id=7, phone="7", page_url="/a?uid=7&x=1")])
    assert row["user_id"] == MASKS.hash_of("7")
    assert json.loads(row["extra"]) == {"phone": row["user_id"]}
    assert row["page_url"] == f"/a?uid={row['user_id']}&x=1"
    assert Masking(MASKS).keys(pa.array([b"7"])).to_pylist() == [row["user_id"].encode()]
    assert Masks(secret=b"another key of sixteen").hash_of("7") != row["user_id"]
    assert len(row["user_id"]) == len(HASHED) + 64


@pytest.mark.parametrize("nobody", ["null", " Undefined ", "", " "])
def test_an_id_that_is_none_is_told_as_before(nobody: str) -> None:
    hashed = Rules(("click",), timedelta(hours=1), 10_000, masks=Masks(hashed=frozenset({"session_id"}), secret=KEY))
    before = Rules(("click",), timedelta(hours=1), 10_000)
    assert read_all([record(session_id=nobody)], hashed) == read_all([record(session_id=nobody)], before)


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("/a?token=x", "/a"),
        ("/a?token=x&b=1", "/a?b=1"),
        ("/a?b=1&token=x", "/a?b=1"),
        ("/a?token=x#part", "/a#part"),
        ("/a#token=x&b=1", "/a#b=1"),
        ("/a?b=1&tokens=x&c", "/a?b=1&tokens=x&c"),
        ("/a?q=100%25&b=a%20b", "/a?q=100%25&b=a%20b"),
        ("/a?next=%2Fb%3Ftoken%3Dx%26c%3D1", "/a?next=%2Fb%3Fc%3D1"),
        ("/token=x", "/token=x"),
    ],
)
def test_what_is_not_named_stays_as_it_was(url: str, left: str) -> None:
    (row,) = read_all([record(page_url=url, price=1.50, note="a: b")])
    assert row["page_url"] == left
    assert row["extra"] == '{"price":1.5,"note":"a: b"}'


def test_an_address_in_kept_bytes_is_masked_as_in_events() -> None:
    for mask, left in (("/24", "192.0.2.0"), ("drop", None)):
        rules = Rules(("click",), timedelta(hours=1), 10_000, mask_ip=mask)
        found = json.loads(kept(record(ip_address="192.0.2.77", timestamp="never"), rules) or b"")
        assert found["ip_address"] == left


def test_without_a_mask_bytes_are_kept_as_they_came() -> None:
    assert kept(b'{ "email" :', Rules(("click",), timedelta(hours=1), 10_000)) == b'{ "email" :'


def test_keys_are_hashed_or_dropped_where_a_field_is_masked() -> None:
    keys = pa.array([SECRET.encode(), b"\xff", None], pa.binary())
    hashed = Masking(MASKS).keys(keys).to_pylist()
    assert [key and key[: len(HASHED)].decode() for key in hashed] == [HASHED, HASHED, None]
    assert Masking(Masks(dropped=frozenset({"email"}))).keys(keys).to_pylist() == [None, None, None]
    of_urls = Masking(Masks(dropped_parameters=frozenset({"token"})))
    assert of_urls.keys(pa.array([URLS[0].encode(), b"k\xff"])).to_pylist() == [b"https://shop.example/a", b"k\xff"]


def test_a_staged_file_holds_nothing_of_what_is_masked() -> None:
    values = [record(**fields, timestamp=time) for fields in OBJECTS for time in ("2024-03-01T10:00:00Z", "never")]
    values += [b"{" + SECRET.encode(), record(padding="x" * 10_000, email=SECRET)]
    said = [{"key": "email", "value": SECRET}, {"key": "referer", "value": URLS[0]}, {"key": "Phone", "value": SECRET}]
    headers = [{**each, "value": base64.b64encode(each["value"].encode()).decode()} for each in said]
    rows = len(values)
    raw = {
        "value": pa.array(values, pa.binary()),
        "source": pa.array(["kafka"] * rows),
        "partition": pa.array(["t/0"] * rows),
        "offset": pa.array(range(rows), pa.int64()),
        "arrived_at": pa.array([ARRIVED] * rows, INSTANT),
        "key": pa.array([SECRET.encode()] * rows, pa.binary()),
        "headers": pa.array([json.dumps(headers)] * rows),
        "record_time": pa.nulls(rows, INSTANT),
        "record_time_type": pa.nulls(rows, pa.string()),
        "event_id": pa.nulls(rows, pa.binary()),
        "size": pa.array([len(each) for each in values], pa.int64()),
    }
    (events,) = open_records(pa.RecordBatch.from_pydict(raw), RULES)
    staged = _parsed(events, Parse(RULES))
    assert staged.schema == STAGED
    assert SECRET not in str(staged.to_pylist())
    assert {tuple(each["key"] for each in row) for row in staged["headers"].to_pylist()} == {("referer", "Phone")}


def test_nothing_of_an_envelope_that_cannot_be_opened_is_kept_where_something_is_masked(tmp_path: Path) -> None:
    declared = tmp_path / "packed.toml"
    declared.write_text('extends = "own"\n[envelope]\npath = "batch"\nsteps = ["base64"]\n')
    rules = replace(RULES, mapping=mapping_named(str(declared)))
    packed = base64.b64encode(b'[{"email": "' + SECRET.encode()).decode()
    plain = {name: pa.nulls(1, kind) for name, kind in (("partition", pa.string()), ("offset", pa.int64()))}
    raw = {"value": pa.array([json.dumps({"batch": packed}).encode()]), "size": pa.array([100]), "event_id": [None]}
    (events,) = open_records(pa.RecordBatch.from_pydict(raw | plain), rules)
    assert events["unopened"].null_count == 0
    (value,) = rules.kept(events["value"], events["unopened"]).to_pylist()
    assert packed not in value.decode()
    assert "hmac_sha256" in value.decode()


@given(
    st.recursive(
        st.none() | st.text('?&=#;%+token3D "{}[]:\\', max_size=20),
        lambda v: st.lists(v) | st.dictionaries(st.text('email"', max_size=6), v),
    )
)
def test_masking_never_fails_and_twice_is_once(value: Any) -> None:
    sent = record(page_url=value, more=value)
    once = kept(sent)
    assert kept(once) == once
    assert read_all([once]) == read_all([sent])


@pytest.mark.parametrize(
    ("given_as", "subject", "finding"),
    [
        ({"drop_fields": "email,event_id"}, "CLICKSTREAM_DROP_FIELDS", "event_id cannot be among them"),
        ({"drop_fields": "User_ID"}, "CLICKSTREAM_DROP_FIELDS", "user_id cannot be among them"),
        ({"hash_fields": "timestamp"}, "CLICKSTREAM_HASH_FIELDS", "timestamp cannot be among them"),
        ({"hash_fields": "phone"}, "CLICKSTREAM_HASH_SECRET", "fewer than 16"),
        ({"hash_url_parameters": "uid", "hash_secret": "short"}, "CLICKSTREAM_HASH_SECRET", "fewer than 16"),
        ({"drop_fields": "a", "hash_fields": "A", "hash_secret": "x" * 16}, "CLICKSTREAM_HASH_FIELDS", "a is also in"),
    ],
)
def test_masks_that_cannot_be_are_refused(given_as: dict[str, str], subject: str, finding: str) -> None:
    with pytest.raises(SettingsError, match=finding) as refused:
        masks(Settings(**given_as))  # pyright: ignore[reportArgumentType] - as texts, as the environment has them
    assert refused.value.subject == subject
    assert "short" not in str(refused.value)


def test_the_secret_is_in_no_words_about_the_rules() -> None:
    found = masks(Settings(hash_fields=("phone",), hash_secret=SECRET))  # pyright: ignore[reportArgumentType]
    assert found.secret == SECRET.encode()
    assert SECRET not in repr(Rules((), timedelta(0), 1, masks=found))
