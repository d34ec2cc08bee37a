"""The journal of a process: whole lines, bounded, and nothing that a run could fail of."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from clickstream_platform.streaming.observe.journal import KEPT, Journal, read_journals


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "queries"


def test_what_was_written_is_read_while_the_process_lives_and_afterwards(folder: Path) -> None:
    journal = Journal(folder)
    for n in range(3):
        journal.write({"n": n})
    (alive,) = read_journals(folder)
    journal.close()
    (gone,) = read_journals(folder)
    assert alive.records == gone.records == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert (alive.lives, gone.lives) == (True, False)


def test_a_killed_process_is_known_to_be_gone(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from clickstream_platform.streaming.observe.journal import Journal;"
        "Journal(Path(sys.argv[1])).write({'n': 1}); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    (written,) = read_journals(folder)
    assert (written.lives, written.records) == (False, [{"n": 1}])


def test_a_full_file_makes_room_and_keeps_what_came_last(folder: Path) -> None:
    journal = Journal(folder, largest=1_000)
    for n in range(1_000):
        journal.write({"n": n})
    (written,) = read_journals(folder)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 2_000
    assert written.lives
    numbers = [record["n"] for record in written.records]
    assert numbers == list(range(numbers[0], 1_000))
    assert len(numbers) > 80


def test_files_of_old_processes_go_but_of_none_that_lives(folder: Path) -> None:
    living = Journal(folder)
    living.write({"n": 0})
    for n in range(2 * KEPT):
        (folder / f"2026{n:04}.jsonl").write_text('{"n":1}\n')
        (folder / f"2026{n:04}.before").write_text('{"n":1}\n')
    (folder / "0000.jsonl").touch()
    Journal(folder).write({"n": 2})
    assert len(list(folder.glob("*.jsonl"))) <= KEPT + 1
    assert not (folder / "0000.jsonl").exists()
    assert {"n": 0} in [record for written in read_journals(folder) for record in written.records]


def test_half_a_line_and_what_is_no_object_are_left_out(folder: Path) -> None:
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(b'{"n":1}\n\n[]\nnull\n\xff\xfe\n{"n":2}\n{"n":3')
    assert [written.records for written in read_journals(folder)] == [[{"n": 1}, {"n": 2}]]


def test_a_folder_that_cannot_be_written_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "queries"
    journal = Journal(folder)
    with caplog.at_level(logging.WARNING):
        journal.write({})
        journal.write({})
    assert caplog.messages == [
        f"{folder}: what the queries say cannot be written down (Not a directory); the run goes on, "
        "`clickstream status --watch` does not see it"
    ]


def test_several_processes_write_at_once_without_a_broken_line(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from clickstream_platform.streaming.observe.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\nfor n in range(500): journal.write({'n': n})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(folder)]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    assert len([json.loads(line) for line in lines]) == 1_500
