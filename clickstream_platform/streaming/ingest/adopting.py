"""Data files that tasks have staged become the table's; what goes into none of them is written into files beside them.

A file is moved to where the table's files lie and named by the commit, its rows neither read nor written again: a
folder renames it, a store copies it by itself, and from this host's disk it is put there, once. Killed in between, it
lies there without a name, as what delta-rs writes for a commit that never comes; housekeeping deletes such files once
they are older than any run. Who replays the batch stages it anew, under other names.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import IO

import pyarrow as pa

from clickstream_platform.store.place import Place, is_on_store
from clickstream_platform.streaming.ingest.date_files import DateFiles, split_by_date
from clickstream_platform.streaming.ingest.staging_folder import write_file
from clickstream_platform.streaming.ingest.task_files import columns_of
from clickstream_platform.streaming.lake.data_files import PARTITION, DataFile, conform_to_schema
from clickstream_platform.streaming.lake.tables import LakeTable


def adopt_files(
    files: Sequence[DataFile], folder: Place, rest: Iterator[pa.RecordBatch], table: LakeTable, schema: pa.Schema
) -> list[DataFile]:
    """Move files into a table, and write the rest there. They are in it when a commit names them.

    Args:
        files: those that are moved.
        folder: where they are staged.
        rest: all other events of the batch.
        table: the table.
        schema: its columns.

    Returns:
        All files.
    """
    for each in files:
        _move_file(folder / each.name, table.path / each.path)
    with DateFiles(columns_of(schema), partial(_open_in_table, table)) as written_here:
        for batch in rest:
            for day, of_day in split_by_date(conform_to_schema(batch, schema)):
                written_here.write(day, of_day)
    return [*files, *written_here.files]


def _open_in_table(table: LakeTable, day: str, name: str) -> AbstractContextManager[IO[bytes]]:
    folder = table.path / f"{PARTITION}={day}"
    folder.mkdir(parents=True, exist_ok=True)
    return write_file(folder, name)


def _move_file(file: Place, to: Place) -> None:
    if is_on_store(to):
        file.replace(to) if is_on_store(file) else to.write(file)
        return
    assert not is_on_store(file)
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.replace(to)
    except OSError as failed:
        if failed.errno != errno.EXDEV:  # the table may be a link to another disk
            raise
        shutil.copyfile(file, to)
