"""A backup is the lake of one moment, or it is none; a restore gives it back whole, or nothing else may use it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import BackupError, DamageError, LayoutError, TableBusyError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout, upkeep
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance import backup as backups
from clickstream_platform.streaming.maintenance import restore as restoring
from clickstream_platform.streaming.maintenance.backup import backup
from clickstream_platform.streaming.maintenance.copying import LIST, TREE, Backup, locked_backup_folder
from clickstream_platform.streaming.maintenance.restore import restore, verify_backup
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.faults import fault
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A lake of two tables with a checkpoint, proofs and an outbox."""
    home = Home(Settings(home=tmp_path / "home"))
    for number in range(3):
        rows = [{"user_id": "u", "timestamp": at(f"10:{number:02}:00"), "event_date": at("00:00:00").date()}]
        write(home, "events", rows, of=entry(batch_id=number, rows_in=1, rows_out=1))
    write(home, "sessions", [{"user_id": "u"}], of=entry("sessions", events_version=2))
    for name in ("_checkpoints/events/1/offsets/0", "_checkpoints/events/1/.hidden.crc", "_erasures/a.json"):
        (home.lake.root / name).parent.mkdir(parents=True, exist_ok=True)
        local(home.lake.root / name).write_text(name)
    (home.lake.root / "_staging").mkdir()
    local(home.lake.root / "_staging" / "left.parquet").touch()
    return home


def backed_up(home: Home, folder: Path) -> Backup:
    return backup(list(home.contracts.values()), home.lake, folder)[0]


