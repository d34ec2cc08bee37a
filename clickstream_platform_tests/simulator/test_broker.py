"""A broker of one's own, by the command line: up, filled, read, down."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clickstream_platform.cli.app import program
from clickstream_platform.errors import SetupError
from clickstream_platform.settings import from_env
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.streaming.sources.kafka.cluster import topics_of
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform_tests.conftest import Lab

pytestmark = pytest.mark.spark


def clickstream(*arguments: str) -> Result:
    return CliRunner().invoke(program, arguments)


def test_a_topic_that_was_simulated_becomes_tables(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(lab.settings.home))
    source = clickstream("kafka", "up").stdout.strip()
    try:
        assert clickstream("kafka", "up").stdout.strip() == source  # it is up
        monkeypatch.setenv("CLICKSTREAM_SOURCE", source)
        said = clickstream("simulate", "--kafka", "--events", "2000", "--too-large", "0.001", "--no-value", "0.01")
        assert said.exit_code == 0, said
        topic = KafkaSource(source.removeprefix("kafka://").partition("/")[0], "clicks")
        sent = [span.end for span in topics_of(topic).spans.values()]
        assert len(sent) == 4
        assert min(sent) > 100  # keyed by user, so in every partition
        assert "no_value" in said.stdout
        fed = clickstream("simulate", "--kafka", "--rate", "50", "--duration", "0.5", "--no-value", "0")
        assert "50 records written" in fed.stdout
        lab = lab.reading(source)
        report = lab.run("events")["events"]
        assert report.rows_in == sum(sent) + 50
        reasons = {row["reasons"][0] for row in lab.table("quarantine").collect()}
        assert {"no_value", "too_large", "malformed_json"} <= reasons
        lab.assert_exact("events")
    finally:
        assert clickstream("kafka", "down").stdout == "stopped\n"
    assert clickstream("kafka", "down").stdout == f"it was not running: no broker has its data in {lab.settings.home}\n"


def test_killed_it_comes_up_again_with_what_it_had(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    before = broker.up(from_env().cache)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    try:
        assert broker.up(from_env().cache) == before
    finally:
        broker.down()
    assert broker.address() is None


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"its broker ended at once .*num\.partitions"):
        Broker(tmp_path, {"num.partitions": "none"}).up(from_env().cache)
