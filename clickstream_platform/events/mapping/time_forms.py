"""Times that are written in another way than ISO-8601 has it, by a form such as ``%d.%m.%Y %H:%M``. No locale counts.

The signs of a form are those of Python's ``strptime``, as far as they mean the same on every machine, and two by which
a number stands within a text, as in ``/Date(1700000000000)/``: ``%s`` for seconds, ``%Q`` for milliseconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from clickstream_platform.events.placeholders import WHITE

CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d{4})")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_SIGNS = "YymbBdjHIMSfpzaAsQ%"
_SINCE_1970 = re.compile(r"%([sQz])")  # a zone beside a number is that of who wrote it, and changes nothing
_EPOCH = datetime(1970, 1, 1)
_DATES = (
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y.%m.%d",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
)
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
_NAMED = (
    *("%d %b %Y %H:%M:%S", "%b %d, %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%d/%b/%Y:%H:%M:%S", "%d/%b/%Y:%H:%M:%S.%f"),
    *("%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S GMT"),  # mails, HTTP
    *("%a %b %d %Y %H:%M:%S GMT%z", "%a %b %d %H:%M:%S %Y"),  # JavaScript, C
    *("%a %b %d %H:%M:%S UTC %Y", "%a %b %d %H:%M:%S GMT %Y", "%a %b %d %H:%M:%S %z %Y"),  # Java, Ruby
    *("%Y-%m-%d %H:%M:%S.%f %z UTC", "%Y-%m-%d %H:%M:%S %z UTC"),  # Go
    *("/Date(%Q)/", "/Date(%Q%z)/"),  # .NET
)
_OF_DIGITS = "%Y%m%d%H%M%S"
_DIGITS = re.compile(r"20\d{12}")  # or strptime would find some date in every number
_OF_TWO_FIELDS = "%Y-%m-%d\t%H:%M:%S"  # as logs by the W3C's form have it
_USUAL = (
    *(f"{date}{between}{clock}" for date in _DATES for clock in _CLOCKS for between in (" ", ", ", "T")),
    *_NAMED,
    _OF_TWO_FIELDS,
    _OF_DIGITS,
    *_DATES,
)


def is_form(unit: str | None) -> bool:
    """Whether a unit of times is the form of a text, and no unit of numbers."""
    return unit is not None and (unit == "clf" or "%" in unit)


def form_faults(form: str) -> Iterator[str]:
    """What is wrong with a form: each in words."""
    signs = re.findall(r"%(.?)", form, re.DOTALL)
    if unknown := [sign for sign in signs if not sign or sign not in _SIGNS]:
        yield f"{'%' + unknown[0]!r} is no part of a time that is read alike everywhere"
    elif {"s", "Q"} & {*signs}:
        if {*signs} - {"z"} not in ({"s"}, {"Q"}) or len({*signs}) < len(signs):
            yield "a number since 1970 (%s, %Q) is the whole time: nothing goes with it but %z, which changes nothing"
    elif not ({"Y", "y"} & {*signs} and ("j" in signs or ({"m", "b", "B"} & {*signs} and "d" in signs))):
        yield "it names no whole date: year, month and day"
    elif ("I" in signs) != ("p" in signs):
        yield "hours of twelve (%I) need %p, and %p needs them"
    elif len({*signs} - {"%"}) < len([sign for sign in signs if sign != "%"]):
        yield "it has a part twice"


def form_reader(unit: str) -> Callable[[str], str]:
    """A function from a text of that form to one by ISO-8601; any other stays, for the parser of times to judge.

    Without a zone it is UTC, as every time.
    """
    if unit == "clf":
        return _of_log
    instant = _reader_of(unit)

    def read(text: str) -> str:
        found = instant(text.strip(WHITE))
        return text if found is None else found.isoformat()

    return read


def _reader_of(form: str) -> Callable[[str], datetime | None]:
    """A function from a text to the time that it says by a form; to None, if it is not written so.

    What is in round brackets at its end, as JavaScript and mails name their zones, only says again what is before.
    """
    if {"s", "Q"} & {*re.findall(r"%(.)", form)}:
        return _number_within(form)

    def read(text: str) -> datetime | None:
        text = text if ")" in form else _COMMENT.sub("", text)
        text = _FINE.sub(r"\1", text) if "%f" in form else text
        try:
            return datetime.strptime(text, form)
        except ValueError:
            return None

    return read


_COMMENT = re.compile(r"\s*\([^()]*\)\Z")
_FINE = re.compile(r"([.,]\d{6})\d{1,3}(?!\d)")  # finer than a microsecond is cut off


def _number_within(form: str) -> Callable[[str], datetime | None]:
    literal, *parts = _SINCE_1970.split(form)
    groups = {"s": r"(?P<s>-?\d{1,12})", "Q": r"(?P<Q>-?\d{1,15})", "z": r"[+-]\d{2}:?\d{2}"}
    pattern = re.compile(
        re.escape(literal)
        + "".join(groups[sign] + re.escape(text) for sign, text in zip(*[iter(parts)] * 2, strict=True))
    )

    def read(text: str) -> datetime | None:
        if not (match := pattern.fullmatch(text)):
            return None
        number = match.groupdict()
        try:
            return _EPOCH + timedelta(seconds=int(number.get("s", 0)), milliseconds=int(number.get("Q", 0)))
        except OverflowError:
            return None

    return read


def _of_log(text: str) -> str:
    parts = CLF.fullmatch(text)
    if not parts or parts[2] not in _MONTHS:
        return text
    return f"{parts[3]}-{_MONTHS.index(parts[2]) + 1:02}-{parts[1]}T{parts[4]}{parts[5]}"


def forms_of(texts: Sequence[str]) -> list[str]:
    """The usual forms by which all of some texts are times; several, where day and month cannot be told apart."""
    return [form for form in _USUAL if texts and all(_fits(text, form) for text in texts)]


def is_clf(texts: Sequence[str]) -> bool:
    """Whether these are all times as access logs write them."""
    return bool(texts) and all(map(CLF.fullmatch, texts))


def _fits(text: str, form: str) -> bool:
    if form == _OF_TWO_FIELDS and "\t" not in text:  # a blank would fit, too: that is ISO-8601
        return False
    if form == _OF_DIGITS and not _DIGITS.fullmatch(text):
        return False
    return _reader_of(form)(text.strip(WHITE)) is not None
