"""The border as a property: whatever lands, each record is in one place, and the account agrees with the folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.sources.files import manifest
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.manifest import Manifest
from clickstream_platform.streaming.sources.files.names import path_of
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.drawn_files import LIMIT, Line, id_of, page_of
from clickstream_platform_tests.landings import Arrival, Identity, Landing, arrivals, identity

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(7200)  # seconds: some 3 s an example on two quiet cores

EXAMPLES = int(os.environ.get("SOAK_FOLDERS", "4"))  # `make soak` wants more
Place = tuple[Identity, int]
Said = tuple[str, str]


@pytest.fixture
def fresh(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Lab]:
    """A new lake for every example. Files of some hundred bytes are split there, as those of some megabytes are."""
    monkeypatch.setattr(manifest, "_SMALLEST", 300)

    def lab(max_bytes: int) -> Lab:
        home = Path(tmp_path_factory.mktemp("border"))
        source = str(home / "lan ding#%25[ü]")
        limits = {"max_record_bytes": LIMIT, "max_bytes_per_trigger": max_bytes}
        return Lab(spark, Settings.model_validate({"home": home, "source": source, **limits}))

    return lab


@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a folder would take an hour; the note names it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(landing=st.lists(arrivals, min_size=2, max_size=3), max_bytes=st.sampled_from([8_000, 128_000_000]))
def test_every_record_of_any_folder_is_in_one_place_and_the_account_agrees(
    fresh: Callable[[int], Lab], landing: list[Arrival], max_bytes: int
) -> None:
    lab = fresh(max_bytes)
    note(f"home: {lab.settings.home}")
    there = Landing(lab.landing)
    for arrival in (*landing, NOTHING):
        there.land(arrival)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Intake, "write", _written_then(there.meanwhile))
            lab.run("events")
    _assert_each_once(lab, there)
    found = source_account(lab.contracts["events"], lab.lake)
    assert found.errors == ()
    assert (found.recount.unread, found.recount.gone) == ({}, ())
    assert found.recount.checked == len(there.drawn) + len(there.refused)
    assert lag(lab.contracts["events"], lab.lake).amount == 0


def _written_then(happens: Callable[[], None]) -> Callable[[Intake, list[Manifest], Path], None]:
    """Something happens between the listing of the folder and the reading of its files."""
    write = Intake.write

    def then(self: Intake, manifests: list[Manifest], source: Path) -> None:
        write(self, manifests, source)
        happens()

    return then


def _assert_each_once(lab: Lab, landing: Landing) -> None:
    expected = {
        (file, number): line for file, drawn in landing.drawn.items() for number, line in drawn.records().items()
    }
    events, quarantine = _places(lab, "events"), _places(lab, "quarantine")
    assert not events.keys() & quarantine.keys()
    assert events.keys() | quarantine.keys() <= expected.keys()
    unclear = {place for place, line in expected.items() if line is None}
    ids = dict(events.values())
    rejected = {place for place, line in expected.items() if line and line[0] in REJECTED}
    conflicting = quarantine.keys() - unclear - rejected
    assert quarantine.keys() >= rejected
    assert all(ids[_said(expected[place])[0]] != _said(expected[place])[1] for place in conflicting)
    left_out = expected.keys() - events.keys() - quarantine.keys()
    assert {_said(expected[place]) for place in left_out - unclear} <= {*events.values()}
    assert max(Counter(event_id for event_id, _ in events.values()).values(), default=1) == 1
    ledger = list(entries(lab.lake.events))
    assert sum(entry.copies.duplicates for entry in ledger) == len(left_out)
    assert sum(entry.rows_in for entry in ledger) == len(expected)
    refused = {_identity(lab, name) for entry in ledger for name in entry.account.unreadable}
    assert refused == landing.refused | {file for file, drawn in landing.drawn.items() if drawn.is_damaged}


NOTHING = Arrival((), (), (), (), grows=False)  # a last run reads what came during the one before it
REJECTED = ("broken", "long", "future")


def _places(lab: Lab, table: str) -> dict[Place, Said]:
    """The rows of a table by their places, with id and page of events."""
    if not lab.lake.table(table).exists:
        return {}
    said = ("event_id", "page_url") if table == "events" else ("record_id", "source")
    rows = lab.table(table).select("partition", "offset", *said).collect()
    found = {(_identity(lab, row["partition"]), row["offset"]): (row[said[0]], row[said[1]]) for row in rows}
    assert len(found) == len(rows)
    return found


def _identity(lab: Lab, partition: str) -> Identity:
    return identity(str(path_of(lab.landing, partition)))


def _said(line: Line | None) -> Said:
    """Id and page of the event that was written on a line of which it is known."""
    assert line is not None
    return id_of(line), page_of(line)
