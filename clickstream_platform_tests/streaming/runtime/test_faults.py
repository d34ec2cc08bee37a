"""Every named step of a batch may fail: before and after each Delta commit, and each file of a checkpoint may be gone.

The next run is then exact, or refused with a remedy that makes it so; the ledger has no hole.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.errors import CheckpointError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault
from clickstream_platform_tests.local import local
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

# A table of each kind of state, and `alerts`, whose rows are recomputed but never joined. Their writes in a batch, in
# their order: `events` commits quarantine first. Of `user_patterns`: test_processor.py.
WRITTEN = ("user_activity", "sessions", "purchases", "alerts")
STEPS = [
    (table, nth, when)
    for table, writes in {"events": 2, **dict.fromkeys(WRITTEN, 1)}.items()
    for nth in range(writes)
    for when in ("before", "after")
]


def assert_made_good(lab: Lab, *tables: str) -> None:
    """The tables are exact, and their ledgers have neither hole nor overlap."""
    lab.assert_exact(*tables)
    for table in tables:
        assert imbalances(list(entries(lab.lake.table(table)))) == []


@pytest.fixture(scope="module")
def warm(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lake with some batches behind it."""
    lab = Lab(spark, Settings(home=tmp_path_factory.mktemp("faults") / "home")).only("events", *WRITTEN)
    for hour in (10, 12):
        lab.land(*(event(f"u{i}", f"{hour}:0{i}:00", event_type="purchase") for i in range(3)), "{")
        lab.run()
    return lab


def land_more(lab: Lab) -> int:
    """Late, on time, rejected, and enough purchases for an alert. Returns the number of events."""
    n = lab.landed
    bought = [event("u1", f"13:{n:02}:{i:02}", event_type="purchase") for i in range(6)]
    lab.land(event("u1", f"10:{n:02}:30"), *bought, "{")
    return 7


@pytest.mark.parametrize(("table", "nth", "when"), STEPS)
def test_a_fault_at_any_commit_is_made_good_by_the_next_run(warm: Lab, table: str, nth: int, when: str) -> None:
    there = warm.lake.events.rows()
    added = land_more(warm)
    if table != "events":
        warm.run("events")
    with fault(nth, when), pytest.raises(Exception, match="InjectedError"):
        warm.run(table)
    report = warm.run(table)[table]
    assert report.replayed == (when == "after" and (table, nth) != ("events", 0))
    assert warm.lake.events.rows() == there + added
    assert_made_good(warm, table)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_the_overwrite_of_a_rebuild_leaves_one_whole_table(warm: Lab, when: str) -> None:
    warm.run("events", "sessions")
    before = warm.table("sessions").collect()
    with fault(0, when), pytest.raises(Exception, match="InjectedError"):
        rebuild(warm.contracts["sessions"], warm.spark, warm.lake)
    assert sorted(warm.table("sessions").collect()) == sorted(before)
    land_more(warm)
    warm.run("events", "sessions")
    assert_made_good(warm, "sessions")


@pytest.mark.parametrize("table", ["events", "user_activity", "sessions", "purchases"])
def test_without_its_commit_file_a_batch_is_replayed_and_writes_nothing(warm: Lab, table: str) -> None:
    land_more(warm)
    warm.run("events", table)
    version = warm.lake.table(table).version()
    _newest(warm, table, "commits").unlink()
    # A state store's newest batch is one that reads nothing and lets go of old windows: there is nothing to replay.
    assert warm.run(table)[table].replayed == (0 if table == "user_activity" else 1)
    assert warm.lake.table(table).version() == version
    assert_made_good(warm, table)


