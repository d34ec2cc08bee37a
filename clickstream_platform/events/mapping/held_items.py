"""What an envelope holds, as its items: those of an array, the members of an object, the rows of a table.

A row becomes an object by the names of its columns. The values in it keep their bytes, and so do all other items.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from clickstream_platform.events.json_record import is_deep
from clickstream_platform.events.mapping.envelope_steps import (
    ARRAY,
    NO_JSON,
    OBJECT,
    PackedValue,
    UnopenedError,
    UnpackBudget,
)
from clickstream_platform.events.placeholders import WHITE
from clickstream_platform.events.schema import Reason

_ANY = msgspec.json.Decoder()


class HeldItems(NamedTuple):
    """The items of an envelope.

    Attributes:
        items: each a JSON value.
        keys: of each, the key that it has; empty if items have none.
    """

    items: list[PackedValue]
    keys: Sequence[str] = ()


class Holding:
    """Takes the items out of what an envelope holds.

    Args:
        holds: ``many``, ``values``, ``rows`` or ``columns``, as :class:`.Envelope` has it.
        is_record: whether what it holds is the record as it is.
    """

    def __init__(self, holds: str, *, is_record: bool) -> None:
        self._holds = holds
        self._no_json = Reason.MALFORMED_JSON if is_record else Reason.ENVELOPE_JSON

    def items_of(self, value: PackedValue, names: bytes | None, left: UnpackBudget) -> HeldItems:
        """The items.

        Args:
            value: what it holds.
            names: of rows, the JSON that has the names of their columns; without it, the first row has them.
            left: what may still be unpacked. What rows and columns repeat, their names, is taken from it.

        Raises an UnopenedError if it is something else.
        """
        if is_deep(value.data):
            raise UnopenedError(Reason.TOO_LARGE)
        keys: Iterable[str] = ()
        match self._holds:
            case "values":
                members = self._members(value.data, Reason.ENVELOPE_VALUES)
                items, keys = map(bytes, members.values()), members
            case "rows":
                items = _rows(self._array(value.data, Reason.ENVELOPE_ROWS), names, left)
            case "columns":
                items, keys = self._columns(value.data, left)
            case _:
                items = map(bytes, self._array(value.data, Reason.ENVELOPE_ARRAY))
        return HeldItems([PackedValue(item, is_json=True) for item in items], [*keys])

    def _array(self, data: bytes, otherwise: Reason) -> list[msgspec.Raw]:
        return self._decoded(ARRAY, data, otherwise)

    def _members(self, data: bytes, otherwise: Reason) -> dict[str, msgspec.Raw]:
        """The members of an object, which has no key twice: one of them would be lost."""
        members = self._decoded(OBJECT, data, otherwise)
        if len(members) < _count_members(data):
            raise UnopenedError(otherwise)
        return members

    def _decoded(self, decoder: Any, data: bytes, otherwise: Reason) -> Any:
        try:
            return decoder.decode(data)
        except msgspec.ValidationError:
            raise UnopenedError(otherwise) from None
        except NO_JSON:
            raise UnopenedError(self._no_json) from None

    def _columns(self, data: bytes, left: UnpackBudget) -> tuple[Iterable[bytes], Iterable[str]]:
        """The rows of a table whose members are its columns: arrays of one length, or objects by the keys of rows."""
        columns = {name: bytes(cells) for name, cells in self._members(data, Reason.ENVELOPE_COLUMNS).items()}
        begins = [_member(name) for name in columns]
        if all(cells[:1] == b"[" for cells in columns.values()):
            arrays = [self._array(cells, Reason.ENVELOPE_COLUMNS) for cells in columns.values()]
            if len({*map(len, arrays)}) > 1:
                raise UnopenedError(Reason.ENVELOPE_COLUMNS)
            return (_object(zip(begins, row, strict=True), left) for row in zip(*arrays, strict=True)), ()
        rows: dict[str, list[tuple[bytes, msgspec.Raw]]] = {}
        for begin, cells in zip(begins, columns.values(), strict=True):
            for key, cell in self._members(cells, Reason.ENVELOPE_COLUMNS).items():
                rows.setdefault(key, []).append((begin, cell))
        return (_object(row, left) for row in rows.values()), rows


def _count_members(data: bytes) -> int:
    """How many members an object has, those of one key each for itself."""
    text = data.decode(errors="replace")
    return json.loads(text, object_pairs_hook=len, parse_int=len, parse_float=len)


def _member(name: str) -> bytes:
    return msgspec.json.encode(name) + b":"


def _object(cells: Iterable[tuple[bytes, msgspec.Raw]], left: UnpackBudget) -> bytes:
    """An object of some members. What it repeats, the names, is taken from what may be unpacked."""
    pairs = list(cells)
    left.spend(sum(len(begin) for begin, _ in pairs))
    return b"{%b}" % b",".join(begin + bytes(cell) for begin, cell in pairs)


def _rows(rows: Sequence[msgspec.Raw], names: bytes | None, left: UnpackBudget) -> Iterator[bytes]:
    """Rows as objects; what is no row of these names stays as it is, and is rejected by itself."""
    first = _cells(rows[0]) if rows else None
    if names is None and first is None:
        if rows:
            raise UnopenedError(Reason.ENVELOPE_ROWS)
        return
    columns = _names(first or ()) if names is None else _names(_cells(msgspec.Raw(names)) or ())
    is_header = names is None or (first is not None and [*map(_name, first)] == columns)
    begins = [_member(name) for name in columns]
    for row in rows[is_header:]:
        cells = _cells(row)
        is_row = cells is not None and len(cells) <= len(begins)
        yield _object(zip(begins, cells or (), strict=False), left) if is_row else bytes(row)


def _cells(row: msgspec.Raw) -> list[msgspec.Raw] | None:
    """The cells of a row: an array, or an object whose only member is one; None of anything else."""
    try:
        inside = bytes(row)
        if inside[:1] == b"{":
            (inside,) = OBJECT.decode(inside).values()
        return ARRAY.decode(inside)
    except (*NO_JSON, ValueError):
        return None


def _names(cells: Iterable[msgspec.Raw]) -> list[str]:
    """What columns are called; one without a name by its place. Raises an UnopenedError if two are called alike."""
    named = [_name(cell) for cell in cells]
    names = [f"column_{place}" if name == "" else name for place, name in enumerate(named, 1)]
    known = {name for name in names if name is not None}
    if not names or len(known) < len(names):
        raise UnopenedError(Reason.ENVELOPE_ROWS)
    return [*map(str, names)]


def _name(cell: msgspec.Raw) -> str | None:
    try:
        return name_in(_ANY.decode(cell))
    except NO_JSON:
        return None


def name_in(value: Any) -> str | None:
    """The name of a column: a text; of an object, its name in upper or lower case, its label, or its only member."""
    if isinstance(value, dict):
        called = {key.lower(): each for key, each in value.items()}
        only = next(iter(value.values())) if len(value) == 1 else None
        value = called.get("name", called.get("label", only))
    return value.strip(WHITE) if isinstance(value, str) else None
