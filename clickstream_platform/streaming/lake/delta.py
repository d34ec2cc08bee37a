"""Where delta-rs opens a table: the one place that says to it where a table lies."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable


def uri_of(path: Path) -> str:
    """A table's folder as delta-rs takes it. A bare path with a ``#`` or a ``?`` in it would be cut off there."""
    return path.absolute().as_uri()


def opened(path: Path, version: int | None = None) -> DeltaTable:
    """A table, at its newest version or at another.

    Raises:
        TableNotFoundError: there is no table.
        DeltaError: it has no such version.
    """
    return DeltaTable(uri_of(path), version=version)


def is_table(path: Path) -> bool:
    """Whether the folder is a Delta table."""
    return DeltaTable.is_deltatable(uri_of(path))
