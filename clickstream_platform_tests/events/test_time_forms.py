"""Times as people write them: every form of ISO-8601 and every number since 1970 is the instant it names, or none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickstream_platform.events.time_faults import why_no_instant
from clickstream_platform.events.timestamps import FIRST_INSTANT, LAST_INSTANT, Unit, are_ambiguous, to_instants

EPOCH = datetime(1970, 1, 1)
TEN = 1_709_287_200_000_000  # 2024-03-01T10:00:00Z
SECOND = 1_000_000
DAY = 86_400 * SECOND


def found(texts: list[str], unit: Unit = "auto") -> list[int | None]:
    return pc.cast(to_instants(pa.array(texts, pa.string()), unit), pa.int64()).to_pylist()


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
}


def test_a_form_that_people_write_is_its_instant() -> None:
    assert dict(zip(FORMS, found(list(FORMS)), strict=True)) == FORMS
    assert {text: found([text])[0] for text in FORMS} == FORMS  # alone as in a column


WHYS = {
    "2024-03-01T24:00:01Z": "after 24:00:00",
    "2024-03-01T24:00:00.0000000001Z": "after 24:00:00",
    "2016-12-31T23:59:60Z": "a leap second",
    "20161231T235960Z": "a leap second",
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
    assert found([text]) == [None]
    assert WHYS[text] in str(why_no_instant(text))
    assert are_ambiguous(pa.array([text])).to_pylist() == ["may be a date" in WHYS[text]]


def test_an_instant_has_nothing_to_explain() -> None:
    assert [why_no_instant(text) for text in FORMS] == [None] * len(FORMS)


@pytest.mark.parametrize(
    ("unit", "instant"), [("auto", TEN), ("s", None), ("ms", TEN), ("us", TEN // 1000), ("ns", TEN // 1_000_000)]
)
def test_the_unit_that_is_set_is_that_of_all_numbers_and_of_no_date(unit: Unit, instant: int | None) -> None:
    assert found(["1709287200000", "2024-03-01T10Z", "2024-03-01T10:00Z"], unit) == [instant, TEN, TEN]


def test_digits_are_a_number_where_its_unit_is_set_and_a_date_where_only_iso_is_allowed() -> None:
    assert found(["20240301", "2024061", "0", "-5"], "s") == [20_240_301 * SECOND, 2_024_061 * SECOND, 0, -5 * SECOND]
    midnight = TEN - 36_000 * SECOND
    assert found(["20240301", "2024061", "1709287200", "0"], "iso") == [midnight, midnight, None, None]
    assert "does not allow" in str(why_no_instant("1709287200", "iso"))


# Against Python's own calendar.


@dataclass(frozen=True)
class Written:
    """A text, and the instant it names."""

    text: str
    micros: int


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Any day, in any form of ISO-8601, with any part of a time and any zone."""
    day = draw(st.dates(date(1, 1, 4), date(9999, 12, 27)))
    dash, colon = draw(st.sampled_from(["-", ""])), draw(st.sampled_from([":", ""]))
    year, week, weekday = day.isocalendar()
    forms = [f"{day.year:04}{dash}{day.month:02}{dash}{day.day:02}", f"{day.year:04}{dash}{day:%j}"]
    text = draw(st.sampled_from([*forms, f"{year:04}{dash}W{week:02}{dash}{weekday}"]))
    micros = (day - EPOCH.date()).days * DAY
    parts = draw(st.integers(1, 3))
    clock = [draw(st.integers(0, limit)) for limit in (23, 59, 59)[:parts]]
    seconds = sum(value * unit for value, unit in zip(clock, (3600, 60, 1), strict=False))
    text += draw(st.sampled_from("Tt ")) + colon.join(f"{value:02}" for value in clock)
    fraction = draw(st.text("0123456789", max_size=20 if parts == 3 else 9))
    if fraction:
        text += draw(st.sampled_from(".,")) + fraction
        seconds += Fraction(int(fraction), 10 ** len(fraction)) * (3600, 60, 1)[parts - 1]
    offset = draw(st.integers(-1080, 1080))
    hours, minutes = divmod(abs(offset), 60)
    sign = "+" if offset >= 0 else draw(st.sampled_from("-\u2212"))
    zones = [f"{sign}{hours:02}:{minutes:02}", f"{sign}{hours:02}{minutes:02}"]
    zones += ["Z", "z", "UTC", "utc", "GMT", ""] if offset == 0 else []
    zones += [f"{sign}{hours:02}"] if minutes == 0 else []
    text += draw(st.sampled_from(["", " "])) + draw(st.sampled_from(zones))
    return Written(text, micros + int(seconds * SECOND // 1) - offset * 60 * SECOND)


@given(st.lists(written(), min_size=1, max_size=20))
@settings(max_examples=300)
def test_any_form_is_the_instant_that_the_calendar_gives(some: list[Written]) -> None:
    assert found([each.text for each in some]) == [each.micros for each in some]


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 9))
@settings(max_examples=500)
def test_a_week_date_is_python_s(year: int, week: int, weekday: int) -> None:
    try:
        day = (date.fromisocalendar(year, week, weekday) - EPOCH.date()).days * DAY
    except ValueError:
        day = None
    expected = day if day is not None and FIRST_INSTANT <= day <= LAST_INSTANT else None
    assert found([f"{year:04}-W{week:02}-{weekday}", f"{year:04}W{week:02}{weekday}T00"]) == [expected] * 2


