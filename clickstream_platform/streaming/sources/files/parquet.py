"""Parquet: a file's rows as records, each a JSON object, some at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.streaming.sources.files.numbered import NumberedRecord, complete_record
from clickstream_platform.streaming.sources.files.parquet_json import rows_as_json
from clickstream_platform.streaming.sources.files.raw import RawFile
from clickstream_platform.streaming.sources.files.unreadable import Unreadable

_ROWS = 1_000  # converted at once, at most
_UNPACKED = 16_000_000  # bytes of columns that are converted at once, as far as the file says how many it has
_SIGN = b"PAR1"  # a file begins and ends with it
_BUFFER = 1 << 20  # bytes of a column that are read at once


def parquet_rows(raw: RawFile, max_record_bytes: int) -> Iterator[NumberedRecord]:
    """The rows of a file, in its order.

    Raises:
        Unreadable: it is cut or damaged, as far as it says itself: where it has checksums of its pages, these are
            compared; or it is encrypted, or has columns that no JSON object has.
    """
    try:
        with pa.PythonFile(_Seekable(raw), "r") as file:
            parquet = pq.ParquetFile(
                file,
                buffer_size=_BUFFER,
                pre_buffer=False,
                page_checksum_verification=True,
                coerce_int96_timestamp_unit="us",
            )
            if not parquet.metadata.num_columns:
                raise Unreadable("Parquet", "it has no columns")
            if _is_behind_another(raw, parquet.metadata):
                raise Unreadable("Parquet", "two files, one after the other, of which only one could be read")
            for batch in parquet.iter_batches(_at_once(parquet.metadata), use_threads=False):
                for value in rows_as_json(batch):
                    yield complete_record(value, max_record_bytes)
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise Unreadable("Parquet", str(error).strip().split("\n")[0]) from error


def _at_once(metadata: pq.FileMetaData) -> int:
    """How many rows are converted together."""
    groups = range(metadata.num_row_groups)
    unpacked = sum(metadata.row_group(group).total_byte_size for group in groups)
    return max(1, min(_ROWS, _UNPACKED * metadata.num_rows // max(unpacked, 1)))


def _is_behind_another(raw: RawFile, metadata: pq.FileMetaData) -> bool:
    """Whether two files were put into one: every reader takes the rows of the one by the footer of the other.

    Behind the last column there is nothing but indexes and the footer; or the end of one file, and the next one.
    """
    columns = [
        metadata.row_group(group).column(number)
        for group in range(metadata.num_row_groups)
        for number in range(metadata.num_columns)
    ]
    begins = [each.dictionary_page_offset or each.data_page_offset for each in columns]
    ends = [begin + each.total_compressed_size for begin, each in zip(begins, columns, strict=True)]
    position = raw.start + max(ends, default=0)
    while part := raw.peek(position, _BUFFER):
        if 2 * _SIGN in part:
            return True
        position += len(part) if len(part) < _BUFFER else len(part) - 2 * len(_SIGN)
    return False


class _Seekable(io.RawIOBase):
    """A stretch of a file, as Arrow wants one that it may read anywhere."""

    def __init__(self, raw: RawFile) -> None:
        super().__init__()
        self._raw = raw
        self._at = raw.start

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As every file has it."""
        base = {io.SEEK_SET: self._raw.start, io.SEEK_CUR: self._at, io.SEEK_END: self._raw.end}[whence]
        self._at = base + offset
        return self.tell()

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at - self._raw.start

    def read(self, size: int = -1) -> bytes:
        """The bytes from there on, at most so many."""
        wanted = self._raw.end - self._at if size < 0 else size
        data = self._raw.peek(self._at, wanted)
        self._at += len(data)
        return data
