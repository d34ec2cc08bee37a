"""A person who is forgotten is in no table, no state, no log; and everybody else is as before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance import erasure
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.housekeeping import maintain
from clickstream_platform.streaming.maintenance.persons import ids_in
from clickstream_platform.streaming.maintenance.proofs import read_proofs
from clickstream_platform_tests.conftest import KINDS, Lab, event, killed

WHO = "anna-7f3e"


def landed(lab: Lab) -> Lab:
    """Anna, with rows in every table; Ben beside her, and one whose id begins as hers."""
    anna = [event(WHO, f"10:0{i % 5}:0{i}", event_type="purchase") for i in range(7)]
    lab.land(*anna, event("ben", "10:00:00"), event(f"{WHO}-2", "10:00:00"), event("ben", "18:00:00"))
    lab.land(f'{{"user_id": "{WHO}", "timestamp"', f'{{"user_id": "{WHO}-2", "timestamp"', "[]")
    return lab


@pytest.mark.spark
def test_nothing_of_the_person_is_left_and_nobody_else_is_touched(lab: Lab) -> None:
    landed(lab).run()
    lab.land(event(WHO, "09:00:00"))  # has arrived, but was not read yet
    proof = forget(WHO, list(lab.contracts.values()), lab.spark, lab.lake)
    assert {each.table: each.rows for each in proof.tables} == {
        "events": 8, "quarantine": 1, "sessions": 2, "purchases": 7, "alerts": 1, "user_activity": 2,
        "clickstream_aggregated": 14, "processed_events": 8, "late_events": 1, "user_patterns": 2,
    }  # fmt: skip
    for name in lab.contracts:
        assert lab.table(name).where(f"user_id = '{WHO}'").count() == 0
    assert lab.table("events").count() == 3
    assert lab.table("quarantine").count() == 2
    lab.assert_exact()
    assert not [r for r in validate(lab.contracts["events"], lab.spark, lab.lake) if r.blocking and not r.passed]
    lab.land(event("ben", "10:05:00"), event("ben", "20:00:00"))
    lab.run()
    lab.assert_exact()


@pytest.mark.spark
def test_after_the_retention_no_file_of_the_lake_holds_the_id(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    landed(lab.only(*KINDS)).run()
    forget(WHO, list(lab.contracts.values()), lab.spark, lab.lake)
    maintain(list(lab.contracts.values()), lab.lake)
    assert holding(lab, WHO), "files of older versions are kept for seven days"
    monkeypatch.setattr("clickstream_platform.streaming.maintenance.housekeeping.FILES_KEPT", timedelta(0))
    maintain(list(lab.contracts.values()), lab.lake)
    assert holding(lab, WHO) == []
    assert holding(lab, "ben") != []
    lab.assert_exact()


def holding(lab: Lab, user_id: str) -> list[str]:
    """Where the id is found: in the rows of any data file, needed or not, or in the bytes of any other file."""
    texts = [file for file in lab.lake.root.rglob("*") if file.is_file() and file.suffix != ".parquet"]
    found = [str(file) for file in texts if f'{user_id}"' in file.read_bytes().decode(errors="replace")]
    for name in [*lab.contracts, "quarantine", "late_events"]:
        files = lab.spark.read.option("recursiveFileLookup", True).option("pathGlobFilter", "part-*.parquet")
        rows = files.schema(lab.table(name).schema).parquet(str(lab.lake.table(name).path))
        text = "cast(value as string)" if name == "quarantine" else "to_json(struct(*))"
        if rows.where(f"{text} like '%\"{user_id}\"%'").count():
            found.append(name)
    return found


@pytest.mark.spark
def test_the_proof_names_nobody_and_can_be_checked(lab: Lab) -> None:
    landed(lab.only("events", "sessions")).run()
    forget(WHO, list(lab.contracts.values()), lab.spark, lab.lake)
    (proof,) = read_proofs(lab.lake)
    assert proof.completed_at is not None
    assert proof.is_about(WHO)
    assert not proof.is_about("ben")
    assert WHO not in next((lab.lake.root / "_erasures").iterdir()).read_text()


@pytest.mark.spark
def test_stopped_in_the_middle_it_says_so_and_a_second_attempt_completes_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(lab.only(*KINDS)).run()
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "rebuild_leased", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(WHO, list(lab.contracts.values()), lab.spark, lab.lake)
    assert [proof.completed_at for proof in read_proofs(lab.lake)] == [None]
    lab.run()
    forget(WHO, list(lab.contracts.values()), lab.spark, lab.lake)
    assert lab.table("user_activity").where(f"user_id = '{WHO}'").count() == 0
    lab.assert_exact()


@pytest.mark.spark
def test_an_id_is_found_however_a_producer_escaped_it(lab: Lab) -> None:
    jose = "auth0|51/José"
    lab.land(
        event("ben"),
        '{"user_id": "auth0|51\\/Jos\\u00e9"',  # as PHP's json_encode writes it, cut off
        '{"user_id": "auth0|51/Jos\\u00E9", "event_type": 1}',
        '{"user_id": "auth0|51/José", "event_type": 1}',
        '{"user_id": "auth0|510/José", "event_type": 1}',
    )
    lab.only("events").run()
    proof = forget([jose, "nobody"], list(lab.contracts.values()), lab.spark, lab.lake)
    assert {each.table: each.rows for each in proof.tables} == {"quarantine": 3, "events": 0}
    assert proof.completed_at
    assert [proof.is_about(each) for each in (jose, "nobody", "ben")] == [True, True, False]


@pytest.mark.spark
def test_what_cannot_be_searched_is_said_and_can_be_deleted(lab: Lab) -> None:
    lab.land(event("ben"), b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x00\xff", event("anna"))
    lab.only("events").run()
    proof = forget("anna", list(lab.contracts.values()), lab.spark, lab.lake)
    assert (proof.completed_at, sum(proof.unsearched.values())) == (None, 1)
    proof = forget("anna", list(lab.contracts.values()), lab.spark, lab.lake, unsearchable=True)
    assert (proof.completed_at is not None, proof.unsearched) == (True, {})
    assert lab.table("quarantine").count() == 0


def test_a_file_of_ids_has_one_a_line_each_once() -> None:
    assert ids_in("\ufeffanna\r\n\n a b \nÉva\nanna".encode(), "ids.txt") == ["anna", " a b ", "Éva"]
    for content, finding in (
        (b"", "has no id"),
        (b"\n \r\n", "has no id"),
        (b"a\n\xff", "line 2 of ids.txt is no UTF-8"),
    ):
        with pytest.raises(SettingsError, match=finding):
            ids_in(content, "ids.txt")
    with pytest.raises(SettingsError, match="10,001 ids, and at most 10,000"):
        forget([str(number) for number in range(10_001)], [], None, Lake(Path("nowhere")))  # type: ignore[arg-type]


def test_an_empty_id_and_an_empty_lake_are_refused_without_a_jvm(tmp_path: Path) -> None:
    lab = Lab(None, Settings(home=tmp_path))  # type: ignore[arg-type] - it is not reached
    with pytest.raises(SettingsError, match="an empty id is nobody's"):
        forget(" ", [], lab.spark, lab.lake)
    with pytest.raises(SourceError, match="nothing was read yet"):
        forget("a", [], lab.spark, lab.lake)
