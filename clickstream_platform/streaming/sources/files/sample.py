"""A look at files that are nowhere yet: read as a run reads them, but not planned, and not booked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.sources.files.listing import listed
from clickstream_platform.streaming.sources.files.manifest import Entry, arrival
from clickstream_platform.streaming.sources.files.names import partition_of
from clickstream_platform.streaming.sources.files.reading import read_task
from clickstream_platform.streaming.sources.files.shape import of_every_source
from clickstream_platform.streaming.sources.source import PartRead


def sample(path: Path, max_record_bytes: int, declared: str) -> Iterator[pa.RecordBatch | PartRead]:
    """The records of a file, or of all files in a folder by name; as :meth:`.FileSource.records` gives them to a run.

    Args:
        path: the file or folder.
        max_record_bytes: of a longer record, only the beginning is given.
        declared: how texts are to be read, as :attr:`.FileSource.format` says.

    Lazy: who stops early has read no more than that.

    Raises:
        SourceError: there is no such file or folder, or it cannot be read.
    """
    if not path.exists():
        raise SourceError(str(path), "there is no such file", "name a file or a folder that is there")
    folder = path if path.is_dir() else path.parent
    for found in read_task(folder, _entries(path, declared), max_record_bytes):
        yield found if isinstance(found, PartRead) else of_every_source(found, "file")


def _entries(path: Path, declared: str) -> Iterator[Entry]:
    now_us = time.time_ns() // 1000
    if path.is_dir():
        for file in listed(path).files:
            arrived = arrival(file.mtime_us, now_us)
            yield Entry(file.partition, file.size, file.mtime_us, arrived, format=declared)
        return
    found = path.stat()
    mtime_us = found.st_mtime_ns // 1000
    partition = partition_of(bytes(path.name, "utf-8", "surrogateescape"))
    yield Entry(partition, found.st_size, mtime_us, arrival(mtime_us, now_us), format=declared)
