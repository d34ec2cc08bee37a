"""Rejection in mass is not success: which shares of a ledger are too much, and which are too few to tell."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from clickstream_platform.expectations import DuplicateShare, KeptContract, RejectedShare
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.broken_rules import broken_rules
from clickstream_platform.streaming.audit.shares import Share, describe_share, newest_share, run_notes, run_warnings
from clickstream_platform.streaming.lake.ledger import REPLAY, Amendment, entries
from clickstream_platform_tests.homes import Home, entry

REJECTED, DUPLICATE = RejectedShare(most=0.05, rise=5), DuplicateShare(most=0.5, rise=5)


class Ledger(Home):
    """The ledger of ``events``, batch by batch; a batch is a run if nothing else is said."""

    def batch(self, records: int, rejected: int = 0, duplicates: int = 0, **fields: Any) -> None:
        number = next(self.numbers)
        counts = {"rows_in": records, "quarantined": rejected, "duplicates": duplicates}
        self.commit("events", of=entry(batch_id=number, rows_out=records - rejected - duplicates, **counts, **fields))

    @property
    def rejected(self) -> Share:
        return newest_share(REJECTED, self.lake)

    def fails(self) -> bool:
        return self.rejected.exceeds(REJECTED)

    numbers = count()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    found = Ledger(Settings.model_validate({"home": tmp_path}))
    found.numbers = count()
    return found


def test_forty_of_forty_one_fail_and_one_of_forty_one_does_not(ledger: Ledger) -> None:
    ledger.batch(41, 1)
    assert not ledger.fails()
    ledger.batch(41, 40, reasons={"missing_user_id": 40, "bad_timestamp": 2})
    assert ledger.fails()
    text = "40 of 41 records were rejected (missing_user_id 40, bad_timestamp 2)"
    assert describe_share(ledger.rejected, REJECTED) == text
    assert ledger.rejected.numbers() == {"records": 41, "count": 40, "share": 40 / 41}


CONTRACT = KeptContract(most=0.05)


def test_a_rule_that_is_broken_by_too_many_is_told_with_a_number_for_each_rule(ledger: Ledger) -> None:
    ledger.batch(100, 2, violations={"contract:amount:range": 5, "contract:sku:type": 4})
    found = broken_rules(CONTRACT, ledger.lake)
    assert not found.exceeds(CONTRACT)
    ledger.batch(100, 3, violations={"contract:amount:range": 3}, reasons={"contract:amount:range": 3, "no_value": 9})
    found = broken_rules(CONTRACT, ledger.lake)
    assert found.exceeds(CONTRACT)
    assert found.numbers() == {"records": 100, "share": 0.06, "amount:range": 6}
    assert str(found) == (
        "6 violations of the contract: amount:range 6; in 100 records; for 3 of them the record was rejected"
    )


def test_of_few_records_or_none_that_break_a_rule_nothing_is_wrong(ledger: Ledger) -> None:
    ledger.batch(10, violations={"contract:sku:type": 10})
    assert not broken_rules(CONTRACT, ledger.lake).exceeds(CONTRACT)
    ledger.batch(100)
    assert str(broken_rules(CONTRACT, ledger.lake)) == "none of 100 records breaks a rule of the contract"


def test_of_too_few_records_nothing_is_said(ledger: Ledger) -> None:
    ledger.batch(3, 1)
    assert not ledger.fails()


def test_small_runs_are_looked_at_together(ledger: Ledger) -> None:
    ledger.batch(41, 40)
    ledger.batch(3)
    assert (ledger.rejected.count, ledger.rejected.records) == (40, 44)
    assert ledger.fails()
    ledger.batch(17)
    assert not ledger.fails()


def test_all_batches_of_a_run_count_as_one(ledger: Ledger) -> None:
    ledger.batch(100, 50, run_id="r")
    ledger.batch(100, run_id="r")
    assert (ledger.rejected.count, ledger.rejected.records) == (50, 200)


def test_far_more_than_usual_fails_although_it_is_less_than_the_most(ledger: Ledger) -> None:
    for _ in range(5):
        ledger.batch(1_000, 1)
    ledger.batch(1_000, 9)
    assert not ledger.fails()  # less than a fifth of the most is never too much
    ledger.batch(1_000, 30)
    assert ledger.rejected.usual == 0.001
    assert ledger.fails()
    assert describe_share(ledger.rejected, REJECTED) == "30 of 1,000 records were rejected; usual are 0.1%"


def test_what_is_usual_takes_five_runs_to_know(ledger: Ledger) -> None:
    for _ in range(4):
        ledger.batch(1_000, 1)
    ledger.batch(1_000, 30)
    assert ledger.rejected.usual is None
    assert not ledger.fails()


def test_what_was_replayed_since_no_longer_counts(ledger: Ledger) -> None:
    ledger.batch(41, 40)
    line = Amendment("quarantine", REPLAY, "r", removed=40)
    carried = CommitProperties(custom_metadata={"userMetadata": line.to_json()})
    rows = pa.table({"n": pa.array([], pa.int64())})
    write_deltalake(str(ledger.lake.table("quarantine").path), rows, commit_properties=carried)
    assert not ledger.fails()


def test_files_that_are_refused_whole_count_by_their_bytes(ledger: Ledger) -> None:
    files = {"a.json": [900, 41], "b.gz": [100, 0]}
    ledger.batch(41, files=files, unreadable={"b.gz": "gzip: cut off"})
    assert ledger.rejected.of_bytes == 0.1
    assert ledger.fails()
    assert describe_share(ledger.rejected, REJECTED) == "0 of 41 records were rejected, and 1 file refused whole"


def test_nothing_but_refused_files_fails(ledger: Ledger) -> None:
    ledger.batch(0, files={"b.gz": [100, 0]}, unreadable={"b.gz": "gzip: cut off"})
    assert ledger.fails()


def test_duplicates_have_a_share_of_their_own(ledger: Ledger) -> None:
    ledger.batch(40, duplicates=20)
    assert not newest_share(DUPLICATE, ledger.lake).exceeds(DUPLICATE)
    ledger.batch(40, duplicates=21)
    assert newest_share(DUPLICATE, ledger.lake).exceeds(DUPLICATE)
    assert not ledger.fails()


def test_a_run_says_of_its_own_batches_what_is_too_much_however_few_they_are(ledger: Ledger) -> None:
    ledger.batch(3, 1, 2, reasons={"missing_user_id": 1}, files={"b": [1, 0]}, unreadable={"b": "cut off"})
    assert run_warnings(ledger.contracts["events"], list(entries(ledger.lake.events))) == [
        "1 of 3 records was rejected (missing_user_id 1), and 1 file refused whole:"
        " `clickstream quarantine` shows them",
        "2 of 3 records were duplicates: their event_id and timestamp were there already",
    ]
    assert run_warnings(ledger.contracts["sessions"], list(entries(ledger.lake.events))) == []


def test_a_path_that_no_batch_of_a_run_found_anything_at_is_warned_of_and_what_was_passed_over_is_not(
    ledger: Ledger,
) -> None:
    ledger.batch(30, looked_at=20, never_matched=["page_url: p.url", "user_id: uid"], passed_over={"identify": 3})
    ledger.batch(30, looked_at=10, never_matched=["page_url: p.url"])
    ledger.batch(0)
    batches = list(entries(ledger.lake.events))
    (warned,) = run_warnings(ledger.contracts["events"], batches)
    assert warned == ("in 30 records that were looked at, nothing is at these paths of the mapping: page_url: p.url")
    assert run_notes(batches) == ["3 records passed over, as the mapping says: identify 3"]
    assert run_notes([]) == run_warnings(ledger.contracts["events"], []) == []


def test_a_maximum_of_one_turns_the_check_off(ledger: Ledger) -> None:
    ledger.batch(41, 41)
    assert not ledger.rejected.exceeds(RejectedShare(most=1, rise=5))
