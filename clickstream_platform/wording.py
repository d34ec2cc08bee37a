"""How figures are said to people, on the page and in the terminal: counts with their noun, shares, times.

And how a text is said that somebody may have put a password into.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

UNITS = (("days", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))


def number_of(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun, ``1 event`` or ``2,345 events``; the plural is the noun with an s, unless it is given."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def amount_of(count: int, unit: str) -> str:
    """A count with its unit as a plural, of one or several kinds: ``1 file``, ``2 files``, ``1 file or record``."""
    return f"{count:,} {' or '.join(each.removesuffix('s') for each in unit.split(' and ')) if count == 1 else unit}"


def share(part: int, whole: int) -> str:
    """A share in percent. Only none of the whole is ``0 %``, and only all of it is ``100 %``.

    What one decimal would round to either gets two, and ``< 0.01 %`` or ``> 99.99 %`` is what two would.
    """
    if part in (0, whole):
        return "100 %" if part else "0 %"
    percent = 100 * part / whole
    if percent < 0.01:
        return "< 0.01 %"
    if percent > 99.99:
        return "> 99.99 %"
    return f"{percent:.1f} %" if 0.05 <= percent < 99.95 else f"{percent:.2f} %"


def length(span: timedelta) -> str:
    """How long, in the largest unit that it has two of: ``90 min``, ``634 days``. Less than nothing is ``0 s``."""
    for unit, one in UNITS:
        if span >= 2 * one:
            return f"{span // one:,} {unit}"
    return f"{max(0, round(span.total_seconds()))} s"


def iso(milliseconds: float, timespec: str = "milliseconds") -> str:
    """A moment since 1970 as ISO 8601, in UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


_SECRETS = "password|passwd|passphrase|pwd|secret|token|credential|signature|api_?key|access_?key|private_?key"
_WORD = rf"[\w.-]*(?:{_SECRETS})[\w.-]*"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s&,;'"}]+)"""
_PASSWORDS = (
    # Up to the last one: a password may have one in it, or a slash. A container of Azure's is none.
    (re.compile(r"(?<=//)(?!(?:(?<=abfs://)|(?<=abfss://))[a-z0-9-]+@)\S*@"), "***@"),
    (re.compile(r"""[^\s'"/,]+:[^\s'"]*@(?=[\w.-]+:\d)"""), "***@"),  # the same without a scheme
    (re.compile(rf"""(?P<name>{_WORD}\\?["']?\s*(?:=|:(?!\s)|%3D)\s*){_VALUE}""", re.IGNORECASE), r"\g<name>***"),
    # What is said of a path is no secret, whatever the path ends in: `/run/secrets: there is no such folder`.
    (re.compile(rf"""(?P<name>(?<![\w./-]){_WORD}\\?["']?\s*:\s+){_VALUE}""", re.IGNORECASE), r"\g<name>***"),
    (re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*", re.DOTALL), "***"),
)


def without_passwords(text: str) -> str:
    """A text without the user and password of an address, and without what is called a password or a token in it."""
    for pattern, instead in _PASSWORDS:
        text = pattern.sub(instead, text)
    return text
