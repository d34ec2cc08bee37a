"""Records through Spark's console sink: printed by the JVM as they are, read back and parsed by this process.

Not parsed in Spark, whose real-time mode refuses Python functions: the query only does :func:`printable_record`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F

from clickstream_platform.events.opening import bytes_to_read, open_records
from clickstream_platform.events.parsing import read_events
from clickstream_platform.events.rules import Rules
from clickstream_platform.events.schema import EMPTY, Reason
from clickstream_platform.events.timestamps import INSTANT

ROWS_A_BATCH = 10_000  # of which the console shows no more
# The console makes every line of a batch as long as its longest. With 10,000 that is 110 MB, and thrice that to make
# it; records of 32 kB ended the query with the usual heap of 2 GB.
LONGEST = 8_192  # bytes
AT_ONCE = 65_536  # bytes: what a pipe holds
SHOWN_OF_A_REJECTED_RECORD = 200  # characters

_FIELDS = ("user_id", "session_id", "event_type", "page_url", "product_id", "device_type")
_ESCAPED = str.maketrans({sign: f"\\{letter}" for sign, letter in zip("\n\r\t\f\b\v\a", "nrtfbva", strict=True)})


class PrintedRecord(NamedTuple):
    """A record as it comes out of the console.

    Attributes:
        value: its bytes, the first ``LONGEST`` of them; null if it has no value.
        size: how many bytes it has.
        arrived_at: when it reached the source, in microseconds since 1970; null if that is not known.
    """

    value: bytes | None
    size: int
    arrived_at: int | None

    @property
    def is_whole(self) -> bool:
        """Whether all its bytes are here."""
        return self.size == len(self.value or b"")


def printable_record() -> Column:
    """One record as :func:`records_of` reads it, in signs that no console changes; without its headers.

    Of these comes the ``event_id`` alone, which is neither shown nor a reason.
    """
    text = F.base64(F.substring("value", 1, LONGEST))
    in_one_line = F.replace(text, F.lit("\r\n"), F.lit(""))  # Spark breaks it after 76 letters, unless told otherwise
    parts = (in_one_line, F.length("value"), F.unix_micros("arrived_at"))
    return F.concat_ws(",", *[F.coalesce(part.cast("string"), F.lit("-")) for part in parts])


def records_of(output: BinaryIO) -> Iterator[list[PrintedRecord]]:
    """The records among all that the console prints, as many at once as have come; none is held back.

    Args:
        output: what is printed, unbuffered: a buffer would wait until it is full.

    Raises:
        ValueError: a row is not as :func:`printable_record` makes it.
    """
    begun: list[bytes] = []
    while come := output.read(AT_ONCE):
        ended, newline, rest = come.rpartition(b"\n")
        if newline:
            lines = b"".join([*begun, ended]).split(b"\n")
            yield [_record(row) for row in _rows(lines)]
            begun.clear()
        begun.append(rest)


def _rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """What is between the bars, without the head."""
    for line in lines:
        row = line.strip(b"| \r")
        if line.startswith(b"|") and row != b"line":
            yield row


def _record(row: bytes) -> PrintedRecord:
    value, size, arrived_at = (None if part == b"-" else part for part in row.split(b","))
    return PrintedRecord(
        None if value is None else base64.b64decode(value, validate=True),
        int(size or 0),
        None if arrived_at is None else int(arrived_at),
    )


def format_records(records: Sequence[PrintedRecord], rules: Rules, origin: str = "") -> list[str]:
    """A line for each event, or for what was to be one.

    Of an event it has what a person looks at first, else the reasons and the first characters.

    A record that is not whole is not parsed; its line says so, unless it is too large anyway. Raises what
    :func:`.opening.open_records` does.

    Args:
        records: the records.
        rules: how they are read.
        origin: their source, as ``events`` has it.
    """
    raw = pa.RecordBatch.from_pydict(
        {
            "source": pa.array([origin if each.is_whole else "" for each in records], pa.string()),
            "value": pa.array([each.value for each in records], pa.binary()),
            "size": pa.array([None if each.value is None else len(each.value) for each in records], pa.int64()),
            "arrived_at": pa.array([each.arrived_at for each in records], pa.int64()).cast(INSTANT),
            "event_id": pa.nulls(len(records), pa.binary()),
            "number": pa.array(range(len(records)), pa.int64()),
        }
    )
    lines: list[str] = []
    for events in open_records(raw, rules):
        kept = rules.kept(bytes_to_read(events)).to_pylist()
        numbers = events["number"].to_pylist()
        rows = zip(numbers, read_events(events, rules).to_pylist(), kept, strict=True)
        lines += [_line(records[number], row, rules, value) for number, row, value in rows]
    return [line.translate(_ESCAPED).rstrip() for line in lines]


def _line(record: PrintedRecord, row: dict[str, Any], rules: Rules, kept: bytes | None) -> str:
    if not record.is_whole:
        is_too_large = record.size > rules.max_record_bytes
        fate = f"rejected, {Reason.TOO_LARGE.value}" if is_too_large else f"not parsed, {record.size:,} bytes"
    elif row["passed_over"] == EMPTY:
        return "an envelope without an event"
    elif row["passed_over"]:
        fate = f"passed over, {row['passed_over']}"
    elif row["reasons"]:
        fate = f"rejected, {', '.join(row['reasons'])}"
    else:
        time = row["timestamp"].replace(tzinfo=None).isoformat(" ", "milliseconds")
        return "  ".join([time, *("-" if row[name] is None else row[name] for name in _FIELDS)])
    return f"{fate}:  {_beginning(kept)}"


def _beginning(value: bytes | None) -> str:
    if value is None:
        return "no value"
    longest = SHOWN_OF_A_REJECTED_RECORD * 4  # bytes of UTF-8
    return value[:longest].decode(errors="replace")[:SHOWN_OF_A_REJECTED_RECORD]
