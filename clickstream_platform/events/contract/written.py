"""A contract of columns as it is written in TOML: read, and refused if it contradicts itself."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.contract.model import DECIMAL, SQL, Contract, DeclaredColumn, Severity
from clickstream_platform.events.schema import COPIES, EVENTS, LATE, QUARANTINE
from clickstream_platform.events.shipped import Shipped

SETTING = "CLICKSTREAM_CONTRACT"
_SHIPPED = Shipped("clickstream_platform.events.contract", "shipped")
_STAGED = ("raw", "has_placeholder", "passed_over", "violations", "index", "final_at")
RESERVED = frozenset((*EVENTS.names, *COPIES.names, *LATE.names, *QUARANTINE.names, *_STAGED))
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LONGEST_PATTERN = 1_000  # characters
_MOST_VALUES = 10_000  # of one_of
# What RE2, Python and ECMA-262 (whose expressions JSON Schema has) do not read alike.
_NOT_ALIKE = re.compile(r"\(\?(?!:)|\\[AzZQECpPGKX]|\\[1-9]|\[\[:|(?<!\\)\{,|(?<!\\)\[\^?\]")
_WORDS = "text, integer, decimal(p,s), boolean, time, items"

Findings = Iterator[tuple[str, str, str]]  # the key that is wrong, what is wrong with it, and what to do about it


class _Column(msgspec.Struct, forbid_unknown_fields=True):
    type: str = ""
    description: str = ""
    severity: Severity = "count"
    required: bool | tuple[str, ...] = False
    one_of: tuple[Any, ...] = ()
    min: Any = None
    max: Any = None
    pattern: str = ""


class _Raw(msgspec.Struct, forbid_unknown_fields=True):
    extends: str = ""
    about: str = ""
    columns: dict[str, _Column] = {}


def shipped_contracts() -> tuple[str, ...]:
    """The names of the contracts that are shipped."""
    return _SHIPPED.names


def contract_named(text: str, subject: str = SETTING) -> Contract | None:
    """The contract that a setting names; None for an empty text: no column is declared.

    Args:
        text: the name of one that is shipped, or the path of a TOML file.
        subject: who names it, for the error.

    Raises:
        SettingsError: there is none of that name; or its file cannot be read, or contradicts itself.
    """
    if not text:
        return None
    if text in shipped_contracts():
        return _contract_of(text, _SHIPPED.text(text), f"contract {text}")
    if not text.endswith(".toml") and "/" not in text:
        remedy = f"choose from {', '.join(shipped_contracts())}, or name a .toml file"
        raise SettingsError(subject, f"there is no contract {text!r}", remedy)
    file = Path(text).expanduser()
    try:
        return _contract_of(file.stem, file.read_text(encoding="utf-8-sig"), str(file))
    except OSError as error:
        remedy = f"name a .toml file, or one of {', '.join(shipped_contracts())}"
        raise SettingsError(subject, f"{file} cannot be read: {error.strerror}", remedy) from None
    except UnicodeDecodeError:
        raise SettingsError(str(file), "it is no text in UTF-8", "save it as such") from None


def _contract_of(name: str, text: str, subject: str) -> Contract:
    raw = _raw(text, subject)
    columns: dict[str, _Column] = {}
    if raw.extends:
        if raw.extends not in shipped_contracts():
            finding = f"it extends {raw.extends!r}, which is no contract that is shipped"
            raise SettingsError(subject, finding, f"choose from {', '.join(shipped_contracts())}")
        columns |= _raw(_SHIPPED.text(raw.extends), raw.extends).columns
    columns |= raw.columns
    if not columns:
        raise SettingsError(subject, "it declares no column", "add one: [columns.amount]")
    for column, declared in columns.items():
        for key, finding, remedy in _contradictions(column, declared):
            where = subject + _line(text, column, key)
            raise SettingsError(where, f"columns.{column}: {finding}", remedy)
    return Contract(name, tuple(_declared_column(column, declared) for column, declared in columns.items()))


def _raw(text: str, subject: str) -> _Raw:
    try:
        return msgspec.toml.decode(text.encode(), type=_Raw)
    except msgspec.DecodeError as error:
        raise SettingsError(subject, str(error), "docs/contract.md has every key of a contract") from None


def _line(text: str, column: str, key: str) -> str:
    """Where a column, or a key of it, is written; empty if it is not found."""
    inside = False
    place = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith("["):
            inside = bool(re.match(rf"""\s*\[\s*columns\s*\.\s*["']?{re.escape(column)}["']?\s*\]""", line))
            place = f" line {number}" if inside else place
        elif inside and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return f" line {number}"
    return place


def _declared_column(name: str, column: _Column) -> DeclaredColumn:
    low, high = (None if each is None else _limit(each) for each in (column.min, column.max))
    required = column.required if isinstance(column.required, bool) else tuple(column.required)
    kind = column.type.replace(" ", "")
    return DeclaredColumn(
        *(name, kind, column.description, column.severity, required, column.one_of, low, high, column.pattern),
        paths=(f'"{name}"',),
    )


def _limit(value: Any) -> str:
    return value if isinstance(value, str) else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _contradictions(name: str, column: _Column) -> Findings:
    """What is wrong with a column."""
    if not _NAME.fullmatch(name):
        yield "", "it is no name of a column", "use lower case letters, digits and _, at most 63"
    if name in RESERVED:
        yield "", "the tables have a column of this name already", "give it another name"
    kind = column.type.replace(" ", "")
    decimal = DECIMAL.fullmatch(kind)
    if kind not in SQL and not decimal:
        near = get_close_matches(kind, SQL, n=1)
        yield "type", f"there is no type {column.type!r}", f"say {near[0]}" if near else f"choose from {_WORDS}"
        return
    if decimal and not (1 <= int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1])):
        yield "type", f"{kind} has no such digits", "at most 38, and no more after the point than in all"
    yield from _of_range(kind, column)
    yield from _of_values(kind, column)
    yield from _of_pattern(kind, column)
    if isinstance(column.required, tuple) and not column.required:
        yield "required", "it names no event type", "say true, or name the types that must have it"


