"""What a registry's serializers wrote, on every way on which records are read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import fastavro.schema
import pytest

from clickstream_platform.errors import SourceError, UnreachableError
from clickstream_platform.events.mapping.checking import check_records
from clickstream_platform.events.mapping.matching import Matches, PathMatcher
from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.written import WrittenMapping, mapping_of, merge_mappings, raw_of
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.opening import open_records
from clickstream_platform.events.registry.failures import raise_registry_errors, registry_refusal
from clickstream_platform.events.registry.model import Registry
from clickstream_platform.streaming.sources.envelope_count import Envelopes, Tally
from clickstream_platform.streaming.tap.console import PrintedRecord, format_records
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.events.registry.framed_records import (
    TEXTS,
    UNKNOWN,
    V1,
    avro,
    batch,
    click,
    read,
    reasons,
    rules_of,
)
from clickstream_platform_tests.schema_registry import SchemaRegistry, framed


def single_object(value: Any) -> bytes:
    """A record as Avro's specification has it where there is no registry: a fingerprint of its schema."""
    form = fastavro.schema.to_parsing_canonical_form(V1)
    fingerprint = bytes.fromhex(fastavro.schema.fingerprint(form, "CRC-64-AVRO"))
    return b"\xc3\x01" + fingerprint + avro(1, V1, value)[5:]


V2 = {**V1, "fields": [*V1["fields"], {"name": "price", "type": ["null", "double"], "default": None}]}
BATCH = {"type": "record", "name": "Batch", "fields": [{"name": "batch", "type": {"type": "array", "items": V1}}]}


@pytest.fixture(scope="module")
def ids(registry: SchemaRegistry) -> dict[str, int]:
    page = {"type": "record", "name": "Page", "fields": [{"name": "url", "type": "string"}]}
    registry.register(page, subject="pages/of us")
    known = {"name": "page", "subject": "pages/of us", "version": 1}
    fields = [*V1["fields"], {"name": "page", "type": "Page"}]
    return {
        "v1": registry.register(V1),
        "v2": registry.register(V2),
        "json": registry.register({"type": "object"}, "JSON"),
        "protobuf": registry.register("syntax", "PROTOBUF"),
        "batch": registry.register(BATCH),
        "none": registry.register({"type": "array", "items": "null"}),
        "refers": registry.register({**V1, "fields": fields}, references=[known]),
        "lost": registry.register({**V1, "fields": fields}, references=[{**known, "version": 9}]),
    }


