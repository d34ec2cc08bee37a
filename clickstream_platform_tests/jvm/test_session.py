"""What a JVM is started with, by what there is to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.jvm import session
from clickstream_platform.jvm.machine import require_java
from clickstream_platform.jvm.session import FIRST_COMPILER, LONG, spark_conf
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.runtime.backlog import RECORD, estimate_backlog
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import write

OPTIONS = "spark.driver.extraJavaOptions"


@pytest.fixture(autouse=True)
def _no_jars(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr(session, "jar_paths", lambda cache: ())  # pyright: ignore[reportUnknownLambdaType]


@pytest.mark.parametrize(("records", "first_only"), [(0, True), (LONG - 1, True), (LONG, False)])
def test_a_long_run_has_both_compilers(tmp_path: Path, records: int, first_only: bool) -> None:
    conf = spark_conf(Settings(home=tmp_path, cache=tmp_path), require_java(), records)
    assert (FIRST_COMPILER in conf[OPTIONS]) == first_only
    assert conf["spark.driver.memory"] == "2g"


def test_what_the_user_says_goes_before(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path, spark_conf={OPTIONS: "-Xint"})
    assert spark_conf(settings, require_java(), LONG)[OPTIONS] == "-Xint"


def test_a_backlog_is_what_the_table_with_the_most_has_to_read(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path / "home"))
    contracts = list(home.contracts.values())
    assert estimate_backlog(contracts, home.lake) == 0
    home.landing.mkdir(parents=True, exist_ok=True)
    (home.landing / "large.json").write_bytes(b" " * 1000 * RECORD)
    assert estimate_backlog(contracts, home.lake) == 1000
    write(home, "events", [{"user_id": "u"}] * 1500)
    assert estimate_backlog(contracts, home.lake) == 1500
    assert estimate_backlog(contracts[:1], home.lake) == 1000
    assert estimate_backlog(contracts[:1], home.lake, {"events": Lag(1, "files", bytes=7 * RECORD)}) == 7
