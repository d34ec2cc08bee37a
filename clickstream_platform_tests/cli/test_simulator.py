"""``simulate``, ``demo`` and ``kafka``; and a lake that the demo has filled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.cli import kafka
from clickstream_platform.settings import Settings
from clickstream_platform.simulator import kafka_producer
from clickstream_platform_tests.cli.engine import TABLES
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.on_store import needs_a_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from typer.testing import Result


def test_simulate_writes_the_landing_folder_and_prints_the_truth(home: Home) -> None:
    result = clickstream("simulate", "--events", "2000", "--malformed", "0", "--future", "0.5", "--only", "2")
    assert result.exit_code == 0
    assert f"4 files in {home.landing}" in result.stdout
    words = [line.split() for line in result.stdout.splitlines()]
    assert ["records", "2,000"] in words
    assert any(line[:1] == ["future_timestamp"] for line in words)
    assert not any(line[:1] == ["malformed_json"] for line in words)
    assert sum(len(file.read_bytes().splitlines()) for file in home.landing.iterdir()) == 1_000


def test_simulate_with_a_rate_is_a_live_feed(home: Home) -> None:
    result = clickstream("simulate", "--rate", "50", "--duration", "0.5")
    assert "50 records written" in result.stdout
    assert len(list(home.landing.iterdir())) == 1


@pytest.mark.parametrize("rate", ["0", "-5", "nan", "inf"])
def test_a_live_feed_of_no_rate_is_refused_before_it_begins(home: Home, rate: str) -> None:
    result = clickstream("simulate", "--rate", rate)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"--rate: {rate} records a second; choose more than 0\n"


def test_simulate_needs_a_folder_when_the_source_is_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "kafka://127.0.0.1:1/clicks")
    result = clickstream("simulate", "--events", "10")
    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "CLICKSTREAM_SOURCE")
    assert clickstream("simulate", "--events", "10", "--folder", str(home.landing)).exit_code == 0


def test_demo_refuses_a_home_with_other_events(home: Home) -> None:
    home.land("mine.json")
    result = clickstream("demo", "--events", "1000")
    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "CLICKSTREAM_HOME")
    assert "mine.json" in result.stderr
    assert len(list(home.landing.iterdir())) == 1


def test_demo_refuses_a_lake_that_read_other_events(home: Home) -> None:
    home.list_files(0, [home.landing / "gone.json"])
    home.plan("events", 0, {"logOffset": 0})
    assert "gone.json" in clickstream("demo", "--events", "1000").stderr


def test_demo_refuses_rules_that_its_truth_does_not_know(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_ALERT_TOTAL_EVENTS", "3")
    result = clickstream("demo", "--events", "1000")
    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "CLICKSTREAM_ALERT_TOTAL_EVENTS")


def test_a_topic_has_as_many_partitions_by_kafka_up_as_by_simulate() -> None:
    assert kafka.PARTITIONS == kafka_producer.PARTITIONS


def test_kafka_status_says_that_no_broker_runs(home: Home) -> None:
    result = clickstream("kafka", "status")
    assert result.exit_code == 1
    assert "it does not run" in result.stdout
    assert json.loads(clickstream("kafka", "status", "--json").stdout)["running"] is False


@pytest.fixture(scope="module")
def demo(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Result]]:
    """A small demo, run once: its home, and what it said."""
    home = tmp_path_factory.mktemp("demo") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home.parent)
        for name, value in Lab(spark, Settings(home=home)).environment.items():
            patch.setenv(name, value)
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setattr("clickstream_platform.cli.app.spark_session", lambda settings, **_: nullcontext(spark))  # pyright: ignore[reportUnknownLambdaType]
        yield home, clickstream("demo", "--events", "2000")


@pytest.mark.spark
@pytest.mark.timeout(600)  # ten runs and their verification come with it, 40 s on two idle cores
def test_the_demo_finds_what_was_simulated(demo: tuple[Path, Result]) -> None:
    _, result = demo
    assert result.exit_code == 0, result.output
    words = [line.split() for line in result.stdout.splitlines()]
    compared = {" ".join(line[: line.index("ok") - 2]): line for line in words if "ok" in line[1:]}
    known = set(TABLES[1:]) - {"processed_events", "user_patterns"}  # the simulator does not count what these hold
    assert {"records read", "accepted", "duplicates", "rejected", *known} <= compared.keys()
    assert compared["records read"][2:4] == ["2,000", "2,000"]
    assert [line[1].rstrip(":") for line in words if line[:1] == ["ok"]] == TABLES
    assert "DIFFERS" not in result.stdout


@pytest.mark.spark
def test_a_second_demo_lands_nothing_and_commits_nothing(demo: tuple[Path, Result]) -> None:
    before = clickstream("status", "--json").stdout
    again = clickstream("demo", "--events", "2000")
    assert again.exit_code == 0
    assert again.stdout.count("was there already") == 2
    assert "committed" not in again.stdout
    assert clickstream("status", "--json").stdout == before


@pytest.mark.spark
def test_verify_shows_the_row_that_someone_changed_and_rebuild_mends_it(
    demo: tuple[Path, Result], spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_folder("it is copied")
    shutil.copytree(demo[0], tmp_path / "home")
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    alerts = f"delta.`{tmp_path / 'home' / 'lake' / 'alerts'}`"
    spark.sql(f"UPDATE {alerts} SET value = 1234 WHERE rule = 'many_events'")
    broken = clickstream("verify", "alerts")
    assert broken.exit_code == 1
    assert "0 missing, 0 extra, 1 different" in broken.stdout
    changed = [line.split() for line in broken.stdout.splitlines() if "1,234" in line]
    assert [(line[0], line[2]) for line in changed] == [("value", "1,234")]
    assert clickstream("rebuild", "alerts").exit_code == 0
    assert clickstream("verify", "alerts").exit_code == 0


@pytest.mark.spark
def test_a_lake_is_looked_after_from_the_command_line(
    demo: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_a_folder("it is copied")
    shutil.copytree(demo[0], tmp_path / "home")
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLICKSTREAM_SOURCE", str(demo[0] / "landing"))  # a checkpoint knows its source
    found = {
        each["reason"]: each["records"] for each in json.loads(clickstream("quarantine", "--json").stdout)["reasons"]
    }
    assert "unknown_event_type" in clickstream("quarantine").stdout
    monkeypatch.setenv("CLICKSTREAM_FUTURE_TOLERANCE", "P400D")
    assert clickstream("run").exit_code == 0
    replayed = clickstream("replay", "--reason", "future_timestamp")
    assert replayed.exit_code == 0, replayed.output
    assert replayed.stdout.split("records tried")[1].split()[0] == str(found["future_timestamp"])
    user = "u000001"
    (tmp_path / "ids.txt").write_text(f"{user}\n")
    forgotten = clickstream("forget", "--from-file", str(tmp_path / "ids.txt"))
    assert forgotten.exit_code == 0, forgotten.output
    assert "completed" in forgotten.stdout
    assert ", of this user" in clickstream("forget", "--proof", "--user", user).stdout
    assert ", not of this user" in clickstream("forget", "--proof", "--user", "u000002").stdout
    maintained = clickstream("maintain")
    assert maintained.exit_code == 0, maintained.output
    looked_after = [line.split()[0] for line in maintained.stdout.splitlines()[2 : 4 + len(TABLES)]]
    assert looked_after == ["events", "quarantine", *TABLES[1:], "late_events"]
    assert clickstream("verify").exit_code == 0