def files_of(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file but leases and staged records: what is in it, and when it was changed."""
    files = [file for file in root.rglob("*") if file.is_file() and file.name != "lease"]
    found = {file.relative_to(root).as_posix(): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    return {name: each for name, each in found.items() if not name.startswith(("_staging", layout.FILE))}


def dies_at(nth: int, copy: Callable[..., Any]) -> Callable[..., Any]:
    """A copy that is killed at its n-th file, halfway."""
    seen = iter(range(1_000))

    def copied(source: Path, to: Path) -> Any:
        if next(seen) == nth:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.with_name(f".{to.name}.part").write_bytes(b"half")
            raise KeyboardInterrupt
        return copy(source, to)

    return copied


def test_what_is_restored_is_what_was_backed_up_to_the_byte_and_the_time(home: Home, tmp_path: Path) -> None:
    made = backed_up(home, tmp_path / "backup")
    assert made.rows == {"events": 3, "sessions": 1}
    other = Lake(tmp_path / "other")
    assert restore(tmp_path / "backup", other) == made
    assert files_of(local(other.root)) == files_of(local(home.lake.root))
    assert layout.layout_of(other).unfinished == ""


@pytest.mark.parametrize("nth", [0, 3, 8, 11])
def test_a_backup_that_was_killed_is_none_and_goes_on(
    home: Home, tmp_path: Path, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backup"
    with monkeypatch.context() as patch:
        patch.setattr(backups, "copy_file", dies_at(nth, backups.copy_file))
        with pytest.raises(KeyboardInterrupt):
            backed_up(home, folder)
    with pytest.raises(BackupError, match="not finished"):
        verify_backup(folder)
    write(home, "events", [{"user_id": "v", "event_date": at("00:00:00").date()}], of=entry(batch_id=3))
    backed_up(home, folder)
    restore(folder, other := Lake(tmp_path / "other"))
    assert files_of(local(other.root)) == files_of(local(home.lake.root))


def test_while_a_backup_is_made_no_other_one_writes_into_its_folder(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    with (
        locked_backup_folder(folder),
        pytest.raises(BackupError, match="another backup is being made in it; let that one end"),
    ):
        backed_up(home, folder)
    assert not list(folder.iterdir())
    assert backed_up(home, folder).rows["events"] == 3


@pytest.mark.parametrize("nth", [0, 7, 10])
def test_a_restore_that_was_killed_lets_nothing_begin_but_itself(
    home: Home, tmp_path: Path, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up(home, tmp_path / "backup")
    other = Lake(tmp_path / "other" / "lake")
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "copy_file", dies_at(nth, restoring.copy_file))
        with pytest.raises(KeyboardInterrupt):
            restore(tmp_path / "backup", other)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "other"))
    for command in ("run", "status", f"restore {tmp_path / 'another'}"):
        assert "give that command again" in " ".join(clickstream(*command.split()).output.split())
    again = clickstream("restore", str(tmp_path / "backup"))
    assert again.exit_code == 0, again.output
    assert {n for n in files_of(local(other.root)) if not n.endswith(".part")} == files_of(local(home.lake.root)).keys()
    assert clickstream("status").exit_code == 0


def test_a_restore_over_a_lake_does_nothing(home: Home, tmp_path: Path) -> None:
    backed_up(home, tmp_path / "backup")
    before = files_of(local(home.lake.root))
    with pytest.raises(BackupError, match="there is a lake already, with 2 tables; move it away"):
        restore(tmp_path / "backup", home.lake)
    assert files_of(local(home.lake.root)) == before
    (stranger := Lake(tmp_path / "other")).root.mkdir()
    local(stranger.root / "mine.txt").touch()
    with pytest.raises(BackupError, match=r"it is not empty: mine\.txt"):
        restore(tmp_path / "backup", stranger)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [_flip, lambda file: file.write_bytes(b""), Path.unlink])
@pytest.mark.parametrize("which", ["events/_delta_log/*0.json", "events/**/*.parquet", "_checkpoints/**/.hidden.crc"])
def test_a_damaged_backup_is_refused_and_nothing_is_written(
    home: Home, tmp_path: Path, damage: Callable[[Path], object], which: str
) -> None:
    backed_up(home, tmp_path / "backup")
    damage(next((tmp_path / "backup" / TREE).glob(which)))
    with pytest.raises(BackupError, match=r"of 12 files, 1 not as they were copied: .*; take another backup"):
        restore(tmp_path / "backup", Lake(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("text", ["", "{}", "{", '{"files": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}}'])
def test_a_backup_whose_list_is_broken_or_leads_elsewhere_is_refused(home: Home, tmp_path: Path, text: str) -> None:
    backed_up(home, tmp_path / "backup")
    said = json.loads((tmp_path / "backup" / LIST).read_text())
    (tmp_path / "backup" / LIST).write_text(json.dumps({**said, **json.loads(text)}) if "etc" in text else text)
    with pytest.raises(BackupError, match=r"not as it was written|what does not lie in it"):
        verify_backup(tmp_path / "backup")


def test_a_backup_of_a_newer_lake_is_refused(home: Home, tmp_path: Path) -> None:
    backed_up(home, tmp_path / "backup")
    said = json.loads((tmp_path / "backup" / LIST).read_text())
    (tmp_path / "backup" / LIST).write_text(json.dumps({**said, "layout": layout.VERSION + 1}))
    with pytest.raises(LayoutError, match="update this program"):
        restore(tmp_path / "backup", Lake(tmp_path / "other"))


def test_a_backup_waits_for_a_run_and_gives_up_with_its_name(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.streaming.lake.lease.PATIENCE", timedelta(0))
    with lease(home.lake, "sessions", "a run that is on"), pytest.raises(TableBusyError, match="a run that is on"):
        backed_up(home, tmp_path / "backup")
    backed_up(home, tmp_path / "backup")
    assert verify_backup(tmp_path / "backup").rows == {"events": 3, "sessions": 1}


def test_a_lake_with_a_file_gone_is_no_backup(home: Home, tmp_path: Path) -> None:
    next(home.lake.events.path.rglob("*.parquet")).unlink()
    with pytest.raises(DamageError, match=r"the data file .* is gone"):
        backed_up(home, tmp_path / "backup")


@pytest.mark.parametrize(
    ("where", "finding"),
    [
        ("home/lake/backup", "would lie in each other"),
        ("", "would lie in each other"),
        ("home/landing/backup", "it lies in the landing folder"),
        ("mine", "it is not an empty folder"),
        ("backup", "there is a backup in it already"),
    ],
)
def test_a_backup_goes_nowhere_where_it_does_harm(
    home: Home, tmp_path: Path, where: str, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home.settings.home))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").touch()
    backed_up(home, tmp_path / "backup")
    found = clickstream("backup", str(tmp_path / where))
    assert found.exit_code == 1
    assert finding in " ".join(found.stderr.split())


def test_the_command_says_what_it_has_copied_and_looks_whether_it_is_whole(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home.settings.home))
    made = clickstream("backup", str(tmp_path / "backup"))
    assert made.exit_code == 0, made.output
    assert [line.split()[:2] for line in made.stdout.splitlines() if "events" in line] == [["events", "3"]]
    assert "each as it was copied" in clickstream("restore", "--check", str(tmp_path / "backup")).stdout
    assert clickstream("restore", "--check", str(tmp_path)).exit_code == 1
    assert "there is a lake already" in " ".join(clickstream("restore", str(tmp_path / "backup")).stderr.split())


def test_a_lake_that_stopped_midway_goes_on_from_its_backup_as_it_would_itself(lab: Lab, tmp_path: Path) -> None:
    lab.only(*KINDS)
    lab.land(*(event(f"u{i % 3}", f"10:{i:02}:00", event_type="purchase") for i in range(12)), "{")
    lab.run()
    lab.land(event("u1", "10:30:00"), event("u9", "08:00:00"))
    lab.run("events")
    upkeep.compact(lab.lake.events.path, 100_000_000)  # what the other tables have not read left the table
    lab.land(event("u2", "12:00:00"), "{")
    with fault(0, "after"), pytest.raises(Exception, match="InjectedError"):
        lab.run("events")
    backup(list(lab.contracts.values()), lab.lake, tmp_path / "backup")
    restored = lab.reading(str(lab.landing), home=tmp_path / "elsewhere").only(*KINDS)
    restore(tmp_path / "backup", restored.lake)

    for each in (lab, restored):
        each.run()
        each.assert_exact()
    rows = lab.lake.events.rows() or 0
    shutil.rmtree(local(lab.lake.root))  # Spark names some files of the state by their whole paths
    lab.land(event("u2", "09:00:00"), event("u3", "13:00:00"))
    restored.run()
    restored.assert_exact()
    assert restored.lake.events.rows() == rows + 2 == 17
