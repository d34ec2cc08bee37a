"""Which ids are none, and which come from elsewhere than the record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from clickstream_platform.events.masks import Masks
from clickstream_platform.events.placeholders import is_none
from clickstream_platform.events.rules import Parse
from clickstream_platform.events.schema import PLACEHOLDERS, RAW
from clickstream_platform.streaming.ingest.deduplicate import IS_ID
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.lake.scan import open_duckdb
from clickstream_platform_tests.events.reading import read_all
from clickstream_platform_tests.events.record_cases import ARRIVED, RULES, event

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UNSEEN = ["\u00a0", "\u3000", "\u200b", "\ufeff", "\u2060null\u00ad", "\u3164", "\x7f"]


NO_IDS = [
    *(*PLACEHOLDERS, " NULL ", "Undefined\t", "[object Object]", "NaN", "<nil>", "'null'", '"undefined"', "(not set)"),
    *("{00000000-0000-0000-0000-000000000000}", "N/A", "<NA>", "\\N", *UNSEEN),
]


IDS = [
    "nullable",
    "u1",
    "anil",
    "none of it",
    "0",
    "na",
    "null-7",
    "unknown soldier",
    "nilsson",
    "\u200bu1",
    "\x7fu",
    "-5",
    "--",
    "-a",
]


@pytest.mark.parametrize("name", ["user_id", "session_id", "event_id"])
def test_an_id_that_is_none_is_kept_and_counted(name: str) -> None:
    found = read_all([event(**{name: each}) for each in (*NO_IDS, *IDS)])
    assert [row[name] for row in found] == [*NO_IDS, *IDS]
    assert [row["has_placeholder"] for row in found] == [True] * len(NO_IDS) + [False] * len(IDS)
    assert all(row["reasons"] == [] for row in found)


@pytest.mark.parametrize("name", ["user_id", "session_id", "event_id"])
def test_an_id_that_is_none_is_rejected_where_that_is_set(name: str) -> None:
    rules = replace(RULES, placeholder_ids="reject")
    found = read_all([event(**{name: each}) for each in (*NO_IDS, "u1")], rules)
    assert [row["reasons"] for row in found] == [["placeholder_id"]] * len(NO_IDS) + [[]]


@pytest.mark.parametrize(("ids", "are_none"), [(NO_IDS, True), (IDS, False)])
def test_python_arrow_and_duckdb_agree_on_what_is_no_id(ids: list[str], are_none: bool) -> None:
    given = pa.table({"event_id": ids})
    with open_duckdb() as connection:
        connection.register("given", given)
        kept = connection.sql(f"SELECT count(*) FROM given WHERE {IS_ID}").fetchall()
    assert kept == [(0 if are_none else len(ids),)]
    assert {is_none(each) for each in ids} == {are_none}
    masks = Masks(hashed=frozenset({"user_id"}), secret=b"0123456789abcdef")
    assert {masks.hash_of(each) == each for each in ids} == {are_none}


def test_a_blank_id_is_a_placeholder_unless_it_is_a_fault_of_its_own() -> None:
    records = [event(user_id=" "), event(session_id=""), event(event_id=" "), event(session_id=None), b"{", None]
    found = read_all(records, replace(RULES, placeholder_ids="reject"))
    assert [row["has_placeholder"] for row in found] == [False, True, True, False, False, False]
    assert [row["reasons"] for row in found[:4]] == [["missing_user_id"], ["placeholder_id"], ["placeholder_id"], []]


def test_an_id_from_elsewhere_takes_the_place_of_a_placeholder_and_may_be_one() -> None:
    found = read_all([event(event_id="null"), event(event_id="own")], ids=[b"given", b"undefined"])
    assert [row["has_placeholder"] for row in found] == [False, True]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"given", "given"),
        ("é😀".encode(), "é😀"),
        (b" given ", " given "),
        (None, "own"),
        (b"", "own"),
        (b" \t\r\n", "own"),
        (b"\xff", "own"),
    ],
)
def test_an_id_from_elsewhere_goes_first_unless_it_is_blank_or_no_text(given: bytes | None, kept: str) -> None:
    # A record beside it has an id from elsewhere in any case.
    found = read_all([event(event_id="own"), event(event_id="own")], ids=[given, b"x"])
    assert [row["event_id"] for row in found] == [kept, "x"]


def test_an_id_from_elsewhere_is_no_fault_and_mends_none() -> None:
    found = read_all([event(), b"{", None], ids=[b"\xff", b"x", b"x"])
    assert [row["reasons"] for row in found] == [[], ["malformed_json"], ["no_value"]]


def test_a_record_id_depends_on_source_partition_and_offset_alone() -> None:
    places = [
        *(("a", "b", 1), ("a", "b", 2), ("a", "b 2", 1), ("2 a", "b", 1)),
        *(("ab", "", 1), ("", "ab", 1), ("b a", "", 1)),
    ]
    ids = [record_id(*place) for place in places]
    assert len(set(ids)) == len(places)
    assert ids == [record_id(*place) for place in places]
    assert {len(name) for name in ids} == {64}


@pytest.mark.spark
def test_a_record_id_is_what_it_was_when_spark_made_it(spark: SparkSession) -> None:
    places = [("topic", "0", 2**40), ("/landing", "é😀 1.json", 0)]
    frame = spark.createDataFrame(places, "source string, partition string, offset long")
    made = frame.selectExpr("sha2(concat(offset, ' ', length(partition), ' ', partition, ' ', source), 256) AS id")
    assert [row["id"] for row in made.collect()] == [record_id(*place) for place in places]


HEADERS = [
    ([("id", b"one")], "one"),
    ([("id", b"one"), ("id", b"two"), ("ID", b"three")], "two"),
    ([("id", b"one"), ("id", None)], "own"),
    ([("id", b"one"), ("id", b" ")], "own"),
    ([("other", b"one")], "own"),
    ([], "own"),
    (None, "own"),
]


@pytest.mark.spark
@pytest.mark.parametrize("named", ["id", ""])
def test_an_event_id_is_that_of_the_last_header_of_the_name(spark: SparkSession, named: str) -> None:
    value = event(event_id="own")
    about = [(ARRIVED, None, headers, None, None) for headers, _ in HEADERS]
    rows = [(value, "s", "p", offset, *columns) for offset, columns in enumerate(about)]
    parsed = Parse(replace(RULES, event_id_header=named))(spark.createDataFrame(rows, RAW.spark))
    ids = [row["event_id"] for row in parsed.orderBy("offset").select("event_id").collect()]
    assert ids == [kept if named else "own" for _, kept in HEADERS]
