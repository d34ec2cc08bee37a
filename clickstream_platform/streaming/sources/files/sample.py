"""A look at files that are nowhere yet: read as a run reads them, but not planned, and not booked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from clickstream_platform.errors import SourceError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.sources.files.landing import Landing, landing_at
from clickstream_platform.streaming.sources.files.manifest import PlannedFile, arrival_us
from clickstream_platform.streaming.sources.files.reading import read_task
from clickstream_platform.streaming.sources.files.shape import with_source_columns
from clickstream_platform.streaming.sources.source import PartRead


def sample_files(path: Place, max_record_bytes: int, declared: str) -> Iterator[pa.RecordBatch | PartRead]:
    """The records of a file, or of all files in a folder by name; as :meth:`.FileSource.records` gives them to a run.

    Args:
        path: the file or folder, also on a store.
        max_record_bytes: of a longer record, only the beginning is given.
        declared: how texts are to be read, as :attr:`.FileSource.format` says.

    Lazy: who stops early has read no more than that.

    Raises:
        SourceError: there is no such file or folder, or it cannot be read.
    """
    if isinstance(path, Path) and path.exists() and not (path.is_file() or path.is_dir()):
        raise SourceError(str(path), "it is a pipe, a socket or a device", "write what comes from it to a file")
    is_folder = landing_at(path).is_folder
    folder = path if is_folder else path.parent
    entries = _entries(landing_at(folder), "" if is_folder else str(path), declared)
    for batch in read_task(folder, entries, max_record_bytes):
        yield batch if isinstance(batch, PartRead) else with_source_columns(batch, "file")


def _entries(landing: Landing, only: str, declared: str) -> Iterator[PlannedFile]:
    now_us = time.time_ns() // 1000
    if only:
        file = landing.file(landing.partition_of(only))
        if file is None:
            raise SourceError(only, "there is no such file", "name a file or a folder that is there")
        files = (file,)
    else:
        files = landing.list_files().files
    for file in files:
        arrived = arrival_us(file.mtime_us, now_us)
        yield PlannedFile(file.partition, file.size, file.mtime_us, arrived, format=declared, tag=file.tag)
