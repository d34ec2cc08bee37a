"""The objects of a store for DuckDB and Arrow, which read what they need of a Parquet file."""

from __future__ import annotations

import threading
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

from clickstream_platform.store.access import Access, bucket_client
from clickstream_platform.store.place import Place, is_on_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

READ_WHOLE = 1 << 20  # bytes: an object that has no more is read by one request, whatever is wanted of it
KEPT_WHOLE = 64  # such objects whose content is kept while a connection is open


class ObjectReader:
    """An object of a store as an open binary file that several threads may read at once.

    Each thread has a position of its own. DuckDB reads an open file in parts, by threads side by side, each with a call
    of ``seek`` and then one of ``read``: with one position for all they would be given each other's bytes.
    """

    closed = False

    def __init__(self, size: int, read_range: Callable[[int, int], bytes]) -> None:
        """Of an object of so many bytes, of which the function gives those from a place up to another."""
        self.size = size
        self._read_range = read_range
        self._of_thread = threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move this thread's position: from the start, or, as ``whence`` is 1 or 2, from itself or the end."""
        self._of_thread.position = (0, self.tell(), self.size)[whence] + offset
        return self.tell()

    def tell(self) -> int:
        """This thread's position."""
        return getattr(self._of_thread, "position", 0)

    def read(self, length: int = -1) -> bytes:
        """The next bytes for this thread: so many, or fewer at the end of the object; all that are left if negative."""
        start = self.tell()
        end = self.size if length < 0 else min(self.size, start + length)
        if end <= start:
            return b""
        self._of_thread.position = end
        return self._read_range(start, end)

    def close(self) -> None:
        """There is nothing to be let go of."""
        self.closed = True


def allow_store_reads(connection: DuckDBPyConnection, place: Place) -> None:
    """Let a connection of DuckDB read a store's addresses, if the place is on one. Before its settings are locked."""
    if is_on_store(place) and place.access.scheme not in connection.list_filesystems():
        connection.register_filesystem(_filesystem(place.access))


def arrow_dataset_source(place: Place, paths: list[str]) -> dict[str, Any]:
    """Files below a place as a dataset of Arrow takes them: ``source`` and, on a store, ``filesystem``."""
    if not is_on_store(place):
        return {"source": [str(place / path) for path in paths]}
    from pyarrow.fs import FSSpecHandler, PyFileSystem  # noqa: PLC0415 - 0.1 s

    filesystem = PyFileSystem(FSSpecHandler(_filesystem(place.access)))
    return {"source": [arrow_path(place / path) for path in paths], "filesystem": filesystem}


def arrow_path(place: Place) -> str:
    """A place as Arrow's file system calls it: without the scheme."""
    return f"{place.bucket}/{place.key}" if is_on_store(place) else str(place)


def _filesystem(access: Access) -> Any:
    """One of its own for each connection or dataset: what it remembers is what there was when that was made."""
    return _data_files()(access)


@cache
def _data_files() -> type:
    from obstore.fsspec import FsspecStore  # noqa: PLC0415 - only who has a lake on a store

    class DataFiles(FsspecStore):
        """The files of tables, to be read. A name never stands for other bytes than before, so little is asked twice.

        DuckDB opens a file some five times for each query, and asks some twenty times how large and how old it is.
        """

        cachable = False  # fsspec would keep each for ever

        def __init__(self, access: Access) -> None:
            super().__init__(cast("Any", access.scheme))  # of several overloads
            # The base class does so too, with a client of its own.
            self._construct_store = partial(bucket_client, access=access)  # pyright: ignore[reportIncompatibleMethodOverride]
            self._split_address = access.split
            self._known: dict[str, dict[str, Any]] = {}
            self._read_whole = lru_cache(KEPT_WHOLE)(partial(_content, access))

        def _split_path(self, path: str) -> tuple[str, str]:
            return self._split_address(path if "://" in path else f"{self.protocol}://{path}")

        async def _info(self, path: str, **_: Any) -> dict[str, Any]:
            known = self._known.get(path)
            if known is None:
                known = await super()._info(path)
                if known["type"] == "file":
                    self._known[path] = known
            return known

        def modified(self, path: str) -> Any:
            return self.info(path)["last_modified"]

        def _open(self, path: str, mode: str = "rb", *_: object, **__: object) -> Any:
            assert mode == "rb", f"{path}: nobody writes by way of these"
            bucket, key = self._split_path(path)
            whole = partial(self._read_whole, bucket, key)
            return _reader(int(self.info(path)["size"]), whole, self._construct_store(bucket), key)

    return DataFiles


def _content(access: Access, bucket: str, key: str) -> bytes:
    return bucket_client(bucket, access).get(key).bytes().to_bytes()


def _reader(size: int, read_whole: Callable[[], bytes], store: Any, key: str) -> ObjectReader:
    """Of a small object by all of it, of a large one by the ranges that are asked for."""
    if size <= READ_WHOLE:
        return ObjectReader(size, lambda start, end: read_whole()[start:end])
    return ObjectReader(size, lambda start, end: store.get_range(key, start=start, end=end).to_bytes())
