"""Homes for commands: without Java, without a SparkSession, with a batch in every table."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from clickstream_platform_tests.cli.engine import TABLES
from clickstream_platform_tests.homes import Home, entry, home_without_java


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home, in a folder without a ``.env``, on a machine without Java."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return home_without_java(tmp_path, monkeypatch)


@pytest.fixture
def without_spark(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Commands get no SparkSession; the test says what the engine does."""
    monkeypatch.setattr("clickstream_platform.cli.app.spark_session", lambda settings, **_: nullcontext(None))  # pyright: ignore[reportUnknownLambdaType]
    home.land("a.json")
    return home


@pytest.fixture
def filled(without_spark: Home) -> Home:
    """Every table has a batch."""
    for name in TABLES:
        without_spark.commit(name, rows=1, of=entry(name))
    return without_spark
