"""The objects of a store for DuckDB and Arrow, which read what they need of a Parquet file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from clickstream_platform.store.access import Access, bucket_config, client_config, retry_config
from clickstream_platform.store.place import Place, is_on_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def allow_s3_reads(connection: DuckDBPyConnection, place: Place) -> None:
    """Let a connection of DuckDB read ``s3://`` addresses, if the place is one. Before its settings are locked."""
    if is_on_store(place) and "s3" not in connection.list_filesystems():
        connection.register_filesystem(_filesystem(place.bucket, place.access))


def arrow_dataset_source(place: Place, paths: list[str]) -> dict[str, Any]:
    """Files below a place as a dataset of Arrow takes them: ``source`` and, on a store, ``filesystem``."""
    if not is_on_store(place):
        return {"source": [str(place / path) for path in paths]}
    from pyarrow.fs import FSSpecHandler, PyFileSystem  # noqa: PLC0415 - 0.1 s

    filesystem = PyFileSystem(FSSpecHandler(_filesystem(place.bucket, place.access)))
    return {"source": [arrow_path(place / path) for path in paths], "filesystem": filesystem}


def arrow_path(place: Place) -> str:
    """A place as Arrow's file system calls it: without the scheme."""
    return f"{place.bucket}/{place.key}" if is_on_store(place) else str(place)


@cache
def _filesystem(bucket: str, access: Access) -> Any:
    from obstore.fsspec import FsspecStore  # noqa: PLC0415 - only who has a lake on a store

    return FsspecStore(
        "s3", config=bucket_config(bucket, access), client_options=client_config(access), retry_config=retry_config()
    )
