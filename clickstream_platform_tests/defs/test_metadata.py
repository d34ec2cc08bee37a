"""What a materialization says, of a lake that was written without Spark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from clickstream_platform.defs.metadata import materialized
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.side_tables import LATE_EVENTS
from clickstream_platform_tests.defs.test_reporting import REPORT
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.streaming.observe.test_status import Home, entry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings.model_validate({"home": tmp_path}))


def said(home: Home, table: str) -> dict[str, Any]:
    return materialized(home.contracts[table], replace(REPORT, table=table), home.lake)[0].metadata


def test_user_patterns_says_how_many_events_its_generation_left_out_and_what_a_rebuild_would_do(home: Home) -> None:
    assert (said(home, "user_patterns")["left_out"], said(home, "user_patterns")["a rebuild"]) == (
        0,
        "would find the same rows",
    )
    write(home, "user_patterns", [{}], of=entry("user_patterns", generation=2))
    late = {"timestamp": [at("10:00:00")] * 3, "generation": [1, 2, 2]}
    write_deltalake(str(home.lake.table(LATE_EVENTS).path), pa.table(late))
    found = said(home, "user_patterns")
    assert found["left_out"] == 2
    assert found["a rebuild"] == "would take in 2 events that came too late, and may so find more rows"


def test_no_other_table_leaves_anything_out(home: Home) -> None:
    assert [name for name in home.contracts if "left_out" in said(home, name)] == ["user_patterns"]
