"""What a JVM is started with, by what there is to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from py4j.protocol import REFLECTION_COMMAND_NAME
from pyspark.sql import functions as F

from clickstream_platform.jvm import session
from clickstream_platform.jvm.machine import require_java
from clickstream_platform.jvm.session import FIRST_COMPILER, LONG, spark_conf
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.runtime.backlog import RECORD, estimate_backlog
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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


def test_what_many_expressions_need_is_looked_up_once(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = spark.sparkContext._gateway._gateway_client  # type: ignore[union-attr]
    asked: list[str] = []
    send = client.send_command

    def watched(command: str, *arguments: Any, **named: Any) -> Any:
        asked.append(command)
        return send(command, *arguments, **named)

    monkeypatch.setattr(client, "send_command", watched)
    assert str(F.col("a") + F.lit(1)) == "Column<'+(a, 1)'>"
    assert len(asked) >= 4
    assert [command for command in asked if command.startswith(REFLECTION_COMMAND_NAME)] == []
