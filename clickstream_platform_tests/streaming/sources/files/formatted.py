"""JSON objects written in every format that is read, by writers that share nothing with the package's readers.

And what both readings find in a file.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_platform.streaming.sources.files.count import count_file
from clickstream_platform.streaming.sources.files.manifest import PlannedFile
from clickstream_platform.streaming.sources.files.reading import read_task
from clickstream_platform.streaming.sources.source import PartRead

Objects = Sequence[dict[str, str]]


def _lines(objects: Objects) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in objects).encode()


def _array(objects: Objects) -> bytes:
    return json.dumps(list(objects), ensure_ascii=False).encode()


def _array_in_lines(objects: Objects) -> bytes:
    return b"[\n" + b",\r\n".join(json.dumps(each).encode() for each in objects) + b"\n]\n"


def _pretty_array(objects: Objects) -> bytes:
    return json.dumps(list(objects), indent=2).encode()


def _pretty(objects: Objects) -> bytes:
    return "\n".join(json.dumps(each, indent=2) for each in objects).encode()


def _joined(objects: Objects) -> bytes:
    return "".join(map(json.dumps, objects)).encode()


def _sequence(objects: Objects) -> bytes:
    return b"".join(b"\x1e%b\n" % json.dumps(each, indent=1).encode() for each in objects)


def _jsonp(objects: Objects) -> bytes:
    return b"/**/ cb(%b\n);\n" % _array_in_lines(objects)


def _separated(objects: Objects, **form: Any) -> bytes:
    names = list(dict.fromkeys(name for each in objects for name in each))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, **form)
    writer.writeheader()
    writer.writerows(objects)
    return text.getvalue().encode()


def _csv(objects: Objects) -> bytes:
    return _separated(objects)


def _csv_of_excel(objects: Objects) -> bytes:
    return b"\xef\xbb\xbf" + _separated(objects, delimiter=";", quoting=csv.QUOTE_ALL)


def _tsv(objects: Objects) -> bytes:
    return _separated(objects, delimiter="\t", lineterminator="\n")


def parquet(objects: Sequence[dict[str, Any]], **options: Any) -> bytes:
    """Rows in groups of three; a key that an object has not is null."""
    names = list(dict.fromkeys(name for each in objects for name in each))
    table = pa.Table.from_pylist(list(objects), pa.schema([(name, pa.string()) for name in names]))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=3, **options)
    return sink.getvalue().to_pybytes()


FORMATTED: dict[str, tuple[str, Callable[[Objects], bytes]]] = {
    "lines": ("a.json", _lines),
    "array": ("b.json", _array),
    "array in lines": ("c.json", _array_in_lines),
    "pretty array": ("d.json", _pretty_array),
    "pretty objects": ("e.json", _pretty),
    "objects joined": ("f.json", _joined),
    "text sequence": ("k.json", _sequence),
    "jsonp": ("l.js", _jsonp),
    "csv": ("g.csv", _csv),
    "csv of Excel": ("h.CSV", _csv_of_excel),
    "tsv": ("i.tsv", _tsv),
    "parquet": ("j.parquet", parquet),
}

Found = tuple[list[tuple[int, bytes]], PartRead]


def found(file: Path, declared: str = "auto", limit: int = 1_000_000) -> Found:
    """The records of a file with their offsets, as a task reads them, and what became of it."""
    entry = PlannedFile(file.name, file.stat().st_size, 0, 0, format=declared)
    records, parts = list[tuple[int, bytes]](), list[PartRead]()
    for each in read_task(file.parent, [entry], limit):
        if isinstance(each, PartRead):
            parts.append(each)
        else:
            records += zip(each["offset"].to_pylist(), each["value"].to_pylist(), strict=True)
    (part,) = parts
    return records, part


def recounted(file: Path, its_format: str) -> int | None:
    """What the second reading counts; None for a fault."""
    again = count_file(os.fsencode(file), "" if its_format == "lines" else its_format)
    assert again
    return None if again.fault else again.records
