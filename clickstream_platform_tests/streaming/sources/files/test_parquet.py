"""Parquet: each type's values as JSON, to the last digit; rows that are no JSON are records, and no file is lost."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream_platform_tests.streaming.sources.files.formatted import found, recounted
from clickstream_platform_tests.streaming.sources.files.packing import read

BIG = decimal.Decimal("12345678901234567890123456789012345.600")
US = 1_709_287_200_123_456

TYPES: dict[str, tuple[pa.DataType, Any, str]] = {
    "text": (pa.string(), 'ä"\n', '"ä\\"\\n"'),
    "large text": (pa.large_string(), "ä", '"ä"'),
    "words": (pa.dictionary(pa.int8(), pa.string()), "ä", '"ä"'),
    "boolean": (pa.bool_(), False, "false"),
    "the largest whole number": (pa.uint64(), 2**64 - 1, "18446744073709551615"),
    "the least one": (pa.int64(), -(2**63), "-9223372036854775808"),
    "decimal": (pa.decimal128(38, 3), BIG, "12345678901234567890123456789012345.600"),
    "long decimal": (pa.decimal256(60, 0), decimal.Decimal(10**59 + 1), str(10**59 + 1)),
    "double": (pa.float64(), 0.1, "0.1"),
    "float": (pa.float32(), 0.1, "0.1"),
    "half": (pa.float16(), 1.5, "1.5"),
    "no number": (pa.float64(), float("nan"), '"NaN"'),
    "infinity": (pa.float32(), float("-inf"), '"-Infinity"'),
    "moment": (pa.timestamp("us", "UTC"), US, '"2024-03-01T10:00:00.123456Z"'),
    "moment of a zone": (pa.timestamp("ms", "Asia/Tokyo"), US // 1000, '"2024-03-01T10:00:00.123Z"'),
    "nanoseconds": (pa.timestamp("ns", "UTC"), US * 1000 + 7, '"2024-03-01T10:00:00.123456007Z"'),
    "time of no zone": (pa.timestamp("us"), US // 10**6 * 10**6, '"2024-03-01T10:00:00"'),
    "before the year 1": (pa.timestamp("us"), -(10**17), '"-001199-02-15T14:13:20"'),
    "beyond 9999": (pa.timestamp("ms"), 10**15, '"+033658-09-27T01:46:40"'),
    "day": (pa.date32(), dt.date(2024, 2, 29), '"2024-02-29"'),
    "time of day": (pa.time64("us"), dt.time(9, 8, 7, 6), '"09:08:07.000006"'),
    "bytes that are text": (pa.binary(), b"abc", '"abc"'),
    "bytes": (pa.binary(3), b"\xff\0\1", '"/wAB"'),
    "uuid": (pa.uuid(), uuid.UUID(int=1).bytes, '"00000000-0000-0000-0000-000000000001"'),
    "list": (pa.list_(pa.int8()), [1, None, 3], "[1,null,3]"),
    "empty list": (pa.list_(pa.int8()), [], "[]"),
    "list of a size": (pa.list_(pa.int8(), 2), [1, 2], "[1,2]"),
    "struct": (pa.struct({"a": pa.int8(), "b": pa.string()}), {"a": 1, "b": None}, '{"a":1}'),
    "map": (pa.map_(pa.string(), pa.int8()), [("k", 1), ("n", None)], '{"k":1}'),
    "map with a key twice": (
        pa.map_(pa.string(), pa.int8()),
        [("k", 1), ("k", 2)],
        '[{"key":"k","value":1},{"key":"k","value":2}]',
    ),
    "map of numbers": (pa.map_(pa.int8(), pa.int8()), [(1, 2)], '[{"key":1,"value":2}]'),
    "all of it": (
        pa.list_(pa.struct({"at": pa.timestamp("s"), "n": pa.list_(pa.decimal128(5, 2))})),
        [{"at": 0, "n": [decimal.Decimal("1.10"), None]}, None],
        '[{"at":"1970-01-01T00:00:00","n":[1.10,null]},null]',
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_has_its_word_in_json(tmp_path: Path, kind: str) -> None:
    its_type, value, expected = TYPES[kind]
    column = pa.array([None, value, value], its_type)
    if not pa.types.is_uint64(its_type):
        column = column.slice(1)  # an offset in the buffers must not shift anything
    pq.write_table(pa.table({"c": column}), tmp_path / "a", version="2.6")
    values = [row for _, row, _ in read(tmp_path / "a")]
    assert values[-2:] == [f'{{"c":{expected}}}'.encode()] * 2
    assert recounted(tmp_path / "a", "parquet") == len(column)


def test_nulls_are_left_out_and_nested_ones_do_not_shift_their_siblings(tmp_path: Path) -> None:
    inner = pa.list_(pa.struct({"k": pa.string(), "v": pa.map_(pa.string(), pa.int8())}))
    rows = [None, [], [None, {"k": "a", "v": None}], None, [{"k": None, "v": [("x", 1)]}], [{"k": "z", "v": []}]]
    pq.write_table(pa.table({"c": pa.array(rows, inner), "n": range(6)}), tmp_path / "a", row_group_size=4)
    assert [json.loads(row) for _, row, _ in read(tmp_path / "a")] == [
        {"n": 0},
        {"c": [], "n": 1},
        {"c": [None, {"k": "a"}], "n": 2},
        {"n": 3},
        {"c": [{"v": {"x": 1}}], "n": 4},
        {"c": [{"k": "z", "v": {}}], "n": 5},
    ]


@pytest.mark.parametrize("its_type", [pa.string(), pa.large_string()])
def test_a_text_that_is_no_utf_8_spoils_its_row_alone(tmp_path: Path, its_type: pa.DataType) -> None:
    raw = pa.array([b"good", b'\xff"\\', None], pa.binary() if its_type == pa.string() else pa.large_binary())
    column = pa.Array.from_buffers(its_type, 3, raw.buffers())
    pq.write_table(pa.table({"c": column}), tmp_path / "a")
    assert [row for _, row, _ in read(tmp_path / "a")] == [b'{"c":"good"}', b'{"c":"\xff\\"\\\\"}', b"{}"]


def test_old_timestamps_of_spark_and_hive_reach_beyond_2262(tmp_path: Path) -> None:
    moment = pa.array([dt.datetime(2500, 1, 1, 0, 0, 0, 7), dt.datetime(1, 1, 1)], pa.timestamp("us"))
    pq.write_table(pa.table({"c": moment.slice(0, 1)}), tmp_path / "a", use_deprecated_int96_timestamps=True)
    assert read(tmp_path / "a")[0][1] == b'{"c":"2500-01-01T00:00:00.000007"}'


def test_wide_rows_are_converted_a_few_at_a_time(tmp_path: Path) -> None:
    rows = [f"{number}" + "x" * 1_000_000 for number in range(40)]
    pq.write_table(pa.table({"c": rows}), tmp_path / "a", use_dictionary=False)
    found_rows, part = found(tmp_path / "a", limit=2_000_000)
    assert [json.loads(value)["c"] for _, value in found_rows] == rows
    assert [offset for offset, _ in found_rows] == list(range(40))
    assert part.fault is None


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["n", "n"]), tmp_path / "a")
    _, part = found(tmp_path / "a")
    assert part.fault == "Parquet: two of its columns are called 'n'"


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_every_codec_within_is_read_and_counted(tmp_path: Path, codec: str) -> None:
    pq.write_table(pa.table({"n": range(2_500)}), tmp_path / "a", compression=codec, row_group_size=600)
    assert [json.loads(row)["n"] for _, row, _ in read(tmp_path / "a")] == [*range(2_500)]
    assert recounted(tmp_path / "a", "parquet") == 2_500
