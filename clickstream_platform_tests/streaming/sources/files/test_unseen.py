"""A file that a task did not see, and this process sees: on a worker whose landing folder is another one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.files.unreadable import DELETED, DENIED
from clickstream_platform.streaming.sources.source import PartRead


@dataclass(frozen=True)
class Said:
    """What tasks say of the files they read."""

    parts: tuple[PartRead, ...]

    def offsets(self, partitions: Collection[str]) -> dict[str, list[int]]:
        return {}


@pytest.mark.parametrize("fault", [DELETED, DENIED])
def test_a_file_that_only_a_worker_cannot_read_is_not_booked_as_refused(fault: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    said = Said((PartRead("a.json", 2, 0, fault),))

    with pytest.raises(SourceError, match=f"^a.json: a task found it {fault}, but here it can be read; all workers"):
        FileSource(tmp_path).account(Checkpoint(tmp_path, "events", 1), 0, said)

    (tmp_path / "a.json").unlink()
    assert FileSource(tmp_path).account(Checkpoint(tmp_path, "events", 1), 0, said).unreadable == {"a.json": fault}
