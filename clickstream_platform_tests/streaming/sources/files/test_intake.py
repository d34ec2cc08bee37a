"""A checkpoint of before there were manifests, in which Spark's own log names the files that landed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files import intake as intakes
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.source import FileSource


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    for name in ("read", "interrupted", "new"):
        (folder / name).write_text("{}\n")
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path, landing: Path) -> Checkpoint:
    """One batch is committed, and one is planned."""
    path = tmp_path / "checkpoint" / "1"
    _write(path / "commits" / "0", "{}")
    for batch, name in enumerate(("read", "interrupted")):
        entry = {"path": (landing / name).as_uri(), "timestamp": 1, "batchId": batch}
        _write(path / "sources" / "0" / str(batch), json.dumps(entry))
        _write(path / "offsets" / str(batch), '{"batchWatermarkMs":0}', json.dumps({"logOffset": batch}))
    return Checkpoint(path, "events", 1)


def _write(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(("v1", *lines)))


def test_before_it_is_taken_over_its_files_are_known_by_name(checkpoint: Checkpoint, landing: Path) -> None:
    intake = Intake(checkpoint)
    assert intake.known_files(landing).sizes == {"read": -1, "interrupted": -1}
    assert intake.uncommitted(landing) == {"interrupted"}


@pytest.mark.parametrize("step", ["write_manifest", "write_first_index", None])
def test_killed_while_it_is_taken_over_the_next_run_does_the_rest(
    checkpoint: Checkpoint, landing: Path, monkeypatch: pytest.MonkeyPatch, step: str | None
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    source, intake = FileSource(landing), Intake(checkpoint)
    if step:
        with monkeypatch.context() as patch:
            patch.setattr(intakes, step, killed)
            with pytest.raises(KilledError):
                source.begin(checkpoint)
    source.begin(checkpoint)
    assert intake.is_taken_over
    assert [entry.partition for entry in intake.batch(1)] == ["interrupted"]
    assert intake.uncommitted(landing) == {"interrupted", "new"}
    assert intake.known_files(landing).sizes == {"read": -1, "interrupted": 3, "new": 3}
