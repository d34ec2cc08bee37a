"""A mapping to start from, written for records that were looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from clickstream_platform.events.mapping.by_values import coming_again, numbers_of_seconds
from clickstream_platform.events.mapping.checking import EVENT, CheckSummary
from clickstream_platform.events.mapping.guessing import FEW, Guess, guess, is_address
from clickstream_platform.events.mapping.lines_apart import form_of, values_of
from clickstream_platform.events.mapping.model import COLUMNS, REQUIRED, Form
from clickstream_platform.events.mapping.time_forms import forms_of, is_clf

_ESCAPED = r'["\\]'
_OURS = ("click", "page_view", "purchase")


def draft_mapping(found: CheckSummary, extends: str = "") -> str:
    """A mapping as TOML, with all fields that no column takes as remarks.

    Args:
        found: the records, by that preset or, without one, by our own shape.
        extends: the preset that reads them.
    """
    lines = ["# Columns that are not here are null. docs/mapping.md has all that may be said."]
    if extends:
        lines += [f'extends = "{extends}"', "", "[columns]", *_remarks(found.extra)]
        return "\n".join([*lines, *_types(found.event_types)])
    form = None if found.samples else form_of(found.lines)
    found = replace(found, samples=values_of(found.lines, form)) if form else found
    guessed = guess(found.samples)
    apart = _apart(form) if found.lines and not found.count(EVENT) else []
    lines += [*apart, *_texts(found, guessed), *_envelope(guessed), "", "[columns]"]
    lines += [_column(column, guessed, found) for column in COLUMNS]
    return "\n".join([*lines, *_remarks(found.extra), *_types(found.event_types or _guessed_types(found, guessed))])


def _apart(form: Form | None) -> list[str]:
    """How records are taken apart that are no JSON."""
    head = ["", "# Not JSON. If the first line of a file has names: clickstream check ... --format csv"]
    if form is None:
        pattern = r"'''(?P<at>\S+) (?P<who>\S+) (?P<what>\S+)'''"
        return [
            *head,
            "# Else say how a line is taken apart:",
            "# [record]",
            '# format = "pattern"',
            f"# pattern = {pattern}",
        ]
    names = ", ".join(map(_quoted, form.columns))
    said = ['format = "delimited"', f"separator = {_in_toml(form.separator)}", f"columns = [{names}]"]
    return [*head, "[record]", *said]


def _in_toml(separator: str) -> str:
    return r'"\t"' if separator == "\t" else _quoted(separator)


def _guessed_types(found: CheckSummary, guessed: Guess) -> Counter[str]:
    return Counter(text for path in guessed.paths["event_type"] for text in found.samples.get(guessed.begin + path, ()))


def _texts(found: CheckSummary, guessed: Guess) -> list[str]:
    # The texts of a record that is an envelope are none of its events.
    texts = sorted(found.texts) if not guessed.envelope else []
    return ["", "[record]", f"texts = [{', '.join(map(_quoted, texts))}]"] if texts else []


def _envelope(guessed: Guess) -> list[str]:
    if not guessed.envelope:
        return []
    inherit = f"inherit = [{', '.join(map(_quoted, guessed.inherit))}]"
    return ["", "[envelope]", f"path = {_quoted(guessed.envelope)}", *([inherit] if guessed.inherit else [])]


def _column(column: str, guessed: Guess, found: CheckSummary) -> str:
    paths = guessed.paths[column]
    said = f"[{', '.join(map(_quoted, paths))}]"
    if column == "timestamp" and paths:
        texts = found.samples.get(guessed.begin + paths[0], ())
        forms = ["clf"] if is_clf(texts[:FEW]) else forms_of(texts) or forms_of(texts[:FEW])
        if len(forms) > 1:
            return f"# {_of_form(paths[0], forms[0])}  # needed: or is it {' or '.join(map(_quoted, forms[1:]))}?"
        if forms:
            return _of_form(paths[0], forms[0])
    if column == "user_id" and paths and is_address(paths[0]):
        return f"{column} = {said}  # an address, which many may share{_perhaps(column, guessed, found)}"
    if paths or column not in REQUIRED:
        return f"{'' if paths else '# '}{column} = {said}"
    return f"# {column} = {said}  # needed: name the path of it{_perhaps(column, guessed, found)}"


def _perhaps(column: str, guessed: Guess, found: CheckSummary) -> str:
    """Where a column may be that nothing is called like, by what is there; empty if nothing tells."""
    if column == "timestamp":
        seconds = numbers_of_seconds(found.samples)
        return f"; numbers as of seconds since 1970 are at {', '.join(map(_quoted, seconds))}" if seconds else ""
    # Of whom an event is may be the very thing that a session is called after.
    taken = {path for name, paths in guessed.paths.items() if name != "session_id" for path in paths}
    again = [path for path in coming_again(found.samples) if path not in taken]
    return f"; the same values come again at {', '.join(map(_quoted, again))}" if again else ""


def _of_form(path: str, form: str) -> str:
    return f"timestamp = {{ from = [{_quoted(path)}], unit = {_quoted(form)} }}"


def _remarks(extra: Mapping[str, int]) -> list[str]:
    remarks = [f"#   {_printable(path)}  {count}" for path, count in extra.items()]
    head = ["", "# Kept in `extra`, unless a column takes it; with the number of records that have it:"]
    return [*head, *remarks] if remarks else []


def _types(names: Counter[str]) -> list[str]:
    remarks = [
        f'#   {_quoted(name)} = "click"  # {count}' for name, count in names.most_common(20) if name not in _OURS
    ]
    return ["", "[event_types]", 'accept = "all"', "", "[event_types.names]", *remarks, ""]


def _quoted(text: str) -> str:
    """A text in TOML."""
    return f'"{_printable(re.sub(_ESCAPED, _backslashed, text))}"'


def _backslashed(sign: re.Match[str]) -> str:
    return f"\\{sign[0]}"


def _printable(text: str) -> str:
    """The text without line ends: keys and names are whatever somebody sent."""
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)
