"""Whether the bytes of a record, a key or a header mention a person: for ``forget``. Pure Python, no Spark.

A record that is JSON is parsed, so that no spelling of an id has to be guessed: escapes, duplicate keys and JSON within
a text are what they mean. In one that is not, every escape is undone, in every encoding that it may have. What can be
searched in neither way is said to be so: an erasure must not claim that nothing is left.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from json import JSONDecoder
from typing import Any, Literal

from clickstream_platform.events.escapes import TooManyFormsError, sign_at, unescaped_forms
from clickstream_platform.events.views import NARROW, View, text_views

CUT = 4  # signs of an id at the end of a record that is cut off; fewer tell nobody apart
_LEVELS = 20  # of JSON within a text within JSON; deeper, its escapes are still undone
_LONGEST = 32  # signs to write one, with escapes of escapes
_BETWEEN = re.compile(r"[\s,\x1e]*")  # one value and the next
_OPENS = ("{", "[", '"')
_CODE = re.compile(r"[bfnrtv]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}")  # what may be but an escape, after a backslash
_MORE = re.compile(r"""[\\%&+{\["]""")  # escapes, or JSON


@dataclass(frozen=True)
class Mention:
    """Whether a person is mentioned.

    Attributes:
        verdict: ``yes``, ``no``, or ``unknown``: it could not be searched, or not to its end.
        why: what stood in the way; empty unless ``unknown``.
    """

    verdict: Literal["yes", "no", "unknown"]
    why: str = ""


_YES, _NO = Mention("yes"), Mention("no")


def find_mention(value: bytes | None, ids: Collection[str]) -> Mention:
    """Whether a value mentions one of some ids. Whatever its bytes are, it raises nothing.

    It does if a text or a key in it is an id, or holds one as a word of its own: with no letter, digit, ``_`` or ``-``
    before or after it; or if a number, an array or an object in it is one, as ``events`` keeps these for a user_id. A
    letter with its accent may be one sign or two. Escapes of JSON, URLs and HTML are undone, however often they were
    applied; base64, encryption and compression are not.

    ``unknown`` is what is no text, as far as can be seen; what is text in parts and has an id there, though not as a
    word; what is in an encoding that is not known, if it may be one in which an id is written otherwise; and JSON that
    breaks off after ``CUT`` signs of an id, or all but the last of a shorter one.

    Args:
        value: the bytes as they arrived. None mention nobody.
        ids: the ids, in upper and lower case as they are.

    Raises:
        ValueError: an id is blank, which everything would mention.
    """
    sought = _sought(frozenset(ids))
    if not value:
        return _NO
    try:
        return _mention(sought, text_views(value))
    except TooManyFormsError:
        return Mention("unknown", "it is escaped more often than is undone")


@dataclass(frozen=True)
class _Sought:
    """Ids prepared for the search."""

    ids: frozenset[str]
    composed: tuple[str, ...]
    beginnings: frozenset[str]
    longest: int
    words: re.Pattern[str]
    between: str
    numbers: frozenset[Decimal]
    containers: tuple[Any, ...]
    is_of_any_encoding: bool


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


# Objects as tuples of their pairs: of a key that there is twice, both count.
_JSON = JSONDecoder(
    object_pairs_hook=tuple, parse_int=_Number, parse_float=_Number, parse_constant=_Number, strict=False
)


@lru_cache(maxsize=16)
def _sought(ids: frozenset[str]) -> _Sought:
    if not all(each.strip() for each in ids):
        msg = "a blank id is nobody's"
        raise ValueError(msg)
    composed = tuple(sorted(_composed(each) for each in ids))
    any_of = "|".join(map(re.escape, composed)) or r"(?!)"
    values = [value for each in ids for whole, rest in [_values(each)] if not rest for value in whole]
    numbers = {_decimal(value) for value in values if isinstance(value, _Number)}
    return _Sought(
        ids=ids,
        composed=composed,
        beginnings=frozenset(part for each in ids for part in _beginnings(unicodedata.normalize("NFD", each))),
        longest=max((len(unicodedata.normalize("NFD", each)) for each in ids), default=0),
        words=re.compile(rf"(?<![\w-])(?:{any_of})(?![\w-])"),
        between=next(sign for sign in map(chr, range(0x110000)) if not any(sign in each for each in composed)),
        numbers=frozenset(number for number in numbers if number is not None),
        containers=tuple(value for value in values if isinstance(value, tuple | list) and value),
        is_of_any_encoding=all(_is_narrow(each) for each in ids),
    )


def _mention(sought: _Sought, texts: list[View]) -> Mention:
    parsed = [(view.text, *_values(view.text)) for view in texts]
    if any(_is_in(sought, *each, 0) for each in parsed):
        return _YES
    whole = [view for view in texts if view.is_whole]
    if not whole:
        return Mention("unknown", "it is no text in any encoding that is tried")
    if whole[0].is_guess and not sought.is_of_any_encoding:
        return Mention("unknown", "its encoding is not known, and the id is not written alike in all")
    if any(view.is_binary and _has_parts(sought, view.text) for view in texts):
        return Mention("unknown", "it has the id in it, among bytes that are no text")
    if any(rest and _breaks_off_in_one(sought, text) for text, _, rest in parsed):
        return Mention("unknown", "it breaks off where the id may have stood")
    return _NO


def _is_in(sought: _Sought, text: str, values: list[Any], rest: str, level: int) -> bool:
    """Whether a text mentions one: by its values if all of it is JSON, one value or many; by its words if not."""
    return any(_is_in_value(sought, value, level) for value in values) or (bool(rest) and _is_in_words(sought, text))


def _values(text: str) -> tuple[list[Any], str]:
    """The JSON values with which a text begins, and the rest of it."""
    values: list[Any] = []
    at = _after(text, 0)
    while at < len(text):
        try:
            value, at = _JSON.raw_decode(text, at)
        except (ValueError, RecursionError):
            return values, text[at:]
        values.append(value)
        at = _after(text, at)
    return values, ""


def _after(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _is_in_value(sought: _Sought, value: Any, level: int) -> bool:
    texts: list[str] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, _Number):
            if each in sought.ids or (sought.numbers and _decimal(each) in sought.numbers):
                return True
        elif isinstance(each, str):
            texts.append(each)
        elif isinstance(each, tuple | list):
            if each in sought.containers:
                return True
            waiting += each if isinstance(each, list) else (part for pair in each for part in pair)
    return _is_in_texts(sought, texts, level)


def _is_in_texts(sought: _Sought, texts: list[str], level: int) -> bool:
    """Whether texts within JSON mention one: as they are, all at once; then those with more in them one by one."""
    together = sought.between.join(texts)
    if _has_words(sought, together):
        return True
    if not _MORE.search(together):
        return False
    return any(_is_in_words(sought, text) or _is_in_json(sought, text, level) for text in texts if _MORE.search(text))


def _is_in_json(sought: _Sought, text: str, level: int) -> bool:
    return level < _LEVELS and text.lstrip().startswith(_OPENS) and _is_in(sought, text, *_values(text), level + 1)


def _is_in_words(sought: _Sought, text: str) -> bool:
    return any(_has_words(sought, form) for form in unescaped_forms(text))


def _has_words(sought: _Sought, text: str) -> bool:
    if not _has_parts(sought, text):
        return False
    text = _composed(text)
    return any(not _is_of_an_escape(text, match) for match in sought.words.finditer(text))


def _is_of_an_escape(text: str, match: re.Match[str]) -> bool:
    """Whether a match only looks like a word: it is an escape, or the escape behind it stands for a letter."""
    is_code = text.endswith("\\", 0, match.start()) and _CODE.fullmatch(match[0])
    return bool(is_code) or _is_of_a_word(sign_at(text, match.end()))


def _has_parts(sought: _Sought, text: str) -> bool:
    text = _composed(text)
    return any(each in text for each in sought.composed)


def _breaks_off_in_one(sought: _Sought, text: str) -> bool:
    """Whether what begins as JSON ends in the first signs of one, as it would if it had broken off there."""
    if not text.lstrip().startswith(_OPENS):
        return False
    text = text[-_LONGEST * sought.longest :]
    ends = [unicodedata.normalize("NFD", form) for form in unescaped_forms(text.rstrip("\ufffd"), is_cut=True)]
    return any(_ends_in_one(sought, end) for end in ends)


def _beginnings(id_: str) -> Iterator[str]:
    """What is left of an id that is cut off, as far as it tells anybody apart."""
    return (id_[:size] for size in range(max(1, min(CUT, len(id_) - 1)), len(id_)))


def _ends_in_one(sought: _Sought, text: str) -> bool:
    starts = range(max(len(text) - sought.longest, 0), len(text))
    return any(text[at:] in sought.beginnings and not (at and _is_of_a_word(text[at - 1])) for at in starts)


def _is_of_a_word(sign: str) -> bool:
    return sign.isalnum() or sign in ("_", "-")


def _is_narrow(id_: str) -> bool:
    """Whether an encoding that is tried has all of its signs, so that it would have been found in that."""
    return any(_composed(id_) == _composed(id_).encode(each, "replace").decode(each) for each in NARROW)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _decimal(number: str) -> Decimal | None:
    try:
        return Decimal(number)
    except InvalidOperation:  # an exponent beyond those of a Decimal
        return None
