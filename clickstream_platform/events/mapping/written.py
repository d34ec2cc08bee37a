"""A mapping as it is written in TOML: read, made whole, and refused if it contradicts itself."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Literal

import msgspec

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.json_record import BOM
from clickstream_platform.events.mapping.contradictions import contradictions
from clickstream_platform.events.mapping.model import (
    COLUMNS,
    ColumnMapping,
    Envelope,
    EventTypes,
    Form,
    Mapping,
)


class RawTypes(msgspec.Struct, forbid_unknown_fields=True):
    """How names become event types, as it is written in TOML."""

    accept: str | tuple[str, ...] | None = None
    names: dict[str, str] = {}


class WrittenMapping(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping as it is written in TOML; what is short there is made whole by :func:`mapping_of`."""

    extends: str = ""
    about: str = ""
    marks: tuple[str, ...] = ()
    record: Form = Form()
    columns: dict[str, ColumnMapping | tuple[str, ...] | str] = {}
    event_types: RawTypes = msgspec.field(default_factory=RawTypes)
    pass_over: dict[str, tuple[str, ...] | str] = {}
    envelope: tuple[Envelope, ...] | Envelope | None = None


def raw_of(text: bytes, subject: str) -> WrittenMapping:
    """The TOML as it is.

    Raises:
        SettingsError: it is no TOML, or has another key, or a value of another type.
    """
    try:
        return msgspec.toml.decode(text.removeprefix(BOM), type=WrittenMapping)
    except UnicodeDecodeError:
        raise SettingsError(subject, "it is no text in UTF-8", "save it as such") from None
    except msgspec.DecodeError as error:
        raise SettingsError(subject, str(error), "docs/mapping.md has every key of a mapping") from None


def merge_mappings(base: WrittenMapping, over: WrittenMapping) -> WrittenMapping:
    """A mapping that extends another: what it says itself goes before."""
    types = RawTypes(
        over.event_types.accept or base.event_types.accept, base.event_types.names | over.event_types.names
    )
    record = base.record if over.record == Form() else over.record
    columns, pass_over = base.columns | over.columns, base.pass_over | over.pass_over
    envelope = base.envelope if over.envelope is None else over.envelope
    return WrittenMapping(
        "", over.about or base.about, over.marks or base.marks, record, columns, types, pass_over, envelope
    )


def require_known(raw: WrittenMapping, declared: Collection[str], subject: str) -> None:
    """Refuse a column that ``events`` has not, nor a contract (a SettingsError).

    Args:
        raw: the mapping, without what it extends.
        declared: the columns that a contract declares.
        subject: whose mapping it is.
    """
    known = (*COLUMNS, *declared)
    for column in raw.columns:
        if column not in known:
            near = get_close_matches(column, known, n=1)
            remedy = f"say {near[0]}" if near else f"choose from {', '.join(known)}, or declare it in a contract"
            raise SettingsError(subject, f"events has no column {column!r}", remedy)


def mapping_of(name: str, raw: WrittenMapping, subject: str) -> Mapping:
    """The mapping, whole.

    Raises:
        SettingsError: it has a path that is none, or contradicts itself.
    """
    others = [column for column in raw.columns if column not in COLUMNS]
    mapping = Mapping(
        name,
        raw.about,
        raw.record,
        tuple((column, _column(column, raw.columns[column])) for column in COLUMNS if column in raw.columns),
        EventTypes(_accepted_types(raw.event_types.accept, subject), tuple(raw.event_types.names.items())),
        tuple((path, _several(values)) for path, values in raw.pass_over.items()),
        raw.marks,
        _layers(raw.envelope),
        tuple((column, _declared_paths(column, raw.columns[column], subject)) for column in others),
    )
    for finding, remedy in contradictions(mapping):
        raise SettingsError(subject, finding, remedy)
    return mapping


def _several(value: tuple[str, ...] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _layers(raw: tuple[Envelope, ...] | Envelope | None) -> tuple[Envelope, ...]:
    return (raw,) if isinstance(raw, Envelope) else raw or ()


def _column(name: str, raw: ColumnMapping | tuple[str, ...] | str) -> ColumnMapping:
    column = raw if isinstance(raw, ColumnMapping) else ColumnMapping(_several(raw))
    return msgspec.structs.replace(column, kind="time") if name == "timestamp" and column.kind == "text" else column


def _declared_paths(name: str, raw: ColumnMapping | tuple[str, ...] | str, subject: str) -> tuple[str, ...]:
    """Where a declared column is found. What it holds, the contract says."""
    column = raw if isinstance(raw, ColumnMapping) else ColumnMapping(_several(raw))
    if column != ColumnMapping(column.paths):
        finding = f"columns.{name} says more than paths, but what a declared column holds is said by the contract"
        raise SettingsError(subject, finding, f'say {name} = ["path", "another"]')
    return column.paths


def _accepted_types(raw: str | tuple[str, ...] | None, subject: str) -> Literal["settings", "all"] | tuple[str, ...]:
    match raw:
        case None | "settings":
            return "settings"
        case "all":
            return "all"
        case str():
            raise SettingsError(subject, f"event_types.accept is {raw!r}", 'say "settings", "all", or a list of types')
        case _:
            return raw
