"""What a program writes where it has no id."""

from __future__ import annotations

# In lower case; the last is the nil UUID, which names nobody by RFC 9562.
PLACEHOLDERS = (
    *("null", "(null)", "<null>", "undefined", "none", "(none)", "nil", "nan", "[object object]"),
    "00000000-0000-0000-0000-000000000000",
)
WHITE = " \t\r\n"  # around an id, it is none of its signs
_NONE = frozenset(("", *PLACEHOLDERS))
_LENGTHS = frozenset(map(len, _NONE))


def is_none(text: str) -> bool:
    """Whether a text names nobody and nothing: blank, or a placeholder in any case."""
    text = text.strip(WHITE)
    return len(text) in _LENGTHS and text.lower() in _NONE
