"""Files of tasks that become the table's: runs killed around the commit that names them, and what comes after."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream_platform.streaming.lake import upkeep
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault


def many(first: int, count: int, day: str = "2024-03-01", **fields: Any) -> list[dict[str, Any]]:
    return [
        event(f"u{n % 5}", at=f"{day}T10:{n % 60:02}:00Z", event_id=f"e{n}", **fields)
        for n in range(first, first + count)
    ]


def newest(lab: Lab) -> list[str]:
    """The data files that the newest commit of ``events`` has added."""
    version = lab.lake.events.version() or 0
    return [file.path for file in lab.lake.events.log.added_files(version, version)]


def test_killed_before_or_after_the_commit_that_names_a_tasks_files_a_rerun_is_exact(lab: Lab) -> None:
    lab = lab.reading(lab.settings.source_url, file_rows=20).only("events", "user_activity")
    lab.land(*many(0, 40), *many(40, 30, "2024-03-02"), *many(70, 3, "2024-03-03"), "{", many(0, 1)[0])
    with pytest.raises(Exception, match="InjectedError"), fault(1, "before"):  # the first write is of quarantine
        lab.run("events")
    assert lab.table("events").count() == 0
    lab.run("events")
    assert (lab.table("events").count(), lab.table("quarantine").count(), len(newest(lab))) == (73, 1, 3)

    changed, again = many(3, 1)[0] | {"page_url": "/other"}, many(100, 1)[0]
    lab.land(*many(100, 40), changed, *many(140, 30, "2024-03-02"), again)
    with pytest.raises(Exception, match="InjectedError"), fault(1, "after"):
        lab.run("events")
    version = lab.lake.events.version()
    lab.run("events")
    assert lab.lake.events.version() == version
    entry = last_entry(lab.lake.events)
    assert entry is not None
    assert (entry.rows_in, entry.rows_out, entry.copies.duplicates, entry.records.quarantined) == (72, 70, 1, 1)
    lab.run()
    lab.assert_exact()

    upkeep.compact(lab.lake.events.path, 100_000_000)
    forget("u3", [*lab.contracts.values()], lab.spark, lab.lake)
    lab.assert_exact()
    assert {row["user_id"] for row in lab.table("events").collect()} == {"u0", "u1", "u2", "u4"}
