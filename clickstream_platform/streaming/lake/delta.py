"""Where delta-rs opens a table: the one place that says to it where a table lies."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from clickstream_platform.errors import DamageError
from clickstream_platform.store.access import delta_options
from clickstream_platform.store.objects import objects
from clickstream_platform.store.place import Place, is_on_store

REMAKE = "restore a backup; `clickstream rebuild` makes a table of events anew without one"  # of a data file
REPAIR = "restore a backup; a table made of events needs none: move its folder away, and `clickstream rebuild` it"
_IN_LOG = re.compile(r"\d{20}\.(json|checkpoint\.)")  # a commit, or a checkpoint of several


def uri_of(path: Place) -> str:
    """A table's folder as delta-rs takes it. A bare path with a ``#`` or a ``?`` in it would be cut off there."""
    return path.absolute().as_uri()


def options_of(path: Place) -> dict[str, str] | None:
    """How delta-rs reaches the store that a table lies on; None for a folder."""
    return delta_options(path.bucket, path.access) if is_on_store(path) else None


def open_table(path: Place, version: int | None = None) -> DeltaTable:
    """A table, at its newest version or at another.

    Raises:
        TableNotFoundError: there is no table.
        DamageError: its log cannot be read, or it no longer has such a version.
    """
    try:
        return DeltaTable(uri_of(path), version=version, storage_options=options_of(path))
    except TableNotFoundError:
        raise
    except DeltaError as failed:
        finding = f"its Delta log cannot be read: {str(failed).partition(chr(10))[0]}"
        raise DamageError(path.name, finding, REPAIR) from failed


def is_table(path: Place) -> bool:
    """Whether the folder is a Delta table."""
    if is_on_store(path):  # delta-rs would let no other thread go on until the store answers: none that renews a lease
        return any(_IN_LOG.match(each.place.name) for each in objects(path / "_delta_log"))
    return DeltaTable.is_deltatable(uri_of(path))


def data_file_paths(table: DeltaTable) -> list[str]:
    """The data files of a table, relative to it."""
    parts = urlsplit(table.table_uri)
    root = table.table_uri if parts.netloc else parts.path
    return [unquote(uri.removeprefix(root)) for uri in table.file_uris()]
