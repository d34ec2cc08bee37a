"""Lengths of time, as Spark takes them and as people write and read them."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": "milliseconds", "s": "seconds", "sec": "seconds", "m": "minutes", "min": "minutes", "h": "hours"}
_WRITTEN = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*([a-z]*)")


def for_spark(length: timedelta) -> str:
    """An interval as triggers and watermarks give it to Spark. Queries write the lengths of windows themselves."""
    return f"{length // timedelta(milliseconds=1)} milliseconds"


def in_words(length: timedelta) -> str:
    """For reading, in the largest unit that gives a whole number: ``90 s``, ``2 min``."""
    for unit, name in ((timedelta(hours=1), "h"), (timedelta(minutes=1), "min"), (timedelta(seconds=1), "s")):
        if length >= unit and not length % unit:
            return f"{length // unit} {name}"
    return f"{length / timedelta(milliseconds=1):g} ms"


def from_words(text: str) -> timedelta:
    """``2 minutes``, ``90s``, ``1.5 h``: a number and a unit.

    Raises:
        ValueError: it is none; says what is wrong with it and what is allowed.
    """
    written = _WRITTEN.fullmatch(text.strip().lower())
    if not written:
        msg = "it is no interval; allowed: a number and a unit, as in 30 seconds, 2 minutes, 1 hour"
        raise ValueError(msg)
    number, unit = written.groups()
    known = {**_UNITS, **{word: name for name in _UNITS.values() for word in (name, name[:-1])}}
    if unit not in known:
        finding = f"{unit} is no unit" if unit else "it has no unit"
        msg = f"{finding}; say {number} seconds, {number} minutes or {number} hours"
        raise ValueError(msg)
    try:
        length = timedelta(**{known[unit]: float(number)})
    except OverflowError:
        length = timedelta.max
    if not timedelta(milliseconds=1) <= length <= timedelta(days=1):
        msg = "an interval must be at least a millisecond and at most a day; say 30 seconds, 2 minutes or 1 hour"
        raise ValueError(msg)
    return length
