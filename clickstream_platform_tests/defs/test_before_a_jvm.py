"""What is found out of a step before its JVM starts: what it is refused for, and how much there is to read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from clickstream_platform.definitions import definitions
from clickstream_platform.defs.assets import lags_to_read, table_asset
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.defs.sensors import failures
from clickstream_platform.errors import SetupError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform_tests.defs.jobs import refusal_of
from clickstream_platform_tests.homes import Home, delta


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"table": "sessions", "from": "2024-03-01"}, "from, to: a stretch has both ends"),
        ({"table": "sessions", "from": "monday", "to": "2024-03-02"}, "from: 'monday' is no time"),
        ({"table": "sessions", "from": "2024-03-02", "to": "2024-03-02"}, "is not after"),
        ({"table": "user_patterns", "from": "2024-03-01", "to": "2024-03-02"}, "no stretch of it can be rebuilt"),
        ({"table": "sessions"}, "there is no table events yet"),
    ],
)
def test_a_rebuild_is_refused_before_a_jvm_starts(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], why: str
) -> None:
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)
    job = definitions(Settings(home=tmp_path)).resolve_job_def("rebuild")
    ask = {"ops": {"rebuild_table": {"config": config}}}
    assert why in refusal_of(job.execute_in_process(instance=instance, run_config=ask, raise_on_error=False))


def test_a_step_of_another_source_is_refused_before_a_jvm_starts(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = (Home(Settings(home=tmp_path, source=str(tmp_path / name))) for name in ("before", "now"))
    now.land("1.json")
    checkpoint = generations.current_checkpoint(before.lake, "events")
    fingerprint.write_fingerprint(checkpoint, fingerprint.declared_facts(before.contracts["events"]))
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)
    resources = {"spark": SparkResource(settings=now.settings)}
    asset = table_asset(now.contracts["events"], now.settings)
    result = dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False)
    (said,) = failures(instance, result.run_id)
    assert said.startswith(f"events: changed since its checkpoint began: source was 'files {before.landing}' and is")
    assert "say `clickstream moved` if it is the same folder elsewhere" in said
    logged = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.dagster_event]
    assert not any("a JVM" in line for line in logged)


def a_table_made_with(home: Home) -> None:
    """``user_patterns`` has read all of ``events``, under the settings of this home."""
    home.commit("events", rows=3)
    checkpoint = generations.current_checkpoint(home.lake, "user_patterns")
    fingerprint.write_fingerprint(checkpoint, fingerprint.declared_facts(home.contracts["user_patterns"]))
    home.plan("user_patterns", 0, delta(2))


def test_a_step_of_another_threshold_is_refused_before_a_jvm_starts(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = (Home(Settings(home=tmp_path, pattern_clicks=clicks)) for clicks in (3, 7))
    a_table_made_with(before)
    assert lags_to_read(before.contracts["user_patterns"], before.lake)
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", None)
    asset = table_asset(now.contracts["user_patterns"], now.settings)
    resources = {"spark": SparkResource(settings=now.settings)}
    result = dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False)
    (said,) = failures(instance, result.run_id)
    assert "pattern clicks was '3' and is '7'; run `clickstream rebuild user_patterns`, or set it back" in said


def test_a_table_that_begins_anew_may_declare_what_it_likes(tmp_path: Path) -> None:
    before, now = (Home(Settings(home=tmp_path, pattern_clicks=clicks)) for clicks in (3, 7))
    a_table_made_with(before)
    before.commit("events", rows=2)  # whose file is gone, and so what the table would have read next
    assert lags_to_read(now.contracts["user_patterns"], now.lake)


def test_a_step_lists_its_landing_folder_once_before_it_begins_and_its_jvm_is_for_what_is_there(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(Settings(home=tmp_path))
    (file,) = home.land("1.json")
    file.write_bytes(bytes(100_000))
    listed, asked = list[str](), list[int]()
    scandir = os.scandir

    def counted(path: Any) -> Any:
        listed.append(os.fsdecode(path))
        return scandir(path)

    def refused(*_: object, records: int, **__: object) -> None:
        asked.append(records)
        raise SetupError("java", "it is not needed here", "go on")

    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr("clickstream_platform.defs.resources.build_session", refused)
    assert lags_to_read(home.contracts["events"], home.lake)["events"]
    once = listed.count(str(home.landing))
    listed.clear()
    asset = table_asset(home.contracts["events"], home.settings)
    resources = {"spark": SparkResource(settings=home.settings)}
    assert not dg.materialize([asset], instance=instance, resources=resources, raise_on_error=False).success
    assert listed.count(str(home.landing)) == once > 0
    assert asked == [500]  # of 200 bytes each
