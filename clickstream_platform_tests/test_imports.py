"""What is imported for a command and for Dagster, each told by a fresh Python; and that this does nothing else."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import write

ROOT = Path(__file__).parents[1]
HEAVY = {
    *("pyspark", "py4j", "dagster", "pyarrow", "pyarrow.compute", "pandas", "numpy"),
    *("matplotlib", "plotly", "confluent_kafka", "duckdb", "deltalake", "obstore"),
}


@pytest.mark.parametrize(
    ("command", "imported"),
    [
        ("--version", ()),
        ("--help", ()),
        ("run --help", ("deltalake",)),
        ("stream --help", ("deltalake",)),
        ("tap --help", ("deltalake",)),
        ("verify --help", ("deltalake",)),
        ("sql --help", ("deltalake",)),
        ("sql 'select 1'", ("duckdb", "deltalake")),
        ("quarantine", ("deltalake",)),
        ("late", ("duckdb", "deltalake")),
        ("ledger", ("deltalake",)),
        ("status", ("deltalake",)),
        ("status sessions", ("deltalake",)),
        ("explain events", ("deltalake",)),
        ("explain user_patterns", ("deltalake",)),
        ("doctor", ("deltalake",)),
        ("workers", ("deltalake",)),
        ("run events", ("deltalake",)),  # nothing has ever landed
        ("forget --proof", ("deltalake",)),
        ("reset", ("deltalake",)),
        ("backup backup", ("deltalake",)),
        ("simulate --events 10", ("deltalake",)),
        ("kafka status", ("deltalake",)),
        ("kafka down", ("deltalake",)),
        (
            "check event.json",
            ("deltalake", "pyarrow", "pyarrow.compute", "pandas", "numpy"),
        ),  # pandas: by Arrow
        ("maintain", ("deltalake",)),
        ("verify --source", ("deltalake", "duckdb")),
        ("report", ("deltalake", "duckdb", "matplotlib", "numpy")),
    ],
)
def test_a_command_imports_what_it_needs_and_nothing_else(
    tmp_path: Path, command: str, imported: tuple[str, ...]
) -> None:
    home = Home(Settings(home=tmp_path / "home"))
    home.landing.mkdir(parents=True)
    (tmp_path / "event.json").write_text(json.dumps(event()))
    if not command.startswith("run "):
        write(home, "events", [{"user_id": "u", "event_date": date(2024, 3, 1)}])
    asked = (
        "import sys\n"
        "from clickstream_platform.cli.app import program\n"
        f"try: program({shlex.split(command)!r}, standalone_mode=False)\n"
        f"finally: print('\\n', *{HEAVY!r} & sys.modules.keys())"
    )
    env = os.environ | {"CLICKSTREAM_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, env=env, capture_output=True, text=True)
    # 1: `doctor` and `kafka status` of a machine that lacks what they ask for
    assert run.returncode in (0, 1), run.stderr
    assert "Traceback" not in run.stderr
    assert set(run.stdout.splitlines()[-1].split()) == set(imported), run.stderr


def test_loading_starts_no_jvm_and_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no java to be found
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "kafka://nobody.invalid:9092/clicks")
    load = "import clickstream_platform.definitions; from pyspark import SparkContext; print(SparkContext._gateway)"
    said = subprocess.run([sys.executable, "-c", load], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "None\n"
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_is_not_allowed_is_named_when_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SHUFFLE_PARTITIONS", "none")
    load = [sys.executable, "-c", "import clickstream_platform.definitions"]
    said = subprocess.run(load, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    _, _, finding = said.stderr.splitlines()[-1].partition(": ")  # after the error's name: what Dagster shows first
    assert finding.startswith("CLICKSTREAM_SHUFFLE_PARTITIONS: 'none' is not allowed; say ")


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("clickstream_platform.cli.runs", "dagster"),  # who is told of a run only where DAGSTER_HOME names somebody
        ("clickstream_platform.streaming.ingest.staging", "pydantic"),  # in every worker
        ("clickstream_platform.streaming.sources.kafka.source", "pydantic"),
    ],
)
def test_what_a_run_and_its_workers_can_do_without_is_not_imported(module: str, spared: str) -> None:
    asked = f"import sys, {module}; sys.exit({spared!r} in sys.modules)"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", asked], env=env, check=False).returncode == 0


def test_a_time_without_the_form_of_one_or_of_no_day_is_told_without_arrow() -> None:
    asked = (
        "import sys\n"
        "from clickstream_platform.events.time_faults import time_fault\n"
        "for text in ('yesterday', '05/01/2026 10:00', '2026-02-30T10:00:00Z', '2026-03-01T10:00:00 CET'):\n"
        "    assert time_fault(f'{{\"timestamp\": \"{text}\"}}'.encode()).startswith(f'{text}: ')\n"
        "sys.exit('pyarrow' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", asked], env=env, check=False).returncode == 0