@pytest.mark.parametrize("table", ["sessions", "user_activity"])
def test_without_its_offsets_file_a_batch_is_refused_until_the_table_is_rebuilt(warm: Lab, table: str) -> None:
    land_more(warm)
    warm.run("events", table)
    for _ in range(2 if table == "user_activity" else 1):
        _newest(warm, table, "offsets").unlink()
        _newest(warm, table, "commits").unlink()
    with pytest.raises(CheckpointError, match=f"{table}: its last transaction is batch .*rebuild {table}"):
        warm.run(table)
    rebuild(warm.contracts[table], warm.spark, warm.lake)
    assert_made_good(warm, table)


def test_without_its_offsets_file_events_is_refused_and_nothing_is_read_twice(lab: Lab) -> None:
    lab.land(event())
    lab.run("events")
    _newest(lab, "events", "offsets").unlink()
    _newest(lab, "events", "commits").unlink()
    with pytest.raises(CheckpointError, match=r"has both from one moment|is gone"):
        lab.run("events")
    assert lab.table("events").count() == 1


def _newest(lab: Lab, table: str, kind: str) -> Path:
    """The newest file of the log of the checkpoint that serves; the checksum beside it is of no interest."""
    log = generations.current_checkpoint(lab.lake, table).path / kind
    file = max(log.glob("[0-9]*"), key=lambda path: int(path.name))
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    return local(file)


def test_a_table_of_a_newer_protocol_is_refused_by_delta_and_left_as_it_is(lab: Lab) -> None:
    lab.land(event())
    lab.run("events", "sessions")
    log = lab.lake.table("sessions").path / "_delta_log"
    newest = max(log.glob("*.json"))
    newer = '{"protocol":{"minReaderVersion":99,"minWriterVersion":99}}'
    local(log / f"{int(newest.stem) + 1:020d}.json").write_text(newer + "\n")
    lab.land(event(at="11:00:00"))
    lab.run("events")
    with pytest.raises(Exception, match=r"(?i)version|protocol|feature"):
        lab.run("sessions")
    (log / f"{int(newest.stem) + 1:020d}.json").unlink()
    lab.run("sessions")
    assert_made_good(lab, "sessions")


def test_a_table_whose_files_do_not_tell_all_is_refused_until_they_do(lab: Lab) -> None:
    lab.land(event())
    lab.run("events", "sessions")
    log = lab.lake.events.path / "_delta_log"
    feature = ["deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": feature, "writerFeatures": feature}
    upgrade = log / f"{lab.lake.events.version() + 1:020d}.json"  # pyright: ignore[reportOptionalOperand]
    local(upgrade).write_text(json.dumps({"protocol": protocol}) + "\n")
    lab.land(event(at="11:00:00"))
    with pytest.raises(CheckpointError, match=r"events: it was given deletionVectors.* DROP FEATURE"):
        lab.run("events")
    upgrade.unlink()
    lab.run("events", "sessions")
    assert_made_good(lab, "events", "sessions")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    needs_a_folder("its disk is full")
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)):
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> bool:
    return bool(shutil.which("mount")) and subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


def test_a_full_disk_loses_nothing(lab: Lab, small_disk: Path) -> None:
    lab.settings = lab.settings.model_copy(update={"lake": str(small_disk)})
    lab.land(event())
    lab.run("events", "sessions")
    (small_disk / "ballast").write_bytes(b"0" * (shutil.disk_usage(small_disk).free - 4_096))
    lab.land(*(event(f"u{i}") for i in range(500)))
    with pytest.raises(Exception, match=r"(?i)no space|disk"):
        lab.run("events")
    (small_disk / "ballast").unlink()
    lab.run("events", "sessions")
    assert lab.table("events").count() == 501
    assert_made_good(lab, "events", "sessions")


def test_a_lake_that_cannot_be_written_loses_nothing(lab: Lab, small_disk: Path) -> None:
    lab.settings = lab.settings.model_copy(update={"lake": str(small_disk)})
    lab.land(event())
    lab.run("events")
    lab.land(event("v"))
    assert _mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(OSError, match="Read-only file system"):
        lab.run("events")
    assert _mount("-o", "remount,rw", str(small_disk))
    lab.run("events")
    assert_made_good(lab, "events")
