"""Times as people write them: every form of ISO-8601 and every number since 1970 is the instant it names, or none."""

from __future__ import annotations

import pyarrow as pa
import pytest

from clickstream_platform.events.time_faults import why_no_instant
from clickstream_platform.events.timestamps import Unit, are_ambiguous
from clickstream_platform_tests.events.instants import SECOND, TEN, instants_of

FORMS = {
    "2024-03-01": TEN - 36_000 * SECOND,
    "20240301": TEN - 36_000 * SECOND,
    "2024-061": TEN - 36_000 * SECOND,
    "2024-W09-5": TEN - 36_000 * SECOND,
    "2024W095T10Z": TEN,
    "2024061T10Z": TEN,
    "2024-03-01T10": TEN,
    "2024-03-01T10Z": TEN,
    "2024-03-01 10-05": TEN + 5 * 3_600 * SECOND,
    "2024-03-01T1030": TEN + 1_800 * SECOND,
    "20240301T100000Z": TEN,
    "20240301T100000.123+0100": TEN - 3_600 * SECOND + 123_000,
    "20240301 100000": TEN,
    "2024-03-01T10:00:00,123Z": TEN + 123_000,
    "2024-03-01t10:00:00z": TEN,
    "2024-w09-5t10:00z": TEN,
    "2024-03-01 10:00:00 UTC": TEN,
    "2024-03-01T10:00:00utc": TEN,
    "2024-03-01 10:00:00.5 GMT": TEN + 500_000,
    "2024-03-01 10:00:00 +0000": TEN,
    "2024-03-01T10:00:00 Z": TEN,
    "2024-03-01T10:00+01": TEN - 3_600 * SECOND,
    "2024-03-01T10:00-0330": TEN + 12_600 * SECOND,
    "2024-03-01T10:00\u221203:30": TEN + 12_600 * SECOND,
    "2024-02-29T24:00:00Z": TEN - 36_000 * SECOND,
    "2024-02-29T24": TEN - 36_000 * SECOND,
    "20240229T2400": TEN - 36_000 * SECOND,
    "2024-12-31T24:00:00.000+01:00": 1_735_686_000 * SECOND,
    " \t2024-03-01T10:00:00Z\r\n": TEN,
    "2024-03-01T10:30.5": TEN + 1_830 * SECOND,
    "2024-03-01T10.25Z": TEN + 900 * SECOND,
    "2024-03-01T10:00:00.12345678901234567890Z": TEN + 123_456,
    "2020-W53-7": 1_609_632_000 * SECOND,  # in 2021
    "1709287200": TEN,
    " 1709287200 ": TEN,
    "1709287200.123": TEN + 123_000,
    "1709287200.9999999": TEN + 999_999,
    "1709287200123": TEN + 123_000,
    "1709287200123.4567": TEN + 123_456,
    "1709287200123456": TEN + 123_456,
    "1709287200123456.9": TEN + 123_456,
    "1709287200123456789": TEN + 123_456,
    "1.7092872E+9": TEN,
    "1.709287200123456789e18": TEN + 123_456,
    "170928720012345678.9E-8": TEN + 123_456,
    "-1709287200": -TEN,
    "-1709287200.0000001": -TEN - 1,
    "-1709287200000000001": -TEN - 1,
    "100000000": 100_000_000 * SECOND,
    "99999999999": 99_999_999_999 * SECOND,
    "100000000000": 100_000_000 * SECOND,
    "99999999999999": 99_999_999_999_999_000,
    "100000000000000": 100_000_000 * SECOND,
    "100000000000000000": 100_000_000 * SECOND,
    "633999999999999999": 633_999_999_999_999,  # ticks before 2010 may be nanoseconds, and so are those after 2050
    "647000000000000000": 647_000_000 * SECOND,
    "128999999999999999": 128_999_999_999_999,
    "142000000000000000": 142_000_000 * SECOND,
}


def test_a_form_that_people_write_is_its_instant() -> None:
    assert dict(zip(FORMS, instants_of(list(FORMS)), strict=True)) == FORMS
    assert {text: instants_of([text])[0] for text in FORMS} == FORMS  # alone as in a column


