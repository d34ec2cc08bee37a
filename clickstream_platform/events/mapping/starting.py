"""A mapping to start from, written for records that were looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clickstream_platform.events.mapping.checking import Checked
from clickstream_platform.events.mapping.guessing import Guess, guess, is_clf
from clickstream_platform.events.mapping.model import COLUMNS, REQUIRED

_ESCAPED = r'["\\]'
_OURS = ("click", "page_view", "purchase")


def written(found: Checked, extends: str = "") -> str:
    """A mapping as TOML, with all fields that no column takes as remarks.

    Args:
        found: the records, by that preset or, without one, by our own shape.
        extends: the preset that reads them.
    """
    lines = ["# Columns that are not here are null. docs/mapping.md has all that may be said."]
    if extends:
        lines += [f'extends = "{extends}"', "", "[columns]", *_remarks(found.extra)]
        return "\n".join([*lines, *_types(found)])
    guessed = guess(found.samples)
    lines += [*_texts(found, guessed), *_envelope(guessed), "", "[columns]"]
    lines += [_column(column, guessed, found) for column in COLUMNS]
    return "\n".join([*lines, *_remarks(found.extra), *_types(found)])


def _texts(found: Checked, guessed: Guess) -> list[str]:
    # The texts of a record that is an envelope are none of its events.
    texts = sorted(found.texts) if not guessed.envelope else []
    return ["", "[record]", f"texts = [{', '.join(map(_quoted, texts))}]"] if texts else []


def _envelope(guessed: Guess) -> list[str]:
    if not guessed.envelope:
        return []
    inherit = f"inherit = [{', '.join(map(_quoted, guessed.inherit))}]"
    return ["", "[envelope]", f"path = {_quoted(guessed.envelope)}", *([inherit] if guessed.inherit else [])]


def _column(column: str, guessed: Guess, found: Checked) -> str:
    paths = guessed.paths[column]
    begin = f"{guessed.envelope}[0]." if guessed.envelope else ""
    said = f"[{', '.join(map(_quoted, paths))}]"
    if column == "timestamp" and paths and is_clf(found.samples.get(begin + paths[0], ())):
        said = f'{{ from = [{_quoted(paths[0])}], unit = "clf" }}'
    return f"{'' if paths else '# '}{column} = {said}{_missing(column, paths)}"


def _missing(column: str, guessed: list[str]) -> str:
    return "  # needed: name the path of it" if column in REQUIRED and not guessed else ""


def _remarks(extra: Mapping[str, int]) -> list[str]:
    remarks = [f"#   {_printable(path)}  {count}" for path, count in extra.items()]
    head = ["", "# Kept in `extra`, unless a column takes it; with the number of records that have it:"]
    return [*head, *remarks] if remarks else []


def _types(found: Checked) -> list[str]:
    remarks = [
        f'#   {_quoted(name)} = "click"  # {count}'
        for name, count in found.event_types.most_common(20)
        if name not in _OURS
    ]
    return ["", "[event_types]", 'accept = "all"', "", "[event_types.names]", *remarks, ""]


def _quoted(text: str) -> str:
    """A text in TOML."""
    return f'"{_printable(re.sub(_ESCAPED, _backslashed, text))}"'


def _backslashed(sign: re.Match[str]) -> str:
    return f"\\{sign[0]}"


def _printable(text: str) -> str:
    """Nothing that ends a line: keys and names are whatever somebody sent."""
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)
