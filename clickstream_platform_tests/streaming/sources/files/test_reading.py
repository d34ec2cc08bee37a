from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.sources.files import manifest as manifest_module
from clickstream_platform.streaming.sources.files import raw as raw_module
from clickstream_platform.streaming.sources.files import reading
from clickstream_platform.streaming.sources.files.listing import list_folder
from clickstream_platform.streaming.sources.files.manifest import (
    PlannedFile,
    plan_manifests,
    task_from_line,
    task_to_line,
)
from clickstream_platform.streaming.sources.files.reading import RECORDS, PartRead, read_task
from clickstream_platform_tests.streaming.sources.files.packing import PACK, TEXT, WITH_CHECKSUM, naive

NOW = 1_764_000_000_000_000
Place = tuple[str, int]


def _read(folder: Path, tasks: int = 2) -> tuple[dict[Place, bytes], dict[str, str | None]]:
    """What is accepted of a folder, and the faults: as whoever runs the tasks goes about it."""
    values: dict[Place, bytes] = {}
    faults: dict[str, str | None] = {}
    for manifest in plan_manifests(list_folder(folder).files, NOW, 1):
        for task in manifest.tasks(folder, tasks):
            _take(folder, task_from_line(task_to_line(task)), values, faults)
    return {place: value for place, value in values.items() if not faults[place[0]]}, faults


def _take(folder: Path, task: list[PlannedFile], values: dict[Place, bytes], faults: dict[str, str | None]) -> None:
    for each in read_task(folder, task, 1_000_000):
        if isinstance(each, PartRead):
            faults[each.partition] = faults.get(each.partition) or each.fault
        else:
            assert each.schema == RECORDS
            for row in each.to_pylist():
                assert (row["partition"], row["offset"]) not in values
                values[row["partition"], row["offset"]] = row["value"]


def _entries(folder: Path) -> list[PlannedFile]:
    return [entry for manifest in plan_manifests(list_folder(folder).files, NOW, 1) for entry in manifest.entries]


def _results(folder: Path, entries: list[PlannedFile]) -> list[PartRead]:
    return [each for each in read_task(folder, entries, 1_000_000) if isinstance(each, PartRead)]


def _batches(given: Iterable[pa.RecordBatch | PartRead]) -> list[pa.RecordBatch]:
    return [each for each in given if not isinstance(each, PartRead)]


def test_colon_in_a_name_and_a_stale_checksum_beside_it_are_nothing_special(tmp_path: Path) -> None:
    (tmp_path / "2025-11-25T10:00:00Z.json").write_bytes(TEXT)
    (tmp_path / ".2025-11-25T10:00:00Z.json.crc").write_bytes(b"crc\0\0\0\x02\0stale")

    values, faults = _read(tmp_path)

    assert len(values) == 12
    assert faults == {"2025-11-25T10:00:00Z.json": None}


