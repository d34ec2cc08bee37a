"""Bytes as the texts that they may be, where nobody says in which encoding they are."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# Of eight bits a sign. The first knows every byte; control signs in it are a sign that it is another.
NARROW = ("latin-1", "cp1252", "iso8859-15", "cp1250", "cp1251", "koi8-r")
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # in no text; but the escape that colours a terminal is
_PACKED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\xff\x06\x00\x00sNaPpY",
    b"PK\x03\x04",
)


@dataclass(frozen=True)
class View:
    """Bytes as one text.

    Attributes:
        text: the text; U+FFFD where it is none.
        is_whole: whether all of the bytes are text so, as far as can be seen.
        is_guess: whether the encoding is one of ``NARROW``, which nothing in the bytes tells.
    """

    text: str
    is_whole: bool
    is_guess: bool = False

    @property
    def is_binary(self) -> bool:
        """Whether there are signs in it that no text has."""
        return bool(_CONTROL.search(self.text))


def text_views(value: bytes) -> list[View]:
    """The texts that some bytes may be: one if they are UTF-8, or UTF-16 or UTF-32 by the look of them.

    A sign of UTF-8 that is cut off at the end is left out. UTF-16 may begin in the middle of a sign, as it does where a
    file was split into lines by its bytes.
    """
    utf8, is_cut = _utf8(value)
    if utf8 and not is_cut and not utf8.is_binary:
        return [utf8]
    narrow = list(dict.fromkeys(value.decode(each, "replace") for each in NARROW))
    is_text = not _CONTROL.search(narrow[0]) and not value.startswith(_PACKED)
    guesses = [View(text, is_text, is_guess=True) for text in narrow]
    wide = [] if is_text else _wide(value)
    if whole := [view for view in wide if view.is_whole]:
        return whole
    if utf8:
        return [View(utf8.text, is_whole=not value.startswith(_PACKED)), *wide, *(guesses if is_cut else ())]
    return [*guesses, View(value.decode(errors="replace"), is_whole=False), *wide]


def _utf8(value: bytes) -> tuple[View | None, bool]:
    """As UTF-8, and whether it ends within a sign; None if it is not."""
    try:
        text, read = codecs.utf_8_decode(value, "strict", False)
    except UnicodeDecodeError:
        return None, False
    return View(text.removeprefix("\ufeff"), is_whole=True), read < len(value)


def _wide(value: bytes) -> list[View]:
    starts = (value, value[1:], value.lstrip(b"\x00"))
    texts = (part.decode(each, "replace").removeprefix("\ufeff") for each in _WIDE for part in starts)
    return [View(text, is_whole=_is_mostly_ascii(text)) for text in dict.fromkeys(texts)]


def _is_mostly_ascii(text: str) -> bool:
    """A text of the wrong width is of the far ends of Unicode. One bad sign may be at either end."""
    inner = text[1:-1]
    return sum(" " <= sign <= "~" for sign in text) * 2 > len(text) and "\ufffd" not in inner and "\x00" not in inner
