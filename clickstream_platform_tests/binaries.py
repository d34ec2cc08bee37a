"""Files that are no text, or are not read as one: each is refused whole, with what it begins like."""

from __future__ import annotations

import gzip
import lzma
import pickle
import tarfile
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc


def _of_arrow(write: Callable[[pa.Table, BinaryIO], None]) -> bytes:
    out = BytesIO()
    write(pa.table({"user_id": ["u"]}), out)
    return out.getvalue()


def _stream(table: pa.Table, out: BinaryIO) -> None:
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)


def _zipped() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr("a.json", "{}\n")
    return out.getvalue()


def _tarred() -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.json"))
    return out.getvalue()


BINARIES: dict[str, bytes] = {
    "picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\n" + bytes(60),
    "parquet in gzip": gzip.compress(_of_arrow(pq.write_table)),
    "orc": _of_arrow(orc.write_table),
    "arrow": _of_arrow(_stream),
    "avro": b"Obj\x01\x04\x16avro.schema\x02{}\0" + bytes(16),
    "zip": _zipped(),
    "tar": _tarred(),
    "xz": lzma.compress(b"{}\n"),
    "gzip in gzip": gzip.compress(gzip.compress(b"{}\n")),
    "pickle": pickle.dumps([{"user_id": "u"}]),
    "utf-16 without a mark": '{"user_id": "u"}\n'.encode("utf-16-le"),
    "cut within its first bytes": b"\x1f",
}
