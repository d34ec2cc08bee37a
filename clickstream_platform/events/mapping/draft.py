"""A mapping to start from, written for records that were looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clickstream_platform.events.mapping.by_values import coming_again, numbers_of_seconds
from clickstream_platform.events.mapping.checking import EVENT, CheckSummary
from clickstream_platform.events.mapping.guessing import FEW, Guess, Samples, add_from_around, guess, is_address
from clickstream_platform.events.mapping.lines_apart import COMMENT, form_of, values_of
from clickstream_platform.events.mapping.model import COLUMNS, REQUIRED, Envelope, Form, fields_of
from clickstream_platform.events.mapping.paths import getter, steps_of
from clickstream_platform.events.mapping.sampling import sample
from clickstream_platform.events.mapping.time_forms import forms_of, is_clf
from clickstream_platform.events.mapping.unfolding import Unfolded, unfold

_ESCAPED = r'["\\]'
_OURS = ("click", "page_view", "purchase")


def draft_mapping(checked: CheckSummary, extends: str = "", layers: Sequence[Envelope] = ()) -> str:
    """A mapping as TOML, with all fields that no column takes as remarks.

    Args:
        checked: the records, by that preset or, without one, by our own shape.
        extends: the preset that reads them.
        layers: what is around the events that it reads, if that is not what the preset says.
    """
    lines = ["# Columns that are not here are null. docs/mapping.md has all that may be said."]
    if extends and layers:
        return "\n".join([*lines, f'extends = "{extends}"', *_envelope(layers), *_types(Counter())])
    if extends:
        lines += [f'extends = "{extends}"', "", "[columns]", *_remarks(checked.extra)]
        return "\n".join([*lines, *_types(checked.event_types)])
    shape = _shape_of(checked)
    lines += [
        *_apart(checked, shape.form),
        *_texts(shape),
        *_envelope(shape.layers),
        *_comments(shape.form),
        "",
        "[columns]",
    ]
    lines += [_column(column, shape) for column in COLUMNS]
    return "\n".join([*lines, *_remarks(checked.extra), *_types(checked.event_types or _guessed_types(shape))])


@dataclass(frozen=True)
class _Shape:
    """What is known of records of an unknown shape.

    Attributes:
        samples: some values at each path of an event.
        guess: where its columns may be.
        layers: what is around it.
        texts: its fields that are objects as texts.
        form: how its line is taken apart, if it is no JSON.
    """

    samples: Samples
    guess: Guess
    layers: tuple[Envelope, ...] = ()
    texts: frozenset[str] = field(default_factory=frozenset[str])
    form: Form | None = None


def _shape_of(checked: CheckSummary) -> _Shape:
    if not checked.first:
        form = form_of(checked.lines)
        samples = values_of(checked.lines, form) if form else {}
        return _Shape(samples, guess(samples), form=form)
    return _shape_of_events(unfold(checked.first))


def _shape_of_events(unfolded: Unfolded) -> _Shape:
    samples, object_texts = sample(unfolded.events)
    guessed, layers = guess(samples), unfolded.layers
    if guessed.envelope:
        layers = (*layers, Envelope(guessed.envelope, inherit=guessed.inherit))
        items = _items_of(unfolded.events, layers[-1])
        is_deeper = bool(guess(sample(items).values).envelope)  # or only the first of a list in a list would be read
        return _shape_of_events(Unfolded(layers, items, [])) if is_deeper else _Shape(samples, guessed, layers)
    if unfolded.around and layers:
        guessed = add_from_around(guessed, sample(unfolded.around).values)
        inner = Envelope(layers[-1].path, layers[-1].steps, layers[-1].holds, inherit=guessed.inherit)
        layers = (*layers[:-1], inner)
    return _Shape(samples, guessed, layers, object_texts)


def _items_of(events: Sequence[dict[str, Any]], layer: Envelope) -> list[dict[str, Any]]:
    """What is in the list of each, with what it inherits."""
    list_in = getter(steps_of(layer.path))
    lists = ((list_in(event), {name: event[name] for name in layer.inherit if name in event}) for event in events)
    return [{**around, **item} for items, around in lists for item in items or () if isinstance(item, dict)]


def _apart(checked: CheckSummary, form: Form | None) -> list[str]:
    """How records are taken apart that are no JSON."""
    if not checked.lines or checked.count(EVENT):
        return []
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
    if COMMENT in (fields_of(form) or ()):
        head = ["", "# Lines as `#Fields:` says; those that begin with # are passed over."]
    none = [f"none = {_quoted(form.none)}"] if form.none else []
    if form.format == "pattern":
        texts = [f"texts = {_list(form.texts)}"] if form.texts else []
        return [*head, "[record]", 'format = "pattern"', *none, f"pattern = '''{form.pattern}'''", *texts]
    names = ", ".join(map(_quoted, form.columns))
    layout = ['format = "delimited"', f"separator = {_in_toml(form.separator)}", f"columns = [{names}]"]
    return [*head, "[record]", *layout]


def _comments(form: Form | None) -> list[str]:
    if form is None or COMMENT not in (fields_of(form) or ()):
        return []
    return ["", "[pass_over]", f'{COMMENT} = ["*"]']


def _in_toml(separator: str) -> str:
    return r'"\t"' if separator == "\t" else _quoted(separator)


def _guessed_types(shape: _Shape) -> Counter[str]:
    paths = shape.guess.paths["event_type"]
    return Counter(text for path in paths for text in shape.samples.get(shape.guess.begin + path, ()))


def _texts(shape: _Shape) -> list[str]:
    return ["", "[record]", f"texts = {_list(sorted(shape.texts))}"] if shape.texts else []


def _envelope(layers: Sequence[Envelope]) -> list[str]:
    lines, head = list[str](), "[envelope]" if len(layers) == 1 else "[[envelope]]"
    for layer in layers:
        lines += ["", head, *([f"path = {_quoted(layer.path)}"] if layer.path else [])]
        lines += [f"steps = {_list(layer.steps)}"] if layer.steps else []
        lines += ['holds = "one"'] if layer.holds == "one" else []
        lines += [f"inherit = {_list(layer.inherit)}"] if layer.inherit else []
    return lines


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _column(column: str, shape: _Shape) -> str:
    paths, samples, guessed = shape.guess.paths[column], shape.samples, shape.guess
    if column == "timestamp" and paths:
        texts = samples.get(guessed.begin + paths[0], ())
        forms = ["clf"] if is_clf(texts[:FEW]) else forms_of(texts) or forms_of(texts[:FEW])
        if len(forms) > 1:
            return f"# {_of_form(paths[0], forms[0])}  # needed: or is it {' or '.join(map(_quoted, forms[1:]))}?"
        if forms:
            return _of_form(paths[0], forms[0])
    if column == "user_id" and paths and is_address(paths[0]):
        others = [path for path in _perhaps(column, shape) if path not in paths]
        more = f"; the same values come again at {_several(others)}" if others else ""
        return f"{column} = {_list(paths)}  # an address, which many may share{more}"
    if paths or column not in REQUIRED:
        return f"{'' if paths else '# '}{column} = {_list(paths)}"
    return _needed(column, _perhaps(column, shape))


_WHY = {"user_id": "the same values come again", "timestamp": "numbers as of seconds since 1970 are"}


def _needed(column: str, perhaps: Sequence[str]) -> str:
    """A column without which nothing is an event, and that nothing is called like."""
    if column == "event_type":
        return f'{column} = {{ from = [], default = "page_view" }}  # needed: nothing says so; name the path of it'
    if not perhaps:
        return f"# {column} = []  # needed: name the path of it"
    first, *others = perhaps
    more = f", and at {_several(others)}" if others else ""
    return f"{column} = {_list([first])}  # needed: a guess, as {_WHY[column]} there{more}"


def _several(paths: Sequence[str]) -> str:
    return ", ".join(map(_quoted, paths))


def _perhaps(column: str, shape: _Shape) -> list[str]:
    """Where a column may be that nothing is called like, by what is there."""
    begin = shape.guess.begin
    samples = {path[len(begin) :]: texts for path, texts in shape.samples.items() if path.startswith(begin)}
    if column == "timestamp":
        return numbers_of_seconds(samples)
    # Of whom an event is may be the very thing that a session is called after.
    taken = {path for name, paths in shape.guess.paths.items() if name != "session_id" for path in paths}
    return [path for path in coming_again(samples) if path not in taken]


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
