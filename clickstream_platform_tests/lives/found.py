"""What is found in the lake of a life, and what must be."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from clickstream_platform.streaming.audit.books import ledger_errors
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform_tests.lives.records import Key, key_of

if TYPE_CHECKING:
    from pyspark.sql import Row

    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.lives.told import Told


def rejected(lab: Lab) -> Counter[Key]:
    """How many records of each key are in ``quarantine``."""
    rows = lab.table("quarantine").collect()
    assert all("event_type" in reason for row in rows for reason in row.reasons)
    return Counter(key_of(json.loads(row.value)) for row in rows)


def require_balance(lab: Lab, but: str = "\n") -> None:
    """The ledgers add up, with each other and with the source; but one finding may be there."""
    events = lab.contracts["events"]
    found = [*ledger_errors(events, lab.lake), *source_account(events, lab.lake).errors]
    assert not [error for error in found if but not in error]


def require_events(lab: Lab, told: Told, *, within: timedelta | None, by_one_rule: bool) -> None:
    """What is in ``events`` is what the naive program says, once.

    Args:
        lab: the lake.
        told: the naive program.
        within: within which span of time events of one id are duplicates.
        by_one_rule: whether today's rule for duplicates has recognised all of them, and still has the events that it
            would compare with. If not, each event may be among the copies instead.
    """
    rows = lab.table("events").collect()
    found = sorted(map(_key, rows))
    if lab.settings.contract:
        assert not [row for row in rows if row.amount is None or "amount" in (row.extra or "")]
    if by_one_rule:
        assert found == told.kept(within)
        return
    assert len({*found}) == len(found)
    copies = lab.table("copies").collect() if lab.lake.copies.exists else []
    assert {*found, *map(_key, copies)} == {*told.keys()}


def _key(row: Row) -> Key:
    at: datetime = row.timestamp
    return row.event_id, at.replace(tzinfo=timezone.utc)
