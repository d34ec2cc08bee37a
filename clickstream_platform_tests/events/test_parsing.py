"""Every record comes out once, as an event or with its faults, and no bytes can fail a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from clickstream_platform.events.schema import WIRE
from clickstream_platform.events.timestamps import Unit
from clickstream_platform_tests.events.reading import read_all
from clickstream_platform_tests.events.record_cases import CASES, RULES, event


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.claim[:60] for case in CASES])
def test_a_record_has_exactly_its_faults(outcomes: list[dict[str, Any]], index: int) -> None:
    case, row = CASES[index], outcomes[index]
    assert row["reasons"] == case.reasons
    assert {name: row[name] for name in case.columns} == case.columns


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.claim[:60] for case in CASES])
def test_a_record_reads_the_same_alone(outcomes: list[dict[str, Any]], index: int) -> None:
    assert read_all([CASES[index].value]) == [outcomes[index]]


def test_no_records_are_no_rows() -> None:
    assert read_all([]) == []


def test_a_rejected_record_has_no_event_time(outcomes: list[dict[str, Any]]) -> None:
    for row in outcomes:
        assert (row["micros"] is None) == bool(row["reasons"])
        assert (row["event_date"] is None) == bool(row["reasons"])


def test_no_wire_text_of_an_unread_record_is_kept(outcomes: list[dict[str, Any]]) -> None:
    unread = [row for row in outcomes if {"malformed_json", "not_an_object", "too_large"} & {*row["reasons"]}]
    assert {row[name] for row in unread for name in (*WIRE.names, "extra")} == {None}


def test_the_clock_of_the_future_is_the_arrival() -> None:
    arrivals = [datetime(2024, 5, 1, 9, tzinfo=timezone.utc), datetime(2024, 5, 1, 8, 59, 59, tzinfo=timezone.utc)]
    found = read_all([event(), event()], arrived=arrivals)
    assert [row["reasons"] for row in found] == [[], ["future_timestamp"]]


ADDRESSES = ["192.0.2.77", "2001:db8:85a3:8d3::8a2e", "2001:db8::1", "::1", "unknown", None]


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        ("keep", ADDRESSES),
        ("/24", ["192.0.2.0", "2001:db8:85a3::", "2001:db8::", None, None, None]),
        ("drop", [None] * 6),
    ],
)
def test_of_an_address_so_much_is_kept(mask: str, kept: list[str | None]) -> None:
    found = read_all([event(ip_address=address) for address in ADDRESSES], replace(RULES, mask_ip=mask))
    assert [row["ip_address"] for row in found] == kept
    assert all(row["reasons"] == [] for row in found)


BAD = ["bad_timestamp"]


@pytest.mark.parametrize(("unit", "reasons"), [("auto", []), ("ms", []), ("s", BAD), ("iso", BAD)])
def test_a_number_is_read_by_the_unit_that_is_set(unit: Unit, reasons: list[str]) -> None:
    found = read_all([event(timestamp=1_714_557_600_000), event()], replace(RULES, timestamp_unit=unit))
    assert [row["reasons"] for row in found] == [reasons, []]


def test_a_small_number_is_not_ambiguous_where_the_unit_is_set() -> None:
    found = read_all([event(timestamp=20240501), event(timestamp="x")], replace(RULES, timestamp_unit="s"))
    assert [row["micros"] for row in found] == [20_240_501_000_000, None]
    assert found[1]["reasons"] == ["bad_timestamp"]
