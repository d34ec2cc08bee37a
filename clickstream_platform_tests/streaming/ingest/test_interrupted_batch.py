"""A batch that was killed once its rejected records were committed: the rest has to fit to these."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.audit.books import ledger_errors
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault
from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark

PACKED = """
extends = "own"

[envelope]
path = "batch"
steps = ["base64", "gzip"]
optional = true
"""


@pytest.fixture
def packed_mapping(tmp_path: Path) -> str:
    """A mapping by which a record may hold events, packed."""
    file = tmp_path / "packed.toml"
    file.write_text(PACKED)
    return str(file)


def packed(*records: dict[str, Any]) -> dict[str, str]:
    return {"batch": base64.b64encode(gzip.compress(json.dumps(records).encode())).decode()}


def begun(lab: Lab, **settings: Any) -> None:
    """A run by these settings that is killed between its two commits."""
    with fault(1, "before"), pytest.raises(Exception, match="InjectedError"):
        lab.reading(lab.settings.source, **settings).only("events").run()


def assert_accounted_for(lab: Lab) -> None:
    lab.assert_exact()
    assert ledger_errors(lab.contracts["events"], lab.lake) == []
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


def counts(lab: Lab) -> tuple[int, int]:
    return lab.table("events").count(), lab.table("quarantine").count()


def test_rules_that_reject_others_are_refused_until_they_are_set_back(lab: Lab) -> None:
    lab.only("events").land(event("u"), event("v", event_type="purchase"), "{")
    with fault(1, "before"), pytest.raises(Exception, match="InjectedError"):
        lab.run()
    fewer = lab.reading("", event_types=("click",)).only("events")
    with pytest.raises(CheckpointError, match="would now reject more: 1 as unknown_event_type"):
        fewer.run()
    lab.run()
    assert counts(lab) == (2, 1)
    assert ledger_errors(lab.contracts["events"], lab.lake) == []
    lab.land(event("w", event_type="purchase"))
    fewer.run()
    assert counts(lab) == (2, 2)


def test_rules_that_reject_as_many_but_others_are_refused(lab: Lab) -> None:
    lab.only("events").land(event("u"), event("v", event_type="purchase"))
    begun(lab, event_types=("click",))
    with pytest.raises(CheckpointError, match="would now reject more: 1 as unknown_event_type"):
        lab.reading("", event_types=("purchase",)).only("events").run()
    assert counts(lab) == (0, 1)


def test_a_record_that_is_set_aside_already_is_not_rejected(lab: Lab) -> None:
    lab = lab.reading("", duplicates="event_id").only("events")
    lab.land(event("u", event_id="1", event_type="purchase"))
    lab.run()
    lab.land(event("u", "10:05:00", event_id="1", event_type="purchase"), event("v"))
    begun(lab)
    with pytest.raises(CheckpointError, match="would now reject more: 1 as unknown_event_type"):
        lab.reading("", event_types=("click",)).only("events").run()
    lab.run()
    assert (lab.table("events").count(), lab.table("copies").count()) == (2, 1)
    assert_accounted_for(lab)


@pytest.mark.parametrize("duplicates", ["event_id,timestamp", "event_id"])
@pytest.mark.parametrize("file_rows", [0, 1])
def test_what_is_rejected_stays_so_under_rules_that_reject_less(lab: Lab, duplicates: str, file_rows: int) -> None:
    lab.land(
        event("u", event_id="1"),
        event("v", event_id="2", event_type="purchase", product_id="p"),
        event("w", event_id="3"),
        event("x", event_id="3"),
        event("y", event_id="2", page_url="p"),
        "{",
    )
    lab = lab.reading("", duplicates=duplicates, file_rows=file_rows).only("events", "purchases", "user_activity")
    begun(lab, event_types=("click",))
    lab.run()
    assert counts(lab) == (3, 3)
    (entry,) = entries(lab.lake.events)
    assert (entry.rows_in, entry.rows_out, entry.records.quarantined) == (6, 3, 3)
    assert entry.records.reasons == {"conflicting_duplicate": 1, "malformed_json": 1, "unknown_event_type": 1}
    assert_accounted_for(lab)

    found = replay(lab.contracts["events"], lab.spark, lab.lake)
    assert (found.tried, found.accepted, found.conflicting, found.landed) == (3, 0, 2, 0)
    assert counts(lab) == (3, 3)
    lab.land(event("z", event_type="purchase", product_id="p"))
    lab.run()
    assert counts(lab) == (4, 3)
    assert_accounted_for(lab)


FIRST = [
    event("u", event_id="1"),
    event("v", event_id="2", event_type="purchase", product_id="p"),
    event("w", event_id="1"),
]
NEXT = [event("x", event_id="2", event_type="purchase", page_url="/"), event("y", "10:01:00", event_id="1")]


def assert_completed_as_begun(begun_by: Lab, lab: Lab, then: Callable[[], object]) -> None:
    """Two are rejected, one as a conflicting duplicate; then rules reject less, more comes, and it is completed."""
    begun(begun_by, event_types=("click",))
    then()
    lab = lab.only("events", "purchases", "user_activity")
    lab.run()
    # By the id alone the click of a minute later is a copy. The purchase of that id is an event, as the other is none.
    assert counts(lab) == (2 if lab.settings.duplicates == "event_id" else 3, 2)
    assert_accounted_for(lab)
    found = replay(lab.contracts["events"], lab.spark, lab.lake)
    assert (found.tried, found.accepted, found.conflicting) == (2, 0, 2)
    lab.run()
    assert_accounted_for(lab)


@pytest.mark.parametrize("duplicates", ["event_id,timestamp", "event_id"])
@pytest.mark.parametrize("killed", ["main", "other"])
def test_of_several_sources_one_is_completed_as_it_was_begun_before_another_is_read(
    lab: Lab, tmp_path: Path, duplicates: str, killed: str
) -> None:
    folders = {name: tmp_path / name for name in ("main", "other")}
    begins = folders["main" if killed == "other" else "other"]
    begins.mkdir()
    lab.land(*FIRST, into=folders[killed])
    one = lab.reading(json.dumps({killed: str(folders[killed])}), duplicates=duplicates)
    both = one.reading(json.dumps({name: str(folder) for name, folder in folders.items()}))
    assert_completed_as_begun(one, both, lambda: lab.land(*NEXT, into=begins))


@pytest.mark.parametrize("duplicates", ["event_id,timestamp", "event_id"])
def test_a_range_of_a_topic_is_completed_as_it_was_begun(lab: Lab, topic: Topic, duplicates: str) -> None:
    topic.made(1).send(*FIRST)
    lab = lab.reading(topic.url, duplicates=duplicates)
    assert_completed_as_begun(lab, lab, lambda: topic.send(*NEXT))


def test_an_envelope_that_was_too_large_is_opened_by_a_replay_and_not_before(lab: Lab, packed_mapping: str) -> None:
    three = [event(f"u{i}", f"10:0{i}:00", event_type=kind) for i, kind in enumerate(["click", "purchase", "click"])]
    lab.land(packed(*three) | {"much": "x" * 1_000}, packed(*three), event("alone"))
    lab = lab.reading("", mapping=packed_mapping).only("events", "user_activity")
    begun(lab, event_types=("click",), max_record_bytes=800)
    lab.run()
    assert counts(lab) == (3, 2)
    (entry,) = entries(lab.lake.events)
    assert (entry.rows_in, entry.records.opened, entry.records.inside) == (3, 1, 3)
    assert (entry.rows_out, entry.records.quarantined) == (3, 2)
    assert_accounted_for(lab)

    assert replay(lab.contracts["events"], lab.spark, lab.lake).accepted == 1  # the other one's bytes were not kept
    lab.run()
    assert counts(lab) == (4, 1)
    assert_accounted_for(lab)


def test_envelopes_are_not_opened_by_another_mapping_than_when_it_was_begun(lab: Lab, packed_mapping: str) -> None:
    lab.land(packed(event("u", event_type="purchase")))
    begun(lab, event_types=("click",), mapping=packed_mapping)
    with pytest.raises(CheckpointError, match="would now be read by another mapping"):
        lab.only("events").run()


def test_a_file_that_is_gone_meanwhile_leaves_what_was_rejected_of_it(lab: Lab) -> None:
    file = lab.land(event("u"), "{")
    lab.land(event("v"))
    begun(lab)
    file.unlink()
    lab.only("events").run()
    assert counts(lab) == (1, 1)
    (entry,) = entries(lab.lake.events)
    assert (entry.rows_in, entry.rows_out, entry.records.quarantined) == (2, 1, 1)
    assert list(entry.account.unreadable) == ["0001.json"]
    assert ledger_errors(lab.contracts["events"], lab.lake) == []
