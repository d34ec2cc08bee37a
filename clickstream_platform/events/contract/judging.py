"""Values to declared columns: what fits its type leaves ``extra``, what breaks a rule is named. A column at a time.

A run, ``check`` and ``replay`` call the same function. A value is taken out of ``extra`` as it is kept, after masking.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.contract.casting import arrow_type, cast_values, is_within
from clickstream_platform.events.contract.model import Contract, DeclaredColumn
from clickstream_platform.events.json_record import any_json, text_of
from clickstream_platform.events.mapping.paths import Step, getter, steps_of, taker
from clickstream_platform.events.placeholders import WHITE


class JudgedColumns(NamedTuple):
    """What becomes of some records.

    Attributes:
        columns: the declared columns, typed, by name.
        extra: what is left of ``extra``.
        rejected: of each record, the rules that it breaks and is rejected for.
        counted: of each record, those that are only counted.
    """

    columns: dict[str, Any]
    extra: Any
    rejected: list[list[str]]
    counted: list[list[str]]


def judge_columns(
    contract: Contract, extra: Any, event_types: Any, held: Mapping[str, Any] | None = None
) -> JudgedColumns:
    """Take the declared columns out of ``extra``. Raises nothing, whatever is in it.

    Args:
        contract: what is declared.
        extra: of each record, the fields that no other column takes, as one JSON object; or null.
        event_types: their event types.
        held: declared columns that records have already, by name. Where one has a value nothing is asked or taken, and
            the value stays.
    """
    texts, kinds = extra.to_pylist(), event_types.to_pylist()
    fields: list[dict[str, Any]] = [{} if text is None else any_json(text) for text in texts]
    rejected, counted = [[] for _ in fields], [[] for _ in fields]
    columns: dict[str, Any] = {}
    changed = set[int]()
    for column in contract.columns:
        finds = [_Place.of(path) for path in column.paths]
        has_value = _there((held or {}).get(column.name), len(fields))
        firsts = [None if has else _first(record, finds) for record, has in zip(fields, has_value, strict=True)]
        values = cast_values(column.type, [None if first is None else first[0] for first in firsts])
        columns[column.name] = pa.array(values, arrow_type(column))
        into = rejected if column.severity == "reject" else counted
        for row, rule in _violations(column, firsts, values, kinds):
            if not has_value[row]:
                into[row].append(column.broken(rule))
        for row, (first, value) in enumerate(zip(firsts, values, strict=True)):
            if first is not None and value is not None:
                first[1].take(fields[row])
                changed.add(row)
    for row in changed:
        texts[row] = text_of(fields[row]) if fields[row] else None
    return JudgedColumns(columns, pa.array(texts, pa.string()), rejected, counted)


class FilledRows(NamedTuple):
    """Rows of ``events`` as they would be had they been read with a contract.

    Attributes:
        rows: the rows, with all columns of the contract.
        filled: how many of them got a value, by column.
        broken: how often they break which rule, whatever its severity. A value that breaks ``type`` stays in ``extra``.
    """

    rows: pa.Table
    filled: Counter[str]
    broken: Counter[str]


def fill_rows(contract: Contract, rows: pa.Table) -> FilledRows:
    """Take the declared columns out of ``extra`` of rows that were read without them.

    What a declared column of a row has already stays, and of such a row nothing is asked.
    """
    held = {each.name: rows[each.name] for each in contract.columns if each.name in rows.column_names}
    judged = judge_columns(contract, rows["extra"].combine_chunks(), rows["event_type"].combine_chunks(), held)
    columns = {**{name: rows[name] for name in rows.column_names}, "extra": judged.extra}
    for name, values in judged.columns.items():
        columns[name] = pc.coalesce(held[name].cast(values.type), values) if name in held else values
    counts = Counter({name: len(values) - values.null_count for name, values in judged.columns.items()})
    broken = Counter(rule for each in (*judged.rejected, *judged.counted) for rule in each)
    return FilledRows(pa.table(columns), +counts, broken)


def with_declared(contract: Contract, rows: pa.Table) -> pa.Table:
    """Rows of ``events`` as they would be had they been read with the contract: so copies of them are compared."""
    return fill_rows(contract, rows).rows


def _there(held: Any, count: int) -> list[bool]:
    return [False] * count if held is None else pc.is_valid(held).to_pylist()


class _Place(NamedTuple):
    steps: tuple[Step, ...]
    find: Any
    take: Any

    @classmethod
    def of(cls, path: str) -> _Place:
        return _place(path)


@lru_cache(maxsize=1024)
def _place(path: str) -> _Place:
    steps = steps_of(path)
    return _Place(steps, getter(steps), taker(steps))


def _first(record: dict[str, Any], places: Sequence[_Place]) -> tuple[Any, _Place] | None:
    """The first value that is there, neither null nor blank, and where."""
    for place in places:
        value = place.find(record) if record else None
        if value is not None and not (isinstance(value, str) and not value.strip(WHITE)):
            return value, place
    return None


def _violations(
    column: DeclaredColumn,
    firsts: Sequence[tuple[Any, _Place] | None],
    values: Sequence[Any],
    event_types: Sequence[Any],
) -> list[tuple[int, str]]:
    """The rows that break a rule of a column, and which. A value of another type breaks no other rule."""
    low, high = (None if limit is None else cast_values(column.type, [limit])[0] for limit in (column.min, column.max))
    allowed = frozenset(cast_values(column.type, [str(value) for value in column.one_of]))
    patterned = _has_pattern(column, values)
    broken: list[tuple[int, str]] = []
    for row, (first, value) in enumerate(zip(firsts, values, strict=True)):
        if first is None:
            needed = column.required
            if needed is True or (isinstance(needed, tuple) and event_types[row] in needed):
                broken.append((row, "required"))
        elif value is None:
            broken.append((row, "type"))
        else:
            broken += [(row, "one_of")] if allowed and value not in allowed else []
            broken += [] if is_within(value, low, high) else [(row, "range")]
            broken += [] if patterned is None or patterned[row] else [(row, "pattern")]
    return broken


def _has_pattern(column: DeclaredColumn, values: Sequence[Any]) -> list[Any] | None:
    if not column.pattern:
        return None
    return pc.match_substring_regex(pa.array(values, pa.string()), column.pattern).to_pylist()