WHYS = {
    "2024-03-01T24:00:01Z": "after 24:00:00",
    "2024-03-01T24:00:00.0000000001Z": "after 24:00:00",
    "2016-12-31T23:59:60Z": "a leap second",
    "20161231T235960Z": "a leap second",
    "634000000000000000": "may be a date",  # ticks of .NET, and file times of Windows
    "646999999999999999.5": "may be a date",
    "129000000000000000": "may be a date",
    "141999999999999999": "may be a date",
    "+002024-03-01": "a year with a sign",
    "-2024-03-01T10:00:00Z": "a year with a sign",
    "2024-03": "a month or a week",
    "2024-W09": "a month or a week",
    "2024-02-30": "does not exist",
    "2023-366": "does not exist",
    "2023-000": "does not exist",
    "2024-W53-1": "does not exist",
    "2024-W09-8": "does not exist",
    "2024-W09-0": "does not exist",
    "2024-03-01T25": "does not exist",
    "2024-03-01T10:60": "does not exist",
    "2024-03-01T10:00+05:60": "does not exist",
    "0001-01-01T00:00:00Z": "beyond the years",
    "9999-12-31": "beyond the years",
    "2024-03-01T10:00+18:01": "further than 18 hours",
    "2024-03-01T10:00 -19": "further than 18 hours",
    "2024-03-01T10:00:00 CET": "a zone by name",
    "2024-03-01T10:00:00+01:00[Europe/Paris]": "a zone by name",
    "2024-03-01Z": "a date with a zone and no time",
    "10:00:00": "without a date",
    "0": "may be a date, a year or a counter",
    "2024": "may be a date, a year or a counter",
    "2024061": "may be a date, a year or a counter",
    "99999999.9": "may be a date, a year or a counter",
    "20240230": "may be a date, a year or a counter",
    "20240301.0": "may be a date, a year or a counter",
    "202403011000": "may be a date, a year or a counter",
    "20240301100000": "may be a date, a year or a counter",
    "20240301100000123": "may be a date, a year or a counter",
    "999999999999999999999": "a number beyond",
    "1e30": "a number beyond",
    "yesterday": "neither",
    "NaN": "neither",
    "01709287200": "neither",
    "1,709,287,200": "neither",
    "05/01/2026 10:00": "neither",
    "Fri, 01 Mar 2024 10:00:00 GMT": "neither",
    "\u06f2\u06f0\u06f2\u06f4-03-01T10:00": "neither",
    " ": "blank",
}


@pytest.mark.parametrize("text", WHYS)
def test_what_is_no_instant_says_why(text: str) -> None:
    assert instants_of([text]) == [None]
    assert WHYS[text] in str(why_no_instant(text))
    assert are_ambiguous(pa.array([text])).to_pylist() == ["may be a date" in WHYS[text]]


def test_an_instant_has_nothing_to_explain() -> None:
    assert [why_no_instant(text) for text in FORMS] == [None] * len(FORMS)


@pytest.mark.parametrize(
    ("unit", "instant"), [("auto", TEN), ("s", None), ("ms", TEN), ("us", TEN // 1000), ("ns", TEN // 1_000_000)]
)
def test_the_unit_that_is_set_is_that_of_all_numbers_and_of_no_date(unit: Unit, instant: int | None) -> None:
    assert instants_of(["1709287200000", "2024-03-01T10Z", "2024-03-01T10:00Z"], unit) == [instant, TEN, TEN]


def test_digits_are_a_number_where_its_unit_is_set_and_a_date_where_only_iso_is_allowed() -> None:
    assert instants_of(["20240301", "2024061", "0", "-5"], "s") == [
        20_240_301 * SECOND,
        2_024_061 * SECOND,
        0,
        -5 * SECOND,
    ]
    midnight = TEN - 36_000 * SECOND
    assert instants_of(["20240301", "2024061", "1709287200", "0"], "iso") == [midnight, midnight, None, None]
    assert "does not allow" in str(why_no_instant("1709287200", "iso"))


# Against Python's own calendar.


# Against decimal arithmetic.


# Against what was accepted before.
