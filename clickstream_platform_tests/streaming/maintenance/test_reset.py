"""A reset sets everything aside and deletes nothing; stopped in its middle, nothing begins before it is done."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from clickstream_platform.errors import LayoutError, SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.roll_up import roll_up
from clickstream_platform.streaming.maintenance import reset as resetting
from clickstream_platform.streaming.maintenance.reset import BEFORE, reset
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.local import local

PROOF = '{"run_id": "a", "salt": "", "subject": "", "begun_at": "2024-03-01T10:00:00Z"}'
STAYS = {"_outbox.sqlite", "_erasures/a.json", layout.FILE}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A lake of two tables and the side table of one, with checkpoints, a ledger rolled up, an outbox and a proof."""
    home = Home(Settings(home=tmp_path / "home"))
    write(home, "events", [{"user_id": "u", "event_date": at("00:00:00").date()}], of=entry(rows_in=1, rows_out=1))
    write(home, "quarantine", [{"reasons": ["bad_timestamp"]}])
    write(home, "sessions", [{"user_id": "u"}], of=entry("sessions"))
    roll_up(home.lake.events)
    names = (
        "_checkpoints/events/1/offsets/0",
        "_checkpoints/sessions/2/commits/0",
        "_erasures/a.json",
        "_outbox.sqlite",
    )
    for name in names:
        (home.lake.root / name).parent.mkdir(parents=True, exist_ok=True)
        local(home.lake.root / name).write_text(PROOF if "erasures" in name else "" if "sqlite" in name else name)
    return home


def files_of(root: Path) -> Counter[bytes]:
    """What is in all files, wherever they lie; leases and layouts apart."""
    files = (file for file in root.rglob("*") if file.is_file() and file.name not in ("lease", layout.FILE))
    return Counter(file.read_bytes() for file in files)


def names_of(root: Path) -> set[str]:
    found = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file() and file.name != "lease"}
    return {name for name in found if not name.startswith(BEFORE)}


def test_all_is_set_aside_as_a_lake_of_its_own_and_nothing_is_deleted(home: Home) -> None:
    before, names = files_of(local(home.lake.root)), names_of(local(home.lake.root))
    aside = Lake(reset(list(home.contracts.values()), home.lake))
    assert files_of(local(home.lake.root)) == before
    assert names_of(local(aside.root)) - {layout.FILE} == names - STAYS
    assert names_of(local(home.lake.root)) == STAYS
    assert aside.names() == ["events", "quarantine", "sessions"]
    assert aside.events.rows() == 1
    assert layout.require_layout(aside) == layout.require_layout(home.lake)


@pytest.mark.parametrize("nth", range(6))
def test_a_reset_that_was_killed_lets_nothing_begin_and_goes_on(
    home: Home, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    contracts, before, moves = list(home.contracts.values()), files_of(local(home.lake.root)), iter(range(100))

    def dies(folder: Path, to: Path) -> None:
        if folder.exists() and next(moves) == nth:
            raise KeyboardInterrupt
        move(folder, to)

    move = resetting.move  # where a kill can happen
    with monkeypatch.context() as patch:
        patch.setattr(resetting, "move", dies)
        with pytest.raises(KeyboardInterrupt):
            reset(contracts, home.lake)
    with pytest.raises(LayoutError, match="give that command again"), lease(home.lake, "events", "me"):
        pass
    aside = reset(contracts, home.lake)
    assert files_of(local(home.lake.root)) == before
    assert names_of(local(home.lake.root)) == STAYS
    assert list((home.lake.root / BEFORE).iterdir()) == [aside]


def test_it_says_what_it_would_do_and_does_it_only_if_told_to(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(home.settings.home))
    home.land("a.json", "b.json")
    before = names_of(local(home.lake.root))
    said = clickstream("reset")
    assert said.exit_code == 1
    for each in (
        "events 1",
        "quarantine 1",
        "sessions 1",
        "from the beginning of the source: 2 files",
        "1 erasure was made",
    ):
        assert each in " ".join(said.stdout.split()), each
    assert names_of(local(home.lake.root)) == before
    done = clickstream("reset", "--yes")
    assert done.exit_code == 0, done.output
    assert ": 3 rows; the next run reads" in done.stdout
    assert clickstream("status").exit_code == 0
    assert "there is nothing to reset" in " ".join(clickstream("reset", "--yes").stderr.split())


def test_of_a_source_that_cannot_be_looked_at_it_says_so_and_goes_on(home: Home) -> None:
    (home.settings.home / "landing").write_text("no folder")
    found = resetting.preview_reset(list(home.contracts.values()), home.lake)
    assert found.to_read.startswith("that cannot be told now (")


def test_there_is_nothing_to_reset_before_a_first_run(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path / "home"))
    with pytest.raises(SourceError, match="there is nothing to reset"):
        reset(list(home.contracts.values()), home.lake)


def test_after_a_reset_everything_is_read_again_once(lab: Lab) -> None:
    lab.only(*KINDS)
    lab.land(*(event(f"u{i % 3}", f"10:{i:02}:00", event_id=f"{i}") for i in range(12)), "{")
    lab.run()
    lab.land(event("u1", "09:00:00"))
    lab.run()
    aside = Lake(reset(list(lab.contracts.values()), lab.lake))
    lab.land(event("u1", "11:00:00"))
    lab.run()
    lab.assert_exact()
    assert (aside.events.rows(), lab.lake.events.rows()) == (13, 14)
