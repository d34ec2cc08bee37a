"""Why a text is no instant, in a sentence for the person who sent it. No Spark."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from clickstream_platform.events.json_record import read_json_record
from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.named import mapping_named, time_unit
from clickstream_platform.events.mapping.reader import record_reader
from clickstream_platform.events.schema import WIRE, Reason

if TYPE_CHECKING:
    from clickstream_platform.events.timestamps import Unit

OF_TIME = (Reason.BAD_TIMESTAMP, Reason.AMBIGUOUS_TIMESTAMP)  # the reasons that have a sentence

_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?"
_DAY = r"\d{4}-?(?:\d\d-?\d\d|W\d\d-?\d|\d{3})"
# Every text that is an instant has one of these forms, in capitals and without blanks around.
_FORM = re.compile(rf"-?\d+(?:\.\d+)?(?:E[+-]?\d+)?|{_DAY}(?:[T ]\d[\d:.,]*(?: ?(?:Z|UTC|GMT|[+-][\d:]+))?)?", re.ASCII)
_AMBIGUOUS = "a number that may be a date, a year or a counter: CLICKSTREAM_TIMESTAMP_UNIT names the unit of numbers"
_FAULTS = {  # the first that fits counts
    _NUMBER: "a number beyond the years 1 to 9999",
    r"[+-]\d{4,}-?\d\d-?\d\d.*": "a year with a sign, or of more than four digits",
    r"\d{4}-\d\d|\d{4}-?W\d\d": "a month or a week, without a day",
    r".*\d:?[0-5]\d:?60(?:[.,]\d+)?(?: ?[A-Z+-].*)?": "a leap second, which no clock that counts from 1970 has",
    rf"{_DAY} ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)": "a date with a zone and no time of day",
    rf"{_DAY}[T ]24.*": "after 24:00:00, the end of the day",
    rf"{_DAY}[T ].*\d ?(?:[A-Z]{{2,5}}|\[?[A-Z_]+/.*)": "a zone by name, where Z, UTC, GMT or +01:00 is read",
    r".*[:T]\d\d(?:[.,]\d+)? ?[+-](?:19|[2-9]\d|18:?(?!00)\d\d).*": "further than 18 hours from UTC",
    rf"{_DAY}(?:[T ]\d\d.*)?": "a date or a time of day that does not exist, or beyond the years 1 to 9999",
    r"\d{1,2}:\d\d.*|T\d\d.*": "a time of day, without a date",
}


def why_no_instant(text: str, unit: Unit = "auto") -> str | None:
    """What is wrong with an event's ``timestamp``; None if it is an instant. For messages: the words may change."""
    plain = text.strip(" \t\n\r\v\f").upper().replace("\u2212", "-")
    if not plain:
        return "blank"
    if _may_be_one(plain):
        import pyarrow as pa  # noqa: PLC0415 - half a second with all that it imports, and few texts come here

        from clickstream_platform.events.timestamps import are_ambiguous, to_instants  # noqa: PLC0415

        if to_instants(pa.array([text]), unit)[0].is_valid:
            return None
        if unit == "auto" and are_ambiguous(pa.array([plain]))[0].as_py():
            return _AMBIGUOUS
    if unit == "iso" and re.fullmatch(_NUMBER, plain):
        return "a number, which CLICKSTREAM_TIMESTAMP_UNIT=iso does not allow"
    faults = (fault for form, fault in _FAULTS.items() if re.fullmatch(form, plain, re.ASCII | re.DOTALL))
    return next(faults, "neither a text by ISO-8601 nor a number since 1970")


def _may_be_one(plain: str) -> bool:
    """Whether it has a form by which an instant is written, and no day that the calendar lacks."""
    if not _FORM.fullmatch(plain):
        return False
    if re.match(r"\d{4}-\d\d-\d\d", plain):
        try:
            date.fromisoformat(plain[:10])
        except ValueError:
            return False
    return True


def time_fault(record: bytes, unit: Unit = "auto", mapping: str = "") -> str:
    """The time of a record and what is wrong with it; empty if nothing is, or if no time can be read.

    Args:
        record: its bytes.
        unit: of times that are numbers, unless the mapping says so itself.
        mapping: the name of the mapping by which it is read; empty for our own shape.
    """
    return fault_of_time(record, unit, mapping_named(mapping, declared=None))


def fault_of_time(record: bytes, unit: Unit, mapping: Mapping | None) -> str:
    """As :func:`time_fault`, by the mapping itself; None for our own shape."""
    unit = time_unit(mapping, unit)
    text = (record_reader(mapping) if mapping else read_json_record)(record).texts[WIRE.names.index("timestamp")]
    why = None if text is None else why_no_instant(text, unit)
    return f"{text}: {why}" if why else ""
