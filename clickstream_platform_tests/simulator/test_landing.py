"""Simulated records as files: the same bytes for the same seed, whole or not there."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from clickstream_platform.simulator.landing import write_arrival, write_landing
from clickstream_platform.simulator.simulation import SPAN, START, Shares, simulate, start_before
from clickstream_platform_tests.simulator.recount import lines_of
from clickstream_platform_tests.simulator.simulated import accepted, hashes


def test_the_same_seed_gives_the_same_names_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_landing(tmp_path / name, simulate(3_000, 7), gzip_every=2)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert len(hashes(tmp_path / "one")) == 8


def test_a_seed_gives_the_same_bytes_on_every_machine_and_day() -> None:
    assert hashlib.sha256(b"\n".join(simulate(3_000, 7))).hexdigest()[:16] == "1d163f1977ad0bc5"


def test_a_seed_and_an_end_give_the_same_bytes_on_every_machine_and_day() -> None:
    assert start_before(date(2026, 1, 12)) == START
    moved = simulate(3_000, 7, start_before(date(2026, 3, 31)))
    assert hashlib.sha256(b"\n".join(moved)).hexdigest()[:16] == "abf5fbd7dcc17185"


def test_other_arguments_share_no_event_id_and_no_file_name(tmp_path: Path) -> None:
    others = [
        simulate(500, 1),
        simulate(500, 2),
        simulate(501, 1),
        simulate(500, 1, START - SPAN),
        simulate(500, 1, shares=Shares(late=0.04)),
    ]
    ids = [event["event_id"] for other in others for event in accepted(other) if "event_id" in event]
    assert len(ids) == len(set(ids))
    assert len([path for other in others for path in write_landing(tmp_path, other)]) == len(hashes(tmp_path))


def test_a_second_write_touches_no_file(tmp_path: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()}

    first, before = write_landing(tmp_path, simulate(500, 1), gzip_every=2), state()
    assert write_landing(tmp_path, simulate(500, 1), gzip_every=2) == first
    assert state() == before


def test_compressed_files_hold_the_same_lines_and_no_time(tmp_path: Path) -> None:
    simulation = simulate(3_000, 7)
    paths = write_landing(tmp_path, simulation, gzip_every=2)
    assert [path.suffix for path in paths] == [".json", ".gz"] * 4
    assert lines_of(paths) == list(simulation)
    assert {path.read_bytes()[4:8] for path in paths if path.suffix == ".gz"} == {b"\0\0\0\0"}


def test_a_file_with_other_bytes_is_replaced(tmp_path: Path) -> None:
    path = write_arrival(tmp_path, simulate(500, 1), 1)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    write_arrival(tmp_path, simulate(500, 1), 1)
    assert path.read_bytes() == whole


def test_a_crash_while_writing_leaves_only_hidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: Path, target: Path) -> Path:
        raise OSError(str(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(OSError, match="events-1-01-001"):
            write_landing(tmp_path, simulate(500, 1))
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
    assert lines_of(write_landing(tmp_path, simulate(500, 1))) == list(simulate(500, 1))
    assert not list(tmp_path.glob(".*"))


def test_fewer_records_than_files_leave_no_empty_file(tmp_path: Path) -> None:
    assert len(write_landing(tmp_path, simulate(3, 1), files_per_arrival=4)) == 3
