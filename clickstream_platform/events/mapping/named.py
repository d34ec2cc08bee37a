"""Mappings by name: those that are shipped, and those in files."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.mapping.model import COLUMNS, Mapping
from clickstream_platform.events.mapping.time_forms import is_form
from clickstream_platform.events.mapping.written import (
    WrittenMapping,
    mapping_of,
    merge_mappings,
    raw_of,
    require_known,
)
from clickstream_platform.events.shipped import Shipped

if TYPE_CHECKING:
    from clickstream_platform.events.timestamps import Unit

_SHIPPED = Shipped("clickstream_platform.events.mapping", "presets")
SETTING = "CLICKSTREAM_MAPPING"
OWN = "own"  # what a mapping extends whose events are of our own shape


def presets() -> tuple[str, ...]:
    """The names of all that are shipped, by the alphabet."""
    return _SHIPPED.names


@lru_cache(maxsize=32)
def preset(name: str) -> Mapping:
    """A shipped mapping, by one of the names of :func:`presets`."""
    subject = f"preset {name}"
    return mapping_of(name, _whole(_shipped_mapping(name), subject), subject)


def text_of_preset(name: str) -> str:
    """A shipped mapping as it is written."""
    return _SHIPPED.text(name)


def mapping_named(text: str, subject: str = SETTING, declared: Collection[str] | None = ()) -> Mapping | None:
    """The mapping that a setting names; None for an empty text: records are of our own shape.

    Args:
        text: the name of a preset, or the path of a TOML file.
        subject: who names it, for the error.
        declared: the columns that a contract declares, of which a file may say where they are found; None: whatever
            they are, for who reads by the others alone.

    Raises:
        SettingsError: there is none of that name; or its file cannot be read, or contradicts itself.
    """
    return mapping_with_own_paths(text, subject, declared)[0]


def mapping_with_own_paths(
    text: str, subject: str = SETTING, declared: Collection[str] | None = ()
) -> tuple[Mapping | None, tuple[tuple[str, str], ...]]:
    """The mapping that a setting names, and the paths, each with its column, that its own file adds to its preset."""
    if not text:
        return None, ()
    if text in presets():
        return preset(text), ()
    if not text.endswith(".toml") and "/" not in text:
        known = ", ".join(presets())
        raise SettingsError(subject, f"there is no mapping {text!r}", f"choose from {known}, or name a .toml file")
    file = Path(text).expanduser()
    try:
        raw = raw_of(file.read_bytes(), str(file))
    except OSError as error:
        finding = f"{file} cannot be read: {error.strerror}"
        raise SettingsError(subject, finding, f"name a .toml file, or one of {', '.join(presets())}") from None
    if declared is not None:
        require_known(raw, declared, str(file))
    mapping = mapping_of(file.stem, _whole(raw, str(file)), str(file))
    return mapping, _own_paths(mapping, raw)


def _own_paths(mapping: Mapping, raw: WrittenMapping) -> tuple[tuple[str, str], ...]:
    columns = [(name, column.paths) for name, column in mapping.columns] + [*mapping.declared]
    own = [(name, path) for name, paths in columns if name in raw.columns for path in paths]
    return (*own, *(("pass_over", path) for path in raw.pass_over))


def _whole(raw: WrittenMapping, subject: str) -> WrittenMapping:
    """A mapping with what it has of the preset that it extends."""
    if not raw.extends:
        return raw
    if raw.extends == OWN:
        return merge_mappings(WrittenMapping(columns={name: name for name in COLUMNS}), raw)
    if raw.extends not in presets():
        finding = f"it extends {raw.extends!r}, which is no preset"
        raise SettingsError(subject, finding, f"choose from {', '.join(presets())}")
    return merge_mappings(_whole(_shipped_mapping(raw.extends), f"preset {raw.extends}"), raw)


def time_unit(mapping: Mapping | None, otherwise: Unit) -> Unit:
    """The unit of times that are numbers: the mapping's, if it has one."""
    unit = mapping.column("timestamp").unit if mapping else None
    return otherwise if unit is None else "iso" if is_form(unit) else cast("Unit", unit)


def _shipped_mapping(name: str) -> WrittenMapping:
    return raw_of(text_of_preset(name).encode(), f"preset {name}")
