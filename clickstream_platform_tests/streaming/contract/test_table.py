"""A contract that contradicts itself is refused where it is written, long before a stream."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Append, Upsert
from clickstream_platform.streaming.contract.state import Recompute, Stateless
from clickstream_platform.tables import tables
from clickstream_platform.tables.purchases import purchases_table
from clickstream_platform.tables.sessions import sessions_table

TABLES = tables(Settings(home=Path("unused")))
SESSIONS = TABLES["sessions"]
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"name": "Sessions"}, "named in lower case"),
        ({"sink": Append()}, "the sink must be Upsert"),
        ({"state": Stateless()}, "the sink must be Append"),
        ({"sink": Upsert("visitor", span=("session_start", "session_end"))}, "must be columns of the table"),
        ({"columns": tuple(c for c in SESSIONS.columns if c.name != "final_at")}, "final_at must say"),
        ({"state": Recompute(by=(), reach=HALF_AN_HOUR)}, "needs a column of the key"),
    ],
)
def test_a_contradiction_names_the_table_and_what_is_wrong(change: dict[str, Any], finding: str) -> None:
    with pytest.raises(ValueError, match=f"{change.get('name', 'sessions')}: .*{finding}"):
        replace(SESSIONS, **change)


def test_two_tables_with_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clickstream_platform.tables.TABLES", (purchases_table, sessions_table, purchases_table))
    with pytest.raises(ValueError, match="purchases: two tables have this name"):
        tables(Settings())
