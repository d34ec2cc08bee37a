"""A text is the instant that Python's calendar gives it, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clickstream_platform.events.timestamps import FIRST_INSTANT, INSTANT, LAST_INSTANT, to_instants

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
FIRST = datetime(1, 1, 3)  # two days from either end of Python's calendar
LAST = datetime(9999, 12, 29, 23, 59, 59, 999_999)
EDGE = timedelta(hours=18)  # the furthest zone from UTC


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def found(texts: Iterable[str | None]) -> list[int | None]:
    column = to_instants(pa.array(texts, pa.string()))
    assert column.type == INSTANT
    return pc.cast(column, pa.int64()).to_pylist()


@dataclass(frozen=True)
class Moment:
    """What a text says: a local time to the second, the digits of its fraction, the distance from UTC in minutes."""

    local: datetime
    digits: str
    offset: int
    zone: str
    text: str

    @property
    def micros(self) -> int:
        return micros(self.local) - self.offset * 60_000_000 + int(self.digits.ljust(6, "0")[:6])


def zones(offset: int) -> list[str]:
    """All ways to write a distance from UTC."""
    hours, minutes = divmod(abs(offset), 60)
    signs = ["+", "-"] if offset == 0 else ["-" if offset < 0 else "+"]
    written = [f"{hours:02}:{minutes:02}", f"{hours:02}{minutes:02}", *([f"{hours:02}"] if minutes == 0 else [])]
    return [sign + each for sign in signs for each in written] + (["", "Z"] if offset == 0 else [])


@st.composite
def moments(draw: st.DrawFn, first: datetime = FIRST, last: datetime = LAST) -> Moment:
    """In any zone, and from the first to the last in UTC."""
    offset = draw(st.integers(-18 * 60, 18 * 60) | st.sampled_from([-18 * 60, 0, 18 * 60]))
    utc = draw(st.datetimes(first, last) | st.sampled_from([first, last])).replace(microsecond=0)
    local = utc + timedelta(minutes=offset)
    digits = draw(st.text("0123456789", max_size=9))
    is_whole_minute = local.second == 0 and not digits and draw(st.booleans())
    clock = f"{local:%H:%M}" if is_whole_minute else f"{local:%H:%M:%S}" + (f".{digits}" if digits else "")
    zone = draw(st.sampled_from(zones(offset)))
    text = f"{local.date().isoformat()}{draw(st.sampled_from('T '))}{clock}{zone}"
    return Moment(local, digits, offset, zone, text)


@given(st.lists(moments() | st.none(), max_size=20))
def test_a_text_is_the_instant_that_python_counts(some: list[Moment | None]) -> None:
    assert found(each and each.text for each in some) == [each and each.micros for each in some]


@given(moments(datetime.min + EDGE, FIRST - MICROSECOND) | moments(LAST + MICROSECOND, datetime.max - EDGE))
def test_an_instant_within_two_days_of_the_calendar_s_ends_is_none(moment: Moment) -> None:
    assert found([moment.text]) == [None]


def test_the_ends_are_two_days_from_those_of_python_s_calendar() -> None:
    assert (micros(FIRST), micros(LAST)) == (FIRST_INSTANT, LAST_INSTANT)
    texts = ["0001-01-03T00:00Z", "9999-12-29T23:59:59.999999999Z", "0001-01-02T23:59:59.999999Z", "9999-12-30T00:00Z"]
    assert found(texts) == [FIRST_INSTANT, LAST_INSTANT, None, None]


def days(year: int) -> list[tuple[str, int | None]]:
    """Every month and day of two digits, with the day's number since 1970 if it exists."""
    return [(f"{year:04}-{month:02}-{day:02}", _number(year, month, day)) for month in range(100) for day in range(100)]


def _number(year: int, month: int, day: int) -> int | None:
    try:
        return (date(year, month, day) - EPOCH.date()).days
    except ValueError:
        return None


def test_a_date_that_does_not_exist_is_none() -> None:
    years = [4, 100, 400, 1500, 1582, 1600, 1900, 1970, 2000, 2023, 2024, 2100, 9996]
    dates = [each for year in years for each in days(year)]
    expected = [None if number is None else number * 86_400_000_000 for _, number in dates]
    assert found(f"{text}T00:00:00Z" for text, _ in dates) == expected
    assert sum(number is not None for _, number in dates) == 365 * len(years) + 6  # the leap years among them


def test_february_has_a_29th_in_leap_years_alone() -> None:
    numbers = [_number(year, 2, 29) for year in range(10_000)]
    expected = [None if number is None else number * 86_400_000_000 for number in numbers]
    assert found(f"{year:04}-02-29T00:00" for year in range(10_000)) == expected


def test_a_time_of_day_that_does_not_exist_is_none() -> None:
    noon = micros(datetime(2024, 2, 29, 12))
    pairs = range(100)
    hours = [noon + (hour - 12) * 3_600_000_000 if hour <= 24 else None for hour in pairs]  # 24:00 ends the day
    minutes = [noon + minute * 60_000_000 if minute < 60 else None for minute in pairs]
    seconds = [noon + second * 1_000_000 if second < 60 else None for second in pairs]
    assert found(f"2024-02-29T{hour:02}:00" for hour in pairs) == hours
    assert found(f"2024-02-29T12:{minute:02}" for minute in pairs) == minutes
    assert found(f"2024-02-29T12:00:{second:02}" for second in pairs) == seconds


def test_a_zone_further_than_18_hours_from_utc_is_none() -> None:
    noon = micros(datetime(2024, 2, 29, 12))
    for sign, way in (("+", -1), ("-", 1)):
        clocks = [(hour, minute) for hour in range(100) for minute in range(100)]
        expected = [
            noon + way * (hour * 60 + minute) * 60_000_000 if minute < 60 and hour * 60 + minute <= 18 * 60 else None
            for hour, minute in clocks
        ]
        assert found(f"2024-02-29T12:00{sign}{hour:02}:{minute:02}" for hour, minute in clocks) == expected
        assert found(f"2024-02-29T12:00{sign}{hour:02}{minute:02}" for hour, minute in clocks) == expected


# Nearly instants: Arrow's own parser stops a whole column at what it does not know, so nothing of these may reach it.
nearly = st.from_regex(
    r"[-+]?[0-9]{1,5}-[01][0-9]-[0-3][0-9]([T t_][0-2][0-9](:?[0-6][0-9](:?[0-6][0-9]([.,][0-9]{0,10})?)?)?)?"
    r"( ?Z|z| UTC| |[+-][0-2][0-9](:?([0-6][0-9]?)?)?)?",
)


@given(st.lists(nearly | st.text() | st.none(), max_size=20))
@example(
    ["2024-05-01T10:00:00Z\x00", "\uff12024-05-01T10:00:00Z", "2024-05-01T10:00\u221205:00", "0000-01-01T00:00+18:00"]
)
@example(["9999-12-31T23:59:59.999999999-18:00", "0001-01-01T00:00:00+18:00", "", "\n", "Z"])
@settings(max_examples=300)
def test_no_text_stops_a_column(texts: list[str | None]) -> None:
    assert found(texts) == [found([text])[0] for text in texts]
    assert all(each is None or FIRST_INSTANT <= each <= LAST_INSTANT for each in found(texts))
