"""Times as anybody may write them, drawn at random, against another way of reading each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickstream_platform.events.time_faults import why_no_instant
from clickstream_platform.events.timestamps import FIRST_INSTANT, LAST_INSTANT, Unit, are_ambiguous, to_instants
from clickstream_platform_tests.events.instants import DAY, EPOCH, SECOND, instants_of


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
    assert instants_of([each.text for each in some]) == [each.micros for each in some]


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 9))
@settings(max_examples=500)
def test_a_week_date_is_python_s(year: int, week: int, weekday: int) -> None:
    try:
        day = (date.fromisocalendar(year, week, weekday) - EPOCH.date()).days * DAY
    except ValueError:
        day = None
    expected = day if day is not None and FIRST_INSTANT <= day <= LAST_INSTANT else None
    assert instants_of([f"{year:04}-W{week:02}-{weekday}", f"{year:04}W{week:02}{weekday}T00"]) == [expected] * 2


@given(st.integers(0, 9999), st.integers(0, 999))
@settings(max_examples=500)
def test_a_day_of_the_year_is_python_s(year: int, number: int) -> None:
    try:
        moment = date(year, 1, 1) + timedelta(days=number - 1)
    except (ValueError, OverflowError):  # the year 0, or a day beyond either end of the calendar
        moment = None
    day = (moment - EPOCH.date()).days * DAY if moment and moment.year == year else None
    expected = day if day is not None and FIRST_INSTANT <= day <= LAST_INSTANT else None
    assert instants_of([f"{year:04}-{number:03}", f"{year:04}{number:03}T00Z"]) == [expected] * 2


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
    assert instants_of(texts, unit) == [counted(text, unit) for text in texts]


@given(st.lists(numbers, min_size=1, max_size=20))
@settings(max_examples=300)
def test_a_number_s_size_tells_its_unit(texts: list[str]) -> None:
    def told(text: str) -> int | None:
        size = abs(Decimal(text))
        if re.fullmatch(r"\d{8}", text):
            return instants_of([text], "iso")[0]
        if are_ambiguous(pa.array([text]))[0].as_py():
            return None
        assert size >= 10**8
        return counted(text, "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns")

    assert instants_of(texts) == [told(text) for text in texts]


@given(st.floats(1e8, 9e10), st.sampled_from([1, 1e3, 1e6, 1e9]))
@settings(max_examples=300)
def test_a_number_with_an_exponent_is_that_without(value: float, scale: float) -> None:
    number = Decimal(repr(value * scale))
    assert instants_of([f"{number:e}", f"{number:E}"], "ns") == [instants_of([f"{number:f}"], "ns")[0]] * 2


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
    assert instants_of(texts, unit) == [former(text) for text in texts]


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
            assert instants_of([text], unit) == [instant]
            assert (why_no_instant(text, unit) is None) == (instant is not None)
