"""A mapping to start from, written for records that were looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from clickstream_platform.events.mapping.by_values import are_days, clock_beside, coming_again, numbers_of_seconds
from clickstream_platform.events.mapping.checking import EVENT, CheckSummary
from clickstream_platform.events.mapping.guessing import FEW, is_address
from clickstream_platform.events.mapping.lines_apart import COMMENT
from clickstream_platform.events.mapping.model import COLUMNS, REQUIRED, ColumnMapping, Envelope, Form, fields_of
from clickstream_platform.events.mapping.named import preset
from clickstream_platform.events.mapping.paths import path_text
from clickstream_platform.events.mapping.shapes import Shape, shape_of
from clickstream_platform.events.mapping.time_forms import forms_of, is_clf

_ESCAPED = r'["\\]'
_MOST_REMARKS = 500  # fields: an object by keys has one for each event
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
        lines += [f'extends = "{extends}"', "", "[columns]", *_flat(extends, checked), *_remarks(checked.extra)]
        return "\n".join([*lines, *_types(checked.event_types)])
    shape = shape_of(checked)
    lines += [
        *([] if shape.layers else _apart(checked, shape.form)),
        *_texts(shape),
        *_envelope(shape.layers),
        *_comments(shape.form),
        "",
        "[columns]",
    ]
    lines += [_column(column, shape) for column in COLUMNS]
    return "\n".join([*lines, *_remarks(checked.extra), *_types(checked.event_types or _guessed_types(shape))])


def _flat(extends: str, checked: CheckSummary) -> Iterator[str]:
    """Columns of a preset that are at keys with its paths' dots in them, as tables have them that objects became."""
    mapping = preset(extends)
    for name in COLUMNS:
        column = mapping.column(name)
        flat = [key for path in column.paths if "." in path and (key := path_text((path,))) in checked.extra]
        used = [path for path in column.paths if checked.paths.get(name, {}).get(path)]
        if flat and column == ColumnMapping(column.paths):
            yield f"{name} = {_list([*used, *flat])}"


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


def _guessed_types(shape: Shape) -> Counter[str]:
    paths = shape.guess.paths["event_type"]
    return Counter(text for path in paths for text in shape.inside.get(path, ()))


def _texts(shape: Shape) -> list[str]:
    return ["", "[record]", f"texts = {_list(sorted(shape.texts))}"] if shape.texts else []


def _envelope(layers: Sequence[Envelope]) -> list[str]:
    lines, head = list[str](), "[envelope]" if len(layers) == 1 else "[[envelope]]"
    for layer in layers:
        lines += ["", head, *([f"path = {_quoted(layer.path)}"] if layer.path else [])]
        lines += [f"steps = {_list(layer.steps)}"] if layer.steps else []
        lines += [f'holds = "{layer.holds}"'] if layer.holds != "many" else []
        lines += [f"{name} = {_quoted(said)}" for name in ("names", "key") if (said := getattr(layer, name))]
        lines += [f"inherit = {_list(layer.inherit)}"] if layer.inherit else []
    return lines


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _column(column: str, shape: Shape) -> str:
    paths = shape.guess.paths[column]
    if column == "timestamp" and paths:
        return _timestamp(paths, shape)
    if column == "user_id" and paths and is_address(paths[0]):
        others = [path for path in _perhaps(column, shape) if path not in paths]
        more = f"; the same values come again at {_several(others)}" if others else ""
        return f"{column} = {_list(paths)}  # an address, which many may share{more}"
    if paths or column not in REQUIRED:
        return f"{'' if paths else '# '}{column} = {_list(paths)}"
    return _needed(column, _perhaps(column, shape))


def _timestamp(paths: Sequence[str], shape: Shape) -> str:
    """When an event was; of a day, with the field beside it that has the time of day, if there is one."""
    texts = shape.inside.get(paths[0], ())
    clock = clock_beside(paths[0], shape.inside) if are_days(texts) else None
    if clock:
        texts = [" ".join(both) for both in zip(texts, shape.inside[clock], strict=True)]
    forms = ["clf"] if is_clf(texts[:FEW]) else forms_of(texts) or forms_of(texts[:FEW])
    remark = "" if clock or not are_days(texts) else "  # of a day without a time of day, the midnight"
    if not forms and not clock:
        return f"timestamp = {_list(paths)}{remark}"
    said = [f"from = {_list([paths[0], clock] if clock else paths[:1])}", *(["join = true"] if clock else [])]
    column = f"timestamp = {{ {', '.join([*said, *(f'unit = {_quoted(form)}' for form in forms[:1])])} }}"
    if len(forms) > 1:
        return f"# {column}  # needed: or is it {' or '.join(map(_quoted, forms[1:]))}?"
    return column + remark


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


def _perhaps(column: str, shape: Shape) -> list[str]:
    """Where a column may be that nothing is called like, by what is there."""
    if column == "timestamp":
        return numbers_of_seconds(shape.inside)
    # Of whom an event is may be the very thing that a session is called after.
    taken = {path for name, paths in shape.guess.paths.items() if name != "session_id" for path in paths}
    return [path for path in coming_again(shape.inside) if path not in taken]


def _remarks(extra: Mapping[str, int]) -> list[str]:
    remarks = [f"#   {_printable(path)}  {count}" for path, count in [*extra.items()][:_MOST_REMARKS]]
    remarks += [f"#   and {len(extra) - _MOST_REMARKS:,} more"] if len(extra) > _MOST_REMARKS else []
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
