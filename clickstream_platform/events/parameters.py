"""Parameters of URLs within any text: in a query, in a fragment, in a URL that is a value of another, or in none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote_plus

from clickstream_platform.events.escapes import TooManyFormsError, unescaped_forms

_BETWEEN = re.compile(r"([?&#;! ])")  # what stands between two parameters; of a fragment also before the first
_ENDS = ("&", "#")  # a value ends there for certain, at others only as some read it
_FIRST = ("", "?", "#", "!")
_OF_A_NAME = re.compile(r"[\[\].\s]")  # token[], user[token]; a line before it
_AROUND = " \t\r\n\"'<>(){},\\"
_ESCAPES = 10  # times that a name is decoded; none is escaped as often


def plain_name(name: str) -> str:
    """A name without escapes, quotes and blanks around it, in lower case."""
    return _tidied(_undone(name))


def _undone(name: str) -> str:
    for _ in range(_ESCAPES):
        undone = unquote_plus(name)
        if undone == name:
            break
        name = undone
    return name


def _tidied(name: str) -> str:
    # Browsers leave tabs and line breaks in a URL out.
    return re.sub(r"[\x00-\x1f]", "", name).strip(_AROUND).casefold()


@dataclass(frozen=True)
class Parameters:
    """What becomes of which parameters.

    Attributes:
        dropped: the names of those that are left out, as :func:`plain_name` gives them.
        hashed: those of which a hash is kept.
        hash_of: gives it; of a hash, the hash itself.
        within: masks a text that is the value of another parameter; None if that cannot be done.
    """

    dropped: frozenset[str]
    hashed: frozenset[str]
    hash_of: Callable[[str], str]
    within: Callable[[str], str | None]

    def masked(self, text: str) -> str | None:
        """The text with its parameters masked.

        None if it has one of them escaped in a way (of HTML, of a programming language) in which it cannot be masked.
        """
        if not any(sign in text for sign in "=%\\&"):
            return text
        masked = self._in_place(text)
        try:
            is_left = any(self._is_left(form) for form in unescaped_forms(masked))
        except TooManyFormsError:
            return None
        return None if is_left else masked

    def _in_place(self, text: str) -> str:
        parts = ["", *_BETWEEN.split(text)]  # a sign between, and what comes after it, in turns
        pieces: list[str] = []
        first: str | None = None  # the sign before a parameter that was dropped, for the one that is the first now
        at = 0
        while at < len(parts):
            mark, part = parts[at], parts[at + 1]
            at += 2
            name, is_one, value = part.partition("=")
            what = self._what(name) if is_one else ""
            if what:
                while at < len(parts) and parts[at] not in _ENDS:
                    value += parts[at] + parts[at + 1]
                    at += 2
            if first is not None and mark in ("&", ";"):
                mark = first
            if what == "drop":
                first = mark if mark in _FIRST else None
                continue
            first = None
            masked = self.hash_of(unquote_plus(value)) if what else self._of(value)
            pieces += [mark, name if is_one else self._of(name), is_one, masked if is_one else ""]
        return "".join(pieces)

    def _of(self, value: str) -> str:
        """The value of a parameter that is kept: a URL may be in it."""
        undone = unquote_plus(value) if "%" in value else value
        masked = self.within(undone) if undone != value else undone
        return value if masked == undone else quote_plus(masked or "")

    def _what(self, name: str) -> str:
        undone = _undone(name)
        names = {_tidied(undone), *map(_tidied, _OF_A_NAME.split(undone))}
        return "drop" if names & self.dropped else "hash" if names & self.hashed else ""

    def _is_left(self, text: str) -> bool:
        """Whether a parameter is in it that is not masked."""
        for part in _BETWEEN.split(text):
            name, is_one, value = part.partition("=")
            what = self._what(name) if is_one else ""
            if what == "drop" or (what and self.hash_of(unquote_plus(value)) != value):
                return True
        return False
