"""Small inputs that once failed, a kind of fault each: all of them land in one folder, and one run reads it."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.settings import from_env
from clickstream_platform.streaming.audit.source_account import SourceAccount, source_account
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.local import local
from clickstream_platform_tests.streaming.sources.files.packing import PACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

CASES = Path(__file__).parent / "cases"
COLONS = "colon-in-name/2025-11-25T10:00:00Z.json"
BOMB = "one-line-bomb/one_line.json.gz"
MEGABYTES = 300
CUT = {f"cut-codecs/cut.{codec}": codec for codec in PACK if codec != "plain"}
WHOLE = {
    COLONS: 3,
    "hash-home/a.json": 3,
    "snappy-poison/plain_named.json.lz4": 50,
    "stale-crc/part-00000.json": 50,
    "symlinked-folder/link/linked.json": 3,
}
FORGOTTEN = "forget-escapes/a.json"
JOSE = "auth0|51/José"


@dataclass(frozen=True)
class Outcome:
    """What came of all cases.

    Attributes:
        waiting: files that were still to be read before the run.
        events: how many events each file gave.
        rejected: the rejected records, by file: reasons, size, the bytes that are kept.
        refused: files refused whole, with what was found.
        account: what the source is found to hold by a second count.
        kept: the bytes of the records still in quarantine once a person was forgotten, by file.
        users: whose events there are after that.
    """

    waiting: int
    events: dict[str, int]
    rejected: dict[str, list[tuple[list[str], int, bytes]]]
    refused: dict[str, str]
    account: SourceAccount
    kept: dict[str, list[bytes]]
    users: set[str]


@pytest.fixture(scope="module")
def outcome(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """All cases landed in the home ``ho#me``, and read by one run."""
    top = tmp_path_factory.mktemp("cases")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.setenv("CLICKSTREAM_HOME", str(top / "ho#me"))
        patch.delenv("CLICKSTREAM_SOURCE", raising=False)
        lab = Lab(spark, from_env())
        _land(top / "ho#me" / "landing", top / "elsewhere")
        yield _outcome(lab)


def _land(landing: Path, elsewhere: Path) -> None:
    shutil.copytree(CASES, landing, ignore=shutil.ignore_patterns("*.md", "dotdot", "linked.json"))
    (landing / "colon-in-name/events.json").rename(landing / COLONS)
    elsewhere.mkdir()
    shutil.copy(CASES / "symlinked-folder/linked.json", elsewhere)
    (landing / "symlinked-folder/link").symlink_to(elsewhere)
    for place in ("cut-codecs", "one-line-bomb"):
        (landing / place).mkdir()
    many = b"".join(json.dumps(event(f"u{n}", event_id=f"cut-{n}")).encode() + b"\n" for n in range(20_000))
    for name, codec in CUT.items():
        packed = PACK[codec](many)
        (landing / name).write_bytes(packed[: len(packed) // 2])
    with gzip.open(landing / BOMB, "wb", 1) as bomb:
        for _ in range(MEGABYTES):
            bomb.write(b"[" * 1_000_000)


def _outcome(lab: Lab) -> Outcome:
    waiting = lag(lab.contracts["events"], lab.lake).amount
    report = lab.run("events")["events"]
    events = Counter(row.partition for row in lab.table("events").select("partition").collect())
    rejected: dict[str, list[tuple[list[str], int, bytes]]] = {}
    for row in lab.table("quarantine").collect():
        rejected.setdefault(row.partition, []).append((row.reasons, row.size, bytes(row.value)))
    account = source_account(lab.contracts["events"], lab.lake)
    forget(JOSE, [lab.contracts["events"]], lab.spark, lab.lake)
    kept: dict[str, list[bytes]] = {}
    for row in lab.table("quarantine").collect():
        kept.setdefault(row.partition, []).append(bytes(row.value))
    users = {row.user_id for row in lab.table("events").select("user_id").collect()}
    return Outcome(waiting, dict(events), rejected, report.unreadable, account, kept, users)


@pytest.mark.parametrize("name", WHOLE, ids=[name.split("/")[0] for name in WHOLE])
def test_every_record_of_the_file_is_an_event(outcome: Outcome, name: str) -> None:
    assert outcome.events[name] == WHOLE[name]


@pytest.mark.parametrize("name", CUT, ids=[f"cut-codecs-{codec}" for codec in CUT.values()])
def test_a_packed_file_that_is_cut_is_refused_whole(outcome: Outcome, name: str) -> None:
    assert outcome.refused[name].startswith(f"{CUT[name]}: ")
    assert name not in outcome.events


def test_snappy_poison_a_frame_with_a_wrong_checksum_is_refused_and_not_what_is_beside_it(outcome: Outcome) -> None:
    assert "bad checksum" in outcome.refused["snappy-poison/events.json.snappy"]
    assert outcome.refused.keys() == {*CUT, "snappy-poison/events.json.snappy"}


def test_one_line_bomb_a_line_too_long_for_memory_is_kept_by_its_beginning(outcome: Outcome) -> None:
    assert outcome.rejected[BOMB] == [(["too_large"], MEGABYTES * 1_000_000, b"[" * 1_000)]


def test_symlinked_folder_what_a_link_leads_to_is_seen_before_it_is_read(outcome: Outcome) -> None:
    assert outcome.waiting == len(WHOLE) + len(CUT) + len(("a poisoned file", BOMB, FORGOTTEN))


def test_forget_escapes_a_person_goes_however_the_id_was_escaped(outcome: Outcome) -> None:
    assert outcome.events[FORGOTTEN] == 2
    assert len(outcome.rejected[FORGOTTEN]) == 5
    (other,) = outcome.kept[FORGOTTEN]
    assert b'"page_url": "gohtml"' in other
    assert JOSE not in outcome.users
    assert "a&b<c>@x.com" in outcome.users


def test_the_account_agrees_with_the_folder(outcome: Outcome) -> None:
    assert outcome.account.errors == ()


def test_dotdot_a_source_above_the_working_directory_is_read(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    shutil.copytree(CASES / "dotdot", tmp_path / "data")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "../data")
    monkeypatch.setenv("CLICKSTREAM_HOME", "../home")
    lab = Lab(spark, from_env())
    assert lab.run("events")["events"].rows_out == 3
    assert (local(lab.lake.root) / "events").samefile(tmp_path / "home/lake/events")


def test_every_kept_case_is_landed() -> None:
    kept = {folder.name for folder in CASES.iterdir() if folder.is_dir()}
    assert kept == {name.split("/")[0] for name in (*WHOLE, FORGOTTEN)} | {"dotdot"}
