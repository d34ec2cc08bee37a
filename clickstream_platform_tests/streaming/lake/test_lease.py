from __future__ import annotations

import json
from pathlib import Path

import pytest

from clickstream_platform.errors import TableBusyError
from clickstream_platform.streaming.lake.layout import VERSION, Layout, write_layout
from clickstream_platform.streaming.lake.lease import free_left_behind, holder_trigger, lease, require_free
from clickstream_platform.streaming.lake.places import Lake

OF_ANOTHER_HOST = json.dumps({"run_id": "of-before", "pid": 7, "host": "another.example"})


def lake_in(folder: Path, version: int = VERSION, *, left_behind: str) -> Lake:
    lake = Lake(folder)
    write_layout(lake, Layout(version))
    file = folder / "_checkpoints" / left_behind / "lease"
    file.parent.mkdir(parents=True)
    file.write_text(OF_ANOTHER_HOST)
    return lake


def test_lease_that_another_host_left_behind_is_freed_only_when_it_is_asked_for(tmp_path: Path) -> None:
    lake = lake_in(tmp_path, left_behind="events")
    for _ in range(2):
        with pytest.raises(TableBusyError, match=r"^events: host another\.example left its lease .* --take-over"):
            require_free(["events"], lake)

    free_left_behind(["events", "sessions"], lake)

    with lease(lake, "events", "mine"):
        pass
    assert not lake.checkpoints("sessions").exists()


def test_lease_that_a_process_of_this_host_holds_stays_with_it(tmp_path: Path) -> None:
    lake = lake_in(tmp_path, left_behind="sessions")

    with lease(lake, "events", "mine", trigger="interval"):
        free_left_behind(["events", "sessions"], lake)

        assert holder_trigger(lake, "events") == "interval"
        with pytest.raises(TableBusyError, match="run mine holds it"):
            require_free(["events"], lake)
        require_free(["sessions"], lake)


def test_before_a_migration_the_leases_of_all_tables_are_freed(tmp_path: Path) -> None:
    lake = lake_in(tmp_path, version=VERSION - 1, left_behind="sessions")

    free_left_behind(["events"], lake)

    assert (lake.checkpoints("sessions") / "lease").read_text() == ""
