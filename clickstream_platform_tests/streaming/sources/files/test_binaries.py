"""Real files of other kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.streaming.sources.files.manifest import PlannedFile
from clickstream_platform.streaming.sources.files.reading import read_task
from clickstream_platform.streaming.sources.source import PartRead
from clickstream_platform_tests.binaries import BINARIES


@pytest.mark.parametrize("kind", BINARIES)
def test_a_file_of_another_kind_is_refused_whole(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.json").write_bytes(BINARIES[kind])
    (found,) = read_task(tmp_path, [PlannedFile("a.json", len(BINARIES[kind]), 0, 0)], 1_000_000)
    assert isinstance(found, PartRead)
    assert (found.records, bool(found.fault)) == (0, True)
