"""All columns of a mapping in one function, whose text is written for it: a call for each costs half as much again.

Only keys of paths come into that text, each as a literal of Python's; what is no plain path of a text is called as
:mod:`.column_choosers` has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from clickstream_platform.events.json_record import text_of
from clickstream_platform.events.mapping.column_choosers import column_choosers
from clickstream_platform.events.mapping.model import COLUMNS, ColumnMapping, Mapping
from clickstream_platform.events.mapping.paths import Key, steps_of
from clickstream_platform.events.mapping.time_forms import is_form
from clickstream_platform.events.placeholders import WHITE

Texts = tuple["str | None", ...]
_DEEPEST = 8  # keys: Python reads no text that is indented a hundred times
_CALLED = ("user_id", "event_type", "event_id")  # ids and names are looked at more closely


def compile_columns(mapping: Mapping) -> Callable[[dict[str, Any]], Texts]:
    """A function that gives the texts of all columns of a record, in their order, and takes them out of it."""
    uses = Counter(path for _, column in mapping.columns for path in column.paths)
    known: dict[str, Any] = {"text_of": text_of, "WHITE": WHITE}
    lines = ["def columns(record):"]
    for place, (name, choose) in enumerate(zip(COLUMNS, column_choosers(mapping), strict=True)):
        column = mapping.column(name)
        if _is_plain(name, column) and all(uses[path] == 1 for path in column.paths):
            lines += [f" t{place} = None", *_first(f"t{place}", column)]
        else:
            known[f"choose{place}"] = choose
            lines.append(f" t{place} = choose{place}(record)")
    lines.append(f" return ({', '.join(f't{place}' for place in range(len(COLUMNS)))})")
    exec("\n".join(lines), known)  # see above what is in it
    return known["columns"]


def _is_plain(name: str, column: ColumnMapping) -> bool:
    """Whether its value is a text at keys, of which the first that is there counts."""
    is_text = column.kind in ("text", "time") and not is_form(column.unit) and column.default is None
    is_of_keys = all(isinstance(step, Key) for path in column.paths for step in steps_of(path))
    is_short = all(len(steps_of(path)) <= _DEEPEST for path in column.paths)
    is_id = name in _CALLED or (name == "session_id" and len(column.paths) > 1)
    return is_text and not column.is_joined and is_of_keys and is_short and not is_id


def _first(text: str, column: ColumnMapping) -> Iterator[str]:
    for path in column.paths:
        yield f" if {text} is None:"
        yield from _at(text, [step[0] for step in steps_of(path)])


def _at(text: str, keys: list[Any]) -> Iterator[str]:
    """What looks at one path: as deep as its objects go, and then as :func:`.column_choosers.path_grabber` says."""
    inside, indent = "record", "  "
    for level, key in enumerate(keys[:-1]):
        yield f"{indent}d{level} = {inside}.get({key!r})"
        yield f"{indent}if type(d{level}) is dict:"
        inside, indent = f"d{level}", f"{indent} "
    yield f"{indent}{text} = {inside}.get({keys[-1]!r})"
    yield f"{indent}if {text} is not None:"
    yield f"{indent} if type({text}) is not str: {text} = text_of({text})"
    yield f"{indent} elif {text}[:1] <= ' ' and not {text}.strip(WHITE): {text} = None"
    yield f"{indent} if {text} is not None:"
    yield f"{indent}  del {inside}[{keys[-1]!r}]"
    for level in range(len(keys) - 2, -1, -1):
        above = f"d{level - 1}" if level else "record"
        indent += " "
        yield f"{indent} if not d{level}: "
        yield f"{indent}  del {above}[{keys[level]!r}]"