def test_every_version_of_a_schema_is_read_beside_json(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    values = (
        avro(ids["v1"], V1, click("a")),
        json.dumps(click("b")).encode(),
        avro(ids["v2"], V2, click("c", price=1.5)),
        avro(ids["v2"], V2, click("d", price=None)),
        framed(ids["json"], json.dumps(click("e", price=2)).encode()),
        avro(ids["refers"], "bytes", b"")[:5] + avro(1, V1, click("f"))[5:] + b"\x02/",
        None,
    )
    found = read(rules_of(registry), *values)
    assert [row["reasons"] for row in found] == [[]] * 6 + [["no_value"]]
    assert [row["user_id"] for row in found[:-1]] == [*"abcdef"]
    said = [None, None, '{"price":1.5}', None, '{"price":2}', '{"page":{"url":"/"}}']
    assert [row["extra"] for row in found[:-1]] == said
    assert tuple(row["value"] for row in found) == values  # the record's own bytes


def test_what_cannot_be_read_is_rejected_by_name_with_its_bytes(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    good = avro(ids["v1"], V1, click())
    wrong = {
        good[:-1]: "malformed_avro",
        good + b"x": "malformed_avro",
        good[:5]: "malformed_avro",
        framed(UNKNOWN, good[5:]): "unknown_schema",
        framed(2**32 - 1, b""): "unknown_schema",
        framed(ids["lost"], b""): "unknown_schema",
        framed(ids["protobuf"], b"\0a"): "protobuf",
        framed(ids["none"], b"\xfe" * 9 + b"\0"): "unread_schema",
        framed(ids["json"], b"{"): "malformed_json",
        framed(ids["json"], b"[]"): "not_an_object",
        b"\x03\x00" + b"x" * 16 + b"{}": "glue_header",
        b"\x03\x05" + b"x" * 16: "glue_header",
        single_object(click()): "avro_single_object",
        b"\xc3\x01" + b"x" * 7: "malformed_json",
        b"\0\0": "malformed_json",
        b"\x03\x00x": "malformed_json",
        good[:5] + b"x" * 10_000: "too_large",
    }
    found = read(rules_of(registry), *wrong)
    assert [",".join(row["reasons"]) for row in found] == [*wrong.values()]
    assert [row["value"] for row in found] == [*wrong]


def test_without_a_registry_such_a_record_is_told_as_what_it_is() -> None:
    rules = rules_of(None)
    assert reasons(rules, framed(1, b"{}"), b"\0", b"\x03\x05" + b"x" * 17) == [
        *("needs_registry", "malformed_json", "glue_header")
    ]
    assert reasons(rules, single_object(click())) == ["avro_single_object"]


def test_a_line_of_a_file_is_never_a_registrys(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    (found,) = read(rules_of(registry), avro(ids["v1"], V1, click()), source="file")
    assert found["reasons"] == ["malformed_json"]


MASKS = Masks(dropped=frozenset({"ip_address"}))


def test_where_a_mask_leaves_no_bytes_to_read_later_an_unknown_schema_stops(registry: SchemaRegistry) -> None:
    value = framed(UNKNOWN, b"")
    for masked in (rules_of(registry, masks=MASKS), rules_of(registry, mask_ip="drop")):
        with pytest.raises(SourceError, match="knows no schema"):
            reasons(masked, value)
        told = replace(masked, registry=Registry(registry.url, unknown="quarantine"))
        assert reasons(told, value) == ["unknown_schema"]


def test_what_is_kept_of_bytes_under_a_mask_is_what_they_say(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    masked, value = rules_of(registry, masks=Masks(dropped=frozenset({"user_id"}))), avro(ids["v1"], V1, click("anna"))
    (events,) = open_records(batch(value), masked)
    (kept,) = masked.kept(masked.to_keep(events)).to_pylist()
    assert json.loads(kept) == {name: text for name, text in click("anna").items() if name != "user_id"}
    assert masked.to_keep(events)[0].as_py() != value == rules_of(registry).to_keep(events)[0].as_py()


def mapping_with_batches() -> Any:
    own = WrittenMapping(columns={name: name for name in COLUMNS})
    text = '[envelope]\npath = "batch"\noptional = true'
    return mapping_of("mine", merge_mappings(own, raw_of(text.encode(), "mine")), "mine")


def test_an_envelope_in_avro_is_opened_and_counted_again(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    rules = rules_of(registry, mapping=mapping_with_batches())
    envelope = avro(ids["batch"], BATCH, {"batch": [click("a"), click("b", event_type="?")]})
    alone, in_json = avro(ids["v1"], V1, click("c")), framed(ids["json"], b'{"batch": []}')
    broken = [envelope[:-1], framed(UNKNOWN, b""), framed(ids["protobuf"], b""), framed(ids["none"], b"")]
    found = read(rules, envelope, alone, in_json, *broken)
    assert [row["user_id"] for row in found[:3]] == [*"abc"]
    assert [row["reasons"] for row in found[:3]] == [[], ["unknown_event_type"], []]
    assert json.loads(found[0]["value"]) == click("a")  # an event's own bytes
    assert found[2]["value"] == alone
    tally = Tally(Envelopes.from_rules(rules))
    for each in (envelope, alone, in_json, *broken):
        tally.add(each, is_of_topic=True)
    assert (tally.opened, tally.inside, tally.unknown) == (2, 2, 0)


def test_a_check_says_what_a_run_would_do(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    good = avro(ids["v2"], V2, click(price=2.5))
    found = check_records([batch(good, good[:-1])], rules_of(registry, mapping=mapping_with_batches()))
    assert [each.fate for each in found.fates] == ["event", "rejected"]
    assert found.paths["user_id"] == {"user_id": 1}
    assert found.extra == {"price": 1}


def test_a_run_finds_the_paths_of_a_mapping_in_what_a_record_says(
    registry: SchemaRegistry, ids: dict[str, int]
) -> None:
    rules = rules_of(registry, mapping=mapping_with_batches(), own_paths=(("user_id", "user_id"), ("page_url", "no")))
    matching = PathMatcher(rules)
    for part in open_records(batch(avro(ids["v1"], V1, click())), rules):
        matching.look(part)
    assert matching.matches == Matches(1, ("page_url: no",))


def test_tap_shows_what_a_record_says(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    value = avro(ids["v1"], V1, click("anna"))
    printed = [PrintedRecord(each, len(each), None) for each in (value, value[:-1])]
    good, cut = format_records(printed, rules_of(registry), "kafka")
    assert good.startswith("2024-03-01 10:00:00.000  anna")
    assert cut.startswith("rejected, malformed_avro:")
    assert format_records(printed[:1], rules_of(registry), "file")[0].startswith("rejected, malformed_json")


def test_an_error_of_a_registry_comes_out_of_a_task_as_it_was() -> None:
    its = UnreachableError("registry", "http://a does not answer (...)", "start it; then run")
    as_text = f"An exception\n  File x\nclickstream_platform.errors.UnreachableError: {its}\n\tat java"
    found = registry_refusal(RuntimeError(as_text))
    assert isinstance(found, UnreachableError)
    assert str(found) == str(its)
    assert registry_refusal(RuntimeError("UnreachableError: kafka: a; b")) is None
    with pytest.raises(SourceError, match="b; c"), raise_registry_errors():
        raise RuntimeError("x.SourceError: registry: b; c")


def test_a_record_that_is_an_event_is_one_in_json_and_in_avro(registry: SchemaRegistry, ids: dict[str, int]) -> None:
    fields = {name: text for name, text in event("u", event_id="1").items() if name in TEXTS}
    in_json, in_avro = read(rules_of(registry), json.dumps(fields).encode(), avro(ids["v1"], V1, fields))
    assert {**in_json, "value": None} == {**in_avro, "value": None}