@given(st.integers(0, 9999), st.integers(0, 999))
@settings(max_examples=500)
def test_a_day_of_the_year_is_python_s(year: int, number: int) -> None:
    try:
        moment = date(year, 1, 1) + timedelta(days=number - 1)
    except (ValueError, OverflowError):  # the year 0, or a day beyond either end of the calendar
        moment = None
    day = (moment - EPOCH.date()).days * DAY if moment and moment.year == year else None
    expected = day if day is not None and FIRST_INSTANT <= day <= LAST_INSTANT else None
    assert found([f"{year:04}-{number:03}", f"{year:04}{number:03}T00Z"]) == [expected] * 2


# Against decimal arithmetic.

POWERS = {"s": 6, "ms": 3, "us": 0, "ns": -3}
numbers = st.builds(
    lambda whole, rest, minus: f"{'-' * minus}{whole}{'.' * bool(rest)}{rest}",
    st.integers(0, 21).flatmap(lambda size: st.integers(0, 10**size)),
    st.text("0123456789", max_size=20),
    st.booleans(),
)


def counted(text: str, unit: str) -> int | None:
    with localcontext() as context:
        context.prec = 100
        micros = int((Decimal(text) * Decimal(10) ** POWERS[unit]).to_integral_value(ROUND_FLOOR))
    return micros if FIRST_INSTANT <= micros <= LAST_INSTANT else None


@given(st.lists(numbers, min_size=1, max_size=20), st.sampled_from(["s", "ms", "us", "ns"]))
@settings(max_examples=300)
@example(["0", "-0.0000001", str(LAST_INSTANT // SECOND), str(FIRST_INSTANT // SECOND)], "s")
@example([f"{LAST_INSTANT}999", f"{FIRST_INSTANT}000", f"{FIRST_INSTANT}001", f"{LAST_INSTANT + 1}000"], "ns")
def test_a_number_of_a_unit_is_exact(texts: list[str], unit: Unit) -> None:
    assert found(texts, unit) == [counted(text, unit) for text in texts]


@given(st.lists(numbers, min_size=1, max_size=20))
@settings(max_examples=300)
def test_a_number_s_size_tells_its_unit(texts: list[str]) -> None:
    def told(text: str) -> int | None:
        size = abs(Decimal(text))
        if re.fullmatch(r"\d{8}", text):
            return found([text], "iso")[0]
        if are_ambiguous(pa.array([text]))[0].as_py():
            return None
        assert size >= 10**8
        return counted(text, "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns")

    assert found(texts) == [told(text) for text in texts]


@given(st.floats(1e8, 9e10), st.sampled_from([1, 1e3, 1e6, 1e9]))
@settings(max_examples=300)
def test_a_number_with_an_exponent_is_that_without(value: float, scale: float) -> None:
    number = Decimal(repr(value * scale))
    assert found([f"{number:e}", f"{number:E}"], "ns") == [found([f"{number:f}"], "ns")[0]] * 2


# Against what was accepted before.

UNITS: list[Unit] = ["auto", "s", "ms", "us", "ns", "iso"]
_DATE = r"\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|[12]\d))"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
_ZONE = r"Z|[+-](?:(?:0\d|1[0-7])(?::?[0-5]\d)?|18(?::?00)?)"
FORMERLY = re.compile(rf"{_DATE}[T ]{_TIME}(?:{_ZONE})?", re.ASCII)


def former(text: str) -> int | None:
    """The instant that version 0.1.0 gave it: what it accepted, Python reads in the same way."""
    if not FORMERLY.fullmatch(text):
        return None
    text = re.sub(r"\.(\d+)", lambda found: f".{found[1]:0<6.6}", text)  # Python 3.10 wants three digits, or six
    local, offset = re.fullmatch(r"(.{16,}?)(Z|[+-].+)?", text).groups()  # type: ignore[union-attr] - it has 16 signs
    try:
        moment = datetime.fromisoformat(local)
    except ValueError:  # no leap day, or the year 0
        return None
    digits = (offset or "Z")[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if (offset or "")[:1] == "-" else 1)
    micros = (moment - EPOCH - ahead) // timedelta(microseconds=1)
    return micros if FIRST_INSTANT <= micros <= LAST_INSTANT else None


@given(st.lists(st.from_regex(FORMERLY, fullmatch=True), min_size=1, max_size=20), st.sampled_from(UNITS))
@settings(max_examples=300)
def test_no_text_that_was_an_instant_is_another_now(texts: list[str], unit: Unit) -> None:
    assert found(texts, unit) == [former(text) for text in texts]


nearly = st.from_regex(
    r"[-+ ]?[0-9]{1,22}(-?[W0][0-9]{1,2}(-?[0-3][0-9]?)?)?"
    r"([T t_][0-2]?[0-9](:?[0-6][0-9](:?[0-6][0-9])?)?([.,][0-9]{0,12})?)?"
    r"( ?Z|z| UTC|gmt| |e[0-9]{1,3}| ?[+\u2212-][0-2][0-9](:?([0-6][0-9]?)?)?)?"
)


@given(st.lists(nearly | st.text() | st.none(), max_size=20), st.sampled_from(UNITS))
@example(["2024-03-01T10.9999999999", "9" * 400, "-" + "9" * 21, "1e99", "0e-99", "0000-W01-1", "\u0000"], "auto")
@example(["2024-03-01T10:00:00." + "9" * 100_000], "auto")
@settings(max_examples=300)
def test_every_text_is_an_instant_or_none_and_says_why(texts: list[str | None], unit: Unit) -> None:
    column = to_instants(pa.array(texts, pa.string()), unit)
    assert len(column) == len(texts)
    for text, instant in zip(texts, pc.cast(column, pa.int64()).to_pylist(), strict=True):
        assert instant is None or FIRST_INSTANT <= instant <= LAST_INSTANT
        if text is not None:
            assert found([text], unit) == [instant]
            assert (why_no_instant(text, unit) is None) == (instant is not None)
