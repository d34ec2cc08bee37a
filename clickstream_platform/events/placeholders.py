"""Whether an id is none."""

from __future__ import annotations

from clickstream_platform.events.schema import PLACEHOLDERS

WHITE = " \t\r\n"  # around an id, it is none of its signs
_NONE = frozenset(("", *PLACEHOLDERS))
_LENGTHS = frozenset(map(len, _NONE))


def is_none(text: str) -> bool:
    """Whether a text names nobody and nothing: blank, or a placeholder in any case."""
    text = text.strip(WHITE)
    return len(text) in _LENGTHS and text.lower() in _NONE
