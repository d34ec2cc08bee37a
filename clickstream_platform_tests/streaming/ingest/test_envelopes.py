"""Records that hold several events, through whole runs: cut in any way, killed, replayed, with a person forgotten."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import StreamingQueryException

from clickstream_platform.events.mapping.named import mapping_named
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.ingest.record_ids import record_id
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.replay_report import ReplayReport
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event, killed
from clickstream_platform_tests.faults import at_write, fault

pytestmark = pytest.mark.spark

MINE = """
extends = "own"

[event_types]
accept = {accept}

[envelope]
path = "{path}"
steps = ["base64", "gzip"]
inherit = ["session_id", "context"]
"""
FIVE = [
    event(f"u{i}", f"10:0{i}:00", event_type="scroll" if i == 2 else "purchase", event_id=f"e{i}") for i in range(5)
]
SENT = [{name: value for name, value in each.items() if name != "session_id"} for each in FIVE]


def packed(events: list[Any], **beside: Any) -> dict[str, Any]:
    data = base64.b64encode(gzip.compress(json.dumps(events).encode())).decode()
    return {"session_id": "s", "context": {"app": "shop"}, **beside, "batch": data}


def with_mapping(lab: Lab, folder: Path, accept: str = '["click", "purchase"]', path: str = "batch") -> Lab:
    return mapped(lab, folder, MINE.format(accept=accept, path=path))


def mapped(lab: Lab, folder: Path, mapping: str) -> Lab:
    file = folder / "mine.toml"
    file.write_text(mapping)
    mapping_named(str(file))
    lab.contracts = tables(lab.settings.model_copy(update={"mapping": str(file)}))
    return lab.only("events", "purchases", "sessions")


def conserved(lab: Lab) -> str | int:
    return next(r.found for r in validate(lab.contracts["events"], lab.spark, lab.lake) if r.name == "conservation")


def assert_accounted_for(lab: Lab) -> None:
    lab.assert_exact()
    assert conserved(lab) == "the ledger balances"
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


def said(lab: Lab) -> list[Any]:
    """The events, but for their places."""
    rows = lab.table("events").drop("source", "partition", "offset", "index", "arrived_at").collect()
    return sorted(rows, key=lambda row: row.user_id)


def test_five_events_in_one_record_are_those_of_five_and_the_bad_one_comes_back_alone(lab: Lab, tmp_path: Path) -> None:
    with_mapping(lab, tmp_path)
    broken = {**packed([]), "batch": "QUJD"}
    lab.land(packed(SENT), packed([]), broken, packed(SENT[:1]), name="a.json")
    with fault(1, "before"), pytest.raises(StreamingQueryException):
        lab.run()
    lab.run()
    (entry,) = entries(lab.lake.events)
    assert (entry.rows_in, entry.records.opened, entry.records.inside, entry.events_in) == (4, 3, 6, 7)
    assert (entry.rows_out, entry.records.quarantined, entry.copies.duplicates) == (4, 2, 1)
    assert entry.records.reasons == {"envelope_gzip": 1, "unknown_event_type": 1}
    assert sorted(row["index"] for row in lab.table("purchases").collect()) == [0, 1, 3, 4]
    bad, whole = lab.table("quarantine").orderBy("offset").collect()
    assert (bad["index"], bad.offset, json.loads(bad.value)) == (2, 0, SENT[2])
    assert bad.record_id == record_id(bad.source, bad.partition, 0, 2)
    assert (json.loads(whole.value), whole.record_id) == (broken, record_id(whole.source, whole.partition, 2))
    assert {row.session_id for row in lab.table("events").collect()} == {"s"}
    assert {row.extra for row in lab.table("events").collect()} == {'{"context":{"app":"shop"}}'}
    assert_accounted_for(lab)

    with_mapping(lab, tmp_path, '"all"')
    found = replay(lab.contracts["events"], lab.spark, lab.lake)
    assert found == ReplayReport(tried=2, accepted=1, duplicates=0, landed=0)
    lab.run()
    assert sorted((row.offset, row["index"]) for row in lab.table("events").collect()) == [(0, i) for i in range(5)]
    assert_accounted_for(lab)

    forget("u4", list(lab.contracts.values()), lab.spark, lab.lake)
    assert lab.table("events").count() == 4
    assert_accounted_for(lab)


def test_records_of_before_the_mapping_are_opened_by_replay_and_their_bad_events_stay(lab: Lab, tmp_path: Path) -> None:
    lab.only("events").land(packed(SENT), packed([]), {"batch": [1]}, name="a.json")
    lab.run("events")
    assert lab.table("quarantine").count() == 3
    with_mapping(lab, tmp_path)
    with (
        at_write(1, "after", killed),
        pytest.raises(KeyboardInterrupt),
    ):  # the events are there, and still in quarantine
        replay(lab.contracts["events"], lab.spark, lab.lake)
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (4, 6)
    # Whatever a mapping of later makes of such a record: it is opened for good.
    with_mapping(lab, tmp_path, path="other")
    found = replay(lab.contracts["events"], lab.spark, lab.lake)  # those that are events have left before
    assert found == ReplayReport(tried=2, accepted=0, duplicates=0, landed=0)
    assert found.stayed == 2
    with_mapping(lab, tmp_path)
    left = lab.table("quarantine").orderBy("offset").collect()
    assert [(row.offset, row["index"], row.reasons) for row in left] == [
        (0, 2, ["unknown_event_type"]),
        (2, 0, ["missing_user_id", "missing_timestamp", "missing_event_type"]),
    ]
    assert json.loads(left[0].value) == SENT[2]
    lab.run()
    assert_accounted_for(lab)
    assert replay(lab.contracts["events"], lab.spark, lab.lake).accepted == 0

    # What is packed in a record that was not opened is looked at, and what an event has from its envelope.
    lab.land({**packed(SENT), "batch": base64.b64encode(b"[u9]").decode()}, packed([{}], session_id="u9"))
    lab.run()
    before = lab.table("quarantine").count()
    proof = forget("u9", list(lab.contracts.values()), lab.spark, lab.lake, unsearchable=True)
    assert (proof.unsearched, lab.table("quarantine").count()) == ({}, before - 2)
    assert_accounted_for(lab)


def test_envelopes_in_any_cut_give_the_events_of_records_by_themselves(lab: Lab, tmp_path: Path) -> None:
    with_mapping(lab, tmp_path, '"all"')
    lab.land(packed(SENT[:2]), name="a.json")
    lab.run()
    lab.land(packed(SENT[1:4]), packed(SENT[3:]), name="b.json")
    lab.run()
    assert [row.user_id for row in said(lab)] == [f"u{i}" for i in range(5)]
    assert sum(entry.copies.duplicates for entry in entries(lab.lake.events)) == 2
    assert_accounted_for(lab)


def test_a_record_that_landed_as_one_event_is_never_opened_into_others(lab: Lab, tmp_path: Path) -> None:
    two, one, bad = (packed(SENT[:2], **FIVE[2]), packed(SENT[3:4], **FIVE[2]), packed(SENT[4:]))
    lab.only("events").land({**two, "event_id": "x"}, {**one, "event_id": "y"}, bad, name="a.json")
    lab.run("events")
    by_themselves = tables(lab.settings.model_copy(update={"event_types": ("click", "purchase", "scroll")}))["events"]
    with at_write(1, "before", killed), pytest.raises(KeyboardInterrupt):  # they are events, and still in quarantine
        replay(by_themselves, lab.spark, lab.lake)
    with pytest.MonkeyPatch.context() as patch:  # and stay there, as a release that settled no replay has read a batch
        patch.setattr("clickstream_platform.streaming.runtime.streaming_query.settle_replay", lambda *_: None)
        lab.land(event(event_id="z"), name="b.json")
        lab.run("events")
    with_mapping(lab, tmp_path)
    found = replay(lab.contracts["events"], lab.spark, lab.lake)
    assert found == ReplayReport(tried=3, accepted=1, duplicates=0, landed=1, opened=1, inside=1, refused=1)
    assert found.stayed == 1
    assert sorted(row.event_id for row in lab.table("events").collect()) == ["e4", "x", "y", "z"]
    assert [row.offset for row in lab.table("quarantine").collect()] == [0]
    assert replay(lab.contracts["events"], lab.spark, lab.lake).refused == 1
    assert replay(by_themselves, lab.spark, lab.lake) == ReplayReport(tried=1, accepted=0, duplicates=0, landed=1)
    assert conserved(lab) == "the ledger balances"


BY_KEYS = ('path = "of"\nholds = "values"\nkey = "user_id"', {
    "of": {each["user_id"]: {name: value for name, value in each.items() if name != "user_id"} for each in FIVE}
})  # fmt: skip
AS_ROWS = ('path = "rows"\nholds = "rows"\nnames = "of"', {
    "of": [{"name": name} for name in FIVE[0]], "rows": [{"f": [*each.values()]} for each in FIVE]
})  # fmt: skip


@pytest.mark.parametrize(("envelope", "record"), [BY_KEYS, AS_ROWS], ids=["by keys", "as rows"])
def test_events_of_an_object_and_of_a_table_come_back_and_are_forgotten_one_by_one(
    lab: Lab, tmp_path: Path, envelope: str, record: dict[str, Any]
) -> None:
    mapped(lab, tmp_path, f'extends = "own"\n[event_types]\naccept = ["click", "purchase"]\n[envelope]\n{envelope}')
    lab.land(record, {"of": 5, "u4": "mentioned"}, name="a.json")
    lab.run()
    (entry,) = entries(lab.lake.events)
    assert (entry.rows_in, entry.records.opened, entry.records.inside, entry.rows_out) == (2, 1, 5, 4)
    assert [row["index"] for row in lab.table("quarantine").orderBy("offset").collect()] == [2, 0]
    assert_accounted_for(lab)

    mapped(lab, tmp_path, f'extends = "own"\n[event_types]\naccept = "all"\n[envelope]\n{envelope}')
    assert replay(lab.contracts["events"], lab.spark, lab.lake).accepted == 1
    lab.run()
    assert [row.user_id for row in said(lab)] == [each["user_id"] for each in FIVE]
    assert_accounted_for(lab)

    forget("u4", list(lab.contracts.values()), lab.spark, lab.lake)
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (4, 0)
    assert_accounted_for(lab)