def test_file_that_breaks_off_is_refused_and_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "whole.json").write_bytes(TEXT)
    for codec, packed in WITH_CHECKSUM.items():
        (tmp_path / f"cut.{codec}").write_bytes(packed[: len(packed) // 2])

    values, faults = _read(tmp_path)

    assert {partition for partition, _ in values} == {"whole.json"}
    assert faults == {"whole.json": None} | {
        f"cut.{codec}": f"{codec}: cut off after {len(packed) // 2} bytes" for codec, packed in WITH_CHECKSUM.items()
    }


def test_snappy_and_a_plain_file_named_lz4_are_read(tmp_path: Path) -> None:
    (tmp_path / "events.json.snappy").write_bytes(PACK["snappy"](TEXT))
    (tmp_path / "plain_named.json.lz4").write_bytes(TEXT)

    values, _ = _read(tmp_path)

    assert len(values) == 24


def test_fault_is_told_after_the_records_before_it(tmp_path: Path) -> None:
    text = b"".join(b'{"n": %d}\n' % n for n in range(500_000))
    (tmp_path / "a.gz").write_bytes(gzip.compress(text, 1)[:-1])

    given = list(read_task(tmp_path, _entries(tmp_path), 1_000_000))

    assert isinstance(given[-1], PartRead)
    assert given[-1].fault
    assert given[-1].records == sum(batch.num_rows for batch in _batches(given)) > 400_000


def test_many_small_files_make_one_batch(tmp_path: Path) -> None:
    for n in range(100):
        (tmp_path / f"{n:03}").write_bytes(TEXT)

    given = list(read_task(tmp_path, _entries(tmp_path), 1_000_000))

    (batch,) = _batches(given)
    assert batch.num_rows == 1200
    assert batch["partition"].to_pylist()[::12] == [f"{n:03}" for n in range(100)]
    assert given[1:] == [PartRead(f"{n:03}", len(TEXT), 12) for n in range(100)]


def test_no_batch_holds_more_bytes_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BYTES", 3_000)
    for n in range(10):
        (tmp_path / str(n)).write_bytes(b"x" * 1_000)

    batches = _batches(read_task(tmp_path, _entries(tmp_path), 1_000_000))

    assert sum(batch.num_rows for batch in batches) == 10
    assert max(batch.num_rows for batch in batches) == 2


def test_arrival_is_the_entrys(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    os.utime(tmp_path / "a", (10**11, 10**11))

    (batch,) = _batches(read_task(tmp_path, _entries(tmp_path), 1_000_000))

    assert batch["arrived_at"].cast(pa.int64()).unique().to_pylist() == [NOW]


@pytest.mark.parametrize(
    ("size", "fault"),
    [
        (len(TEXT) + 5, "still being written: it grew from 206 to 211 bytes after it was listed"),
        (len(TEXT) - 5, "cut from 206 to 201 bytes after it was listed"),
        (0, "cut from 206 to 0 bytes after it was listed"),
    ],
)
def test_file_of_another_size_than_listed_is_refused(tmp_path: Path, size: int, fault: str) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    entries = _entries(tmp_path)
    (tmp_path / "a").write_bytes((TEXT * 2)[:size])

    assert _results(tmp_path, entries) == [PartRead("a", len(TEXT), 0, fault)]


def test_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    entries = _entries(tmp_path)
    pread = os.pread

    def growing(descriptor: int, size: int, at: int) -> bytes:
        (tmp_path / "a").write_bytes(TEXT + b"{}\n")
        return pread(descriptor, size, at)

    monkeypatch.setattr(raw_module.os, "pread", growing)

    (result,) = _results(tmp_path, entries)

    assert result.fault == "still being written: it grew from 206 to 209 bytes after it was listed"


def test_other_time_of_the_same_bytes_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    entries = _entries(tmp_path)
    os.utime(tmp_path / "a", (1, 1))

    assert _results(tmp_path, entries) == [PartRead("a", len(TEXT), 12)]


def test_file_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    entries = _entries(tmp_path)
    (tmp_path / "a").unlink()

    assert _results(tmp_path, entries) == [PartRead("a", len(TEXT), 0, "deleted before it was read")]


def test_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    entries = _entries(tmp_path)
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")

    assert [result.fault for result in _results(tmp_path, entries)] == ["no longer a file"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no system with files of unknown size")
def test_a_file_of_which_the_system_does_not_say_its_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/proc/self/environ")
    (result,) = _results(tmp_path, [PlannedFile("a", 0, 0, 0)])
    assert (result.fault, result.records) == ("has bytes, and a size of 0", 0)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError(5, "I/O error"), "not readable: I/O error"),
    ],
)
@pytest.mark.parametrize("call", ["open", "pread"])
@pytest.mark.parametrize("codec", sorted(PACK))
def test_what_the_system_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, fault: str, call: str, codec: str
) -> None:
    (tmp_path / "a").write_bytes(PACK[codec](TEXT))
    entries = _entries(tmp_path)
    real = getattr(os, call)

    def refusing(what: object, *args: int) -> object:
        if call == "open" or stat.S_ISREG(os.fstat(what).st_mode):  # pyright: ignore[reportArgumentType] - a descriptor
            raise error
        return real(what, *args)

    monkeypatch.setattr(raw_module.os, call, refusing)

    assert [result.fault for result in _results(tmp_path, entries)] == [fault]


@pytest.mark.parametrize("step", ["small_text", "file_records"])
def test_what_stops_the_reading_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def stop(*_: object) -> None:
        raise MemoryError

    (tmp_path / "a").write_bytes(b"\n" + TEXT)
    monkeypatch.setattr(reading, step, stop)

    with pytest.raises(SourceError, match=r"^a: reading it failed: MemoryError"):
        _results(tmp_path, _entries(tmp_path))


NAMES = [
    b"a",
    b"b.gz",
    b"c:d",
    b"e\n",
    b"%41",
    b"#",
    b"caf\xe9",
    b"caf\xc3\xa9",
    b"_hidden",
    b".hidden",
    b"d/e/f",
    b" ",
]
LINE = st.sampled_from([b"{}", b"", b" ", b'{"user_id": "u"}', b"\xff", b"\r", b"x" * 200, "ü".encode(), b"[1]"])
CONTENT = st.lists(LINE, max_size=30).map(lambda lines: b"{" + b"\n".join(lines))
FILES = st.dictionaries(st.sampled_from(NAMES), st.tuples(st.sampled_from(sorted(PACK)), CONTENT, st.booleans()))


@given(FILES, st.integers(1, 5), st.integers(10, 300))
def test_every_record_of_a_folder_is_given_once_or_its_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, files: dict[bytes, tuple[str, bytes, bool]], tasks: int, smallest: int
) -> None:
    folder = tmp_path_factory.mktemp("source")
    expected: dict[Place, bytes] = {}
    refused: set[str] = set()
    for name, (codec, text, is_cut) in files.items():
        packed = PACK[codec](text)
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed[:-1] if is_cut else packed)
        partition = "//caf%E9" if name == b"caf\xe9" else name.decode()
        if is_cut and codec != "plain":
            refused.add(partition)
        elif "hidden" not in partition:
            kept = naive(packed[:-1] if is_cut else text)
            expected |= {(partition, offset): value for offset, value, _ in kept}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_module, "_SMALLEST", smallest)
        values, faults = _read(folder, tasks)

    assert values == expected
    assert {partition for partition, fault in faults.items() if fault} == {
        partition for partition in refused if "hidden" not in partition
    }
