"""A contract's rules in words that every validator of JSON Schema reads as this package does."""

from __future__ import annotations

import math
import re

# JSON Schema has the expressions of ECMA-262, its validators mostly those of their own language. Between these and RE2
# classes of characters, the end of a text and the dot differ; what is written out does not.
_WORD = "0-9A-Za-z_"
_CLASSES = {"d": "0-9", "w": _WORD, "s": r"\t\n\f\r "}
_AT_WORD, _NOT_AT_WORD = rf"(?=[{_WORD}])", rf"(?![{_WORD}])"
_BEHIND_WORD, _NOT_BEHIND_WORD = rf"(?<=[{_WORD}])", rf"(?<![{_WORD}])"
_ESCAPED = {
    **{name: f"[{signs}]" for name, signs in _CLASSES.items()},
    **{name.upper(): f"[^{signs}]" for name, signs in _CLASSES.items()},
    "a": r"\x07",
    "b": f"(?:{_NOT_BEHIND_WORD}{_AT_WORD}|{_BEHIND_WORD}{_NOT_AT_WORD})",
    "B": f"(?:{_NOT_BEHIND_WORD}{_NOT_AT_WORD}|{_BEHIND_WORD}{_AT_WORD})",
}
_BARE = {"$": r"(?![\s\S])", ".": r"[^\n]"}
_SIGN = re.compile(r"\\(.)|(.)", re.DOTALL)


def portable_pattern(text: str) -> str:
    """An expression of RE2 as one that finds the same in the same texts elsewhere, too."""
    pieces, is_class = list[str](), False
    for sign in _SIGN.finditer(text):
        escaped, bare = sign.groups()
        if is_class:
            pieces.append(_CLASSES.get(escaped or "", sign[0]))
            is_class = bare != "]"
        else:
            pieces.append(_ESCAPED.get(escaped, sign[0]) if escaped else _BARE.get(bare, bare))
            is_class = bare == "["
    return "".join(pieces)


def divisors(scale: int) -> list[float]:
    """Numbers of which one divides every decimal of so many digits behind the point, for a validator that has floats.

    There 19.99 is no multiple of 0.01, as neither of the two is just that. Of the numbers next to 0.01, and of a third
    and a seventh of it, one gives a whole number; none does for a number of one digit more.
    """
    exact = float(f"1e-{scale}")
    numbers = [exact]
    for part in (exact, exact / 3, exact / 7):
        numbers += [math.nextafter(part, 0), part, math.nextafter(part, 1)]
    return list(dict.fromkeys(numbers))
