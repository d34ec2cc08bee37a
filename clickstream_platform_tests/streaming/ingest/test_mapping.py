"""A producer's own records through a whole run: the tables, the account, replay under another mapping, erasure."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.books import newest_passed_over
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.replay_report import ReplayReport
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.events.mapping.producers.segment import call, track


def at(minute: int, **fields: object) -> dict[str, object]:
    time = f"2024-03-01T10:{minute:02}:00Z"
    return {**track("Product Viewed"), "messageId": f"m-{minute}", "timestamp": time, **fields}


LANDED = (
    {**call("page"), "timestamp": "2024-03-01T10:00:00Z"},
    at(1, event="Order Completed"),
    at(1, event="Order Completed"),  # sent twice
    at(2, userId=None, event="Product Clicked"),
    call("identify", traits={"email": "a@example.com"}),
    call("group", groupId="g"),
    at(3, userId=None, anonymousId=None),
    at(4, userId="other", anonymousId="97980cfea0067"),
)


@pytest.fixture
def mapped(lab: Lab) -> Lab:
    lab.contracts = tables(lab.settings.model_copy(update={"mapping": "segment"}))
    return lab.only("events", "sessions", "purchases")


def with_mapping(lab: Lab, mapping: str) -> None:
    lab.contracts = tables(lab.settings.model_copy(update={"mapping": mapping}))


def conserved(lab: Lab) -> str | int:
    return next(r.found for r in validate(lab.contracts["events"], lab.spark, lab.lake) if r.name == "conservation")


@pytest.mark.spark
def test_segments_calls_become_exact_tables_and_every_record_is_accounted_for(mapped: Lab) -> None:
    mapped.land(*LANDED, "{", name="calls.json")
    mapped.run()
    (entry,) = entries(mapped.lake.events)
    assert (entry.rows_in, entry.rows_out, entry.records.quarantined, entry.copies.duplicates) == (9, 4, 2, 1)
    assert entry.records.passed_over == {"group": 1, "identify": 1}
    assert entry.declared.mapping.startswith("segment ")
    rows = mapped.table("events").orderBy("timestamp").collect()
    assert [row.event_type for row in rows] == ["page_view", "purchase", "click", "Product Viewed"]
    assert rows[2].user_id == "507f191e810c19729de860ea"
    assert mapped.table("purchases").count() == 1
    mapped.assert_exact()
    assert conserved(mapped) == "the ledger balances"
    found = source_account(mapped.contracts["events"], mapped.lake)
    assert found.errors == ()
    assert (found.read, found.passed_over) == (9, 2)
    assert newest_passed_over(mapped.lake) == {"group": 1, "identify": 1}


@pytest.mark.spark
def test_records_rejected_before_there_was_a_mapping_come_back_by_replay(lab: Lab, tmp_path: Path) -> None:
    lab.land(*LANDED, "{", name="calls.json")
    lab.only("events").run()
    assert lab.lake.events.rows() == 0
    with_mapping(lab, "segment")
    found = replay(lab.contracts["events"], lab.spark, lab.lake)
    assert found == ReplayReport(tried=9, accepted=4, duplicates=1, landed=0, passed_over=2)
    assert found.stayed == 2
    assert conserved(lab) == "the ledger balances"
    assert source_account(lab.contracts["events"], lab.lake).errors == ()
    # Another mapping goes on from the same checkpoint; events keep what they were read with.
    file = tmp_path / "mine.toml"
    file.write_text(
        'extends = "segment"\n[columns]\npage_url = ["context.page.url", "context.url"]\n'
        '[event_types.names]\n"Product Viewed" = "page_view"\n'
    )
    with_mapping(lab, str(file))
    lab.land(at(9), name="later.json")
    lab.only("events").run()
    newest = next(entries(lab.lake.events))
    assert newest.declared.mapping.startswith("mine ")
    assert (newest.declared.looked_at, newest.declared.never_matched) == (1, ["page_url: context.url"])
    by_type = {row.event_type: row["count"] for row in lab.table("events").groupBy("event_type").count().collect()}
    assert by_type == {"page_view": 2, "purchase": 1, "click": 1, "Product Viewed": 1}


@pytest.mark.spark
def test_of_a_file_that_is_refused_whole_nothing_was_passed_over(lab: Lab) -> None:
    settings = Settings.model_validate({**lab.settings.model_dump(), "mapping": "segment"})
    lab.contracts = tables(settings)
    good = lab.land(*LANDED, name="a.json")
    (lab.landing / "b.json").write_bytes(good.read_bytes()[:200] + b"\x00\x01\x02" + b"\n")
    lab.only("events").run()
    (entry,) = entries(lab.lake.events)
    assert entry.records.passed == 2
    assert str(conserved(lab)).startswith("the ledger balances")
    assert source_account(lab.contracts["events"], lab.lake).errors == ()


@pytest.mark.spark
def test_an_anonymous_visitor_is_forgotten_also_where_the_id_stands_beside_another(mapped: Lab) -> None:
    mapped.land(*LANDED, name="calls.json")
    mapped.only("events", "sessions").run()
    proof = forget(["97980cfea0067"], list(mapped.contracts.values()), mapped.spark, mapped.lake)
    assert proof.completed_at is not None
    left = {row.user_id: row.extra or "" for row in mapped.table("events").collect()}
    assert left.keys() == {"507f191e810c19729de860ea", "other"}
    assert "97980cfea0067" not in "".join(left.values())
    mapped.assert_exact()
    assert conserved(mapped) == "the ledger balances"