def _of_range(kind: str, column: _Column) -> Findings:
    from clickstream_platform.events.contract.casting import cast_values  # noqa: PLC0415 - Arrow, and few have a limit

    limits = [(key, value) for key, value in (("min", column.min), ("max", column.max)) if value is not None]
    if limits and kind in ("text", "boolean", "items"):
        yield limits[0][0], f"a {kind} has no range", "leave min and max out, or say one_of or pattern"
        return
    limits_cast = [cast_values(kind, [_limit(value)])[0] for _, value in limits]
    for (key, value), limit in zip(limits, limits_cast, strict=True):
        if limit is None:
            yield key, f"{value!r} is no {kind}", "name a limit of the column's type"
            return
    if len(limits_cast) == 2 and limits_cast[0] > limits_cast[1]:
        yield "min", f"{column.min} is more than {column.max}, so no value is allowed", "exchange them"


def _of_values(kind: str, column: _Column) -> Findings:
    from clickstream_platform.events.contract.casting import cast_values, is_within  # noqa: PLC0415 - as above

    if not column.one_of:
        return
    if kind in ("items", "boolean", "time"):
        yield "one_of", f"a {kind} has no list of values", "leave one_of out"
        return
    if len(column.one_of) > _MOST_VALUES:
        yield "one_of", f"it has {len(column.one_of):,} values", f"name at most {_MOST_VALUES:,}"
    if any(not isinstance(value, (str, int, float)) or isinstance(value, bool) for value in column.one_of):
        yield "one_of", "it has a value that is neither a text nor a number", f"name values of type {kind}"
        return
    values = [str(value) for value in column.one_of]
    cast = cast_values(kind, values)
    wrong: list[str | float] = [value for value, each in zip(values, cast, strict=True) if each is None]
    wrong += [value for value in column.one_of if kind == "text" and not isinstance(value, str)]
    if wrong:
        yield "one_of", f"{wrong[0]!r} is no {kind}", "name values of its type"
        return
    low, high = (None if each is None else cast_values(kind, [_limit(each)])[0] for each in (column.min, column.max))
    if (low is not None or high is not None) and not any(is_within(each, low, high) for each in cast):
        yield "one_of", "none of the values lies in the range", "widen the range, or leave it out"


def _of_pattern(kind: str, column: _Column) -> Findings:
    import pyarrow as pa  # noqa: PLC0415 - few contracts have a pattern
    import pyarrow.compute as pc  # noqa: PLC0415

    if not column.pattern:
        return
    if kind != "text":
        yield "pattern", f"a {kind} has no pattern", "leave it out, or say min and max"
        return
    if len(column.pattern) > _LONGEST_PATTERN:
        yield "pattern", f"it has {len(column.pattern):,} characters", f"write one of at most {_LONGEST_PATTERN:,}"
        return
    if not_alike := _NOT_ALIKE.search(column.pattern):
        remedy = "leave it out: expressions are RE2's, whose time is linear, as far as JSON Schema reads them alike"
        yield "pattern", f"{not_alike[0]!r} is not allowed in a pattern", remedy
        return
    try:
        pc.match_substring_regex(pa.array([""]), column.pattern)
        re.compile(column.pattern)
    except (pa.ArrowInvalid, re.error) as error:
        yield "pattern", f"it is no regular expression: {str(error).splitlines()[0]}", "mend it"
        return
    if (
        column.one_of
        and not pc.any(pc.match_substring_regex(pa.array(map(str, column.one_of)), column.pattern)).as_py()
    ):
        yield "one_of", "none of the values has the pattern", "leave one of the two out"
