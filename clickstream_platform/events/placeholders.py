"""Whether an id is none: one rule, as one regular expression that Python, Arrow and DuckDB read alike."""

from __future__ import annotations

import re

from clickstream_platform.events.schema import PLACEHOLDERS

WHITE = " \t\r\n"  # around an id, it is none of its signs

# What nobody sees: white space of any script, what joins or parts letters, marks of direction, control characters. Each
# stands for itself, as Python and RE2 do not write a sign by its number alike.
_RANGES = (
    *("\x01 ", "\x7f\xa0", "\xad\xad", "\u034f\u034f", "\u061c\u061c", "\u115f\u1160", "\u1680\u1680", "\u180b\u180e"),
    *("\u2000\u200f", "\u2028\u202f", "\u205f\u206f", "\u3000\u3000", "\u3164\u3164", "\ufe00\ufe0f", "\ufeff\ufeff"),
)
_UNSEEN = "[" + "".join(f"{first}-{last}" for first, last in _RANGES) + "]"
# 7b and 7d are braces, which a template would take.
_WORD = rf"[\"'`(<\[\x7b]*(?:{'|'.join(map(re.escape, PLACEHOLDERS))})[\"'`)>\]\x7d]*"
# Of one sign at least: an empty text has become null where tables are asked. Each engine writes the end in its own way.
PATTERN = f"(?i)^(?:{_UNSEEN}+(?:{_WORD}{_UNSEEN}*)?|{_WORD}{_UNSEEN}*)"
TO_END = rf"{PATTERN}\z"  # for RE2: Arrow and DuckDB

_NONE = re.compile(PATTERN)
# How nearly all ids begin, and no placeholder does.
ORDINARY = frozenset("123456789abcdefghijklmpqrstvwxyzABCDEFGHIJKLMPQRSTVWXYZ_+@/.")


def is_none(text: str) -> bool:
    """Whether a text names nobody and nothing: blank, or a placeholder in any case, quoted or in brackets or not."""
    if text and text[0] in ORDINARY:  # as nearly all begin
        return False
    return not text or _NONE.fullmatch(text) is not None
