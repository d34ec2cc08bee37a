"""A text with its escapes undone: those of JSON and of programming languages, of URLs and of HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

MOST = 64  # forms of one text; escapes applied one over the other make one or two more each

_BACKSLASH = re.compile(
    r"""(?P<units>(?:\\u[0-9a-fA-F]{4})+)|(?P<octets>(?:\\x[0-9a-fA-F]{2})+)|\\U(?P<sign>[0-9a-fA-F]{8})"""
    r"""|\\[ux]\{(?P<point>[0-9a-fA-F]{1,6})\}|(?P<octal>(?:\\[0-3][0-7]{2})+)|\\(?P<one>["'\\/bfnrtv])"""
)
_OF_ONE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PERCENT = re.compile(r"(?P<octets>(?:%[0-9a-fA-F]{2})+)|(?P<units>(?:%u[0-9a-fA-F]{4})+)")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)")
_LONGEST = 40  # signs of one escape, with others before its own signs
# Also whole ones of something that is not: half a pair of UTF-16, the first bytes of a sign of UTF-8.
_H, _BYTE, _MORE = "[0-9a-fA-F]", r"(?:%|\\+x)", r"(?:(?:%|\\+x)[89abAB][0-9a-fA-F])"
_HALF = re.compile(
    rf"(?:\\+(?:u{_H}{{0,3}}|U{_H}{{0,7}}|x{_H}?)?|%(?:{_H}?|u{_H}{{0,3}})|&(?:#|#?[A-Za-z0-9]{{1,31}})?"
    rf"|\\+u[dD][89abAB]{_H}{_H}(?:\\+(?:u{_H}{{0,3}})?)?"
    rf"|{_BYTE}(?:[cCdD]{_H}|[eE]{_H}{_MORE}?|[fF]{_H}{_MORE}{{0,2}})(?:{_BYTE}{_H}?)?)\Z"
)


class TooManyFormsError(Exception):
    """A text is escaped more often than is undone."""


def unescaped_forms(text: str, *, is_cut: bool = False) -> Iterator[str]:
    """The text as it is, then with escapes undone, one kind after the other, until none is left.

    Args:
        text: the text.
        is_cut: whether it may end within an escape: then also without that.

    Raises:
        TooManyFormsError: after the first ``MOST``.
    """
    seen, waiting = {text}, [text]
    for form in waiting:
        yield form
        for sign, undo in (*_WAYS, *_OF_A_CUT[:is_cut]):
            other = undo(form) if sign in form else form
            if other not in seen:
                if len(seen) == MOST:
                    raise TooManyFormsError
                seen.add(other)
                waiting.append(other)


def _without_half(text: str) -> str:
    """The text, without an escape at its end that may go on beyond it."""
    whole, end = text[:-_LONGEST], text[-_LONGEST:]
    return whole + _HALF.sub("", end, count=1)


def sign_at(text: str, at: int) -> str:
    """The sign that stands at a place once the backslashes there are undone, all layers; empty at the end."""
    rest = text[at : at + _LONGEST * 6]
    while rest.startswith("\\") and (undone := _without_backslashes(rest)) != rest:
        rest = undone
    return rest[:1]


def _without_backslashes(text: str) -> str:
    return _BACKSLASH.sub(_of_backslash, text)


def _of_backslash(match: re.Match[str]) -> str:
    if one := match["one"]:
        return _OF_ONE.get(one, one)
    if point := match["sign"] or match["point"]:
        return chr(int(point, 16)) if int(point, 16) <= 0x10FFFF else match[0]
    if octal := match["octal"]:
        return _of_octets("".join(f"\\x{int(each, 8):02x}" for each in octal[1:].split("\\")), r"\x")
    return _of_units(match["units"], r"\u") if match["units"] else _of_octets(match["octets"], r"\x")


def _without_percents(text: str) -> str:
    return _PERCENT.sub(
        lambda match: _of_octets(match["octets"], "%") if match["octets"] else _of_units(match["units"], "%u"), text
    )


def _of_units(escaped: str, mark: str) -> str:
    """UTF-16, in which a sign may be two escapes; half of one stays half."""
    return bytes.fromhex(escaped.replace(mark, "")).decode("utf-16-be", "surrogatepass")


def _of_octets(escaped: str, mark: str) -> str:
    octets = bytes.fromhex(escaped.replace(mark, ""))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _without_entities(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)


_WAYS = (
    ("\\", _without_backslashes),
    ("%", _without_percents),
    ("&", _without_entities),
    ("+", lambda text: text.replace("+", " ")),  # a blank, in a form that a browser sends
)
_OF_A_CUT = (("", _without_half),)
