"""The tables' names in a Hive metastore."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from clickstream_platform.settings import Settings
from clickstream_platform_tests.command import clickstream, in_a_process_of_its_own
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import write
from clickstream_platform_tests.metastore import metastore
from clickstream_platform_tests.on_store import needs_a_folder

# Spark as others have it: Delta's jars and the metastore's address, nothing of this project's session.
READER = """
import json, sys
from pathlib import Path
from pyspark.sql import SparkSession
from clickstream_platform.catalog import CatalogError, Metastore
jars, uris = sys.argv[1:]
conf = {
    "spark.master": "local[1]", "spark.driver.extraClassPath": jars, "spark.ui.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1", "spark.sql.codegen.wholeStage": "false",
    "spark.sql.catalogImplementation": "hive", "spark.hadoop.hive.metastore.uris": uris,
    "spark.databricks.delta.snapshotPartitions": "1", "spark.sql.shuffle.partitions": "1",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
spark = SparkSession.builder.config(map=conf).getOrCreate()

def refusal(database):
    try:
        Metastore(uris, database).register(spark, {"alerts": Path("/new"), "sessions": Path("/elsewhere")})
    except CatalogError as error:
        return str(error)

events, sessions = spark.table("default.events"), spark.table("default.sessions")
print("\\n" + json.dumps({
    "tables": sorted(each.name for each in spark.catalog.listTables("default")),
    "users": sorted(row["user_id"] for row in events.collect()),
    "sessions": sessions.count(),
    "refused": [refusal("default"), refusal("nowhere")],
    "place": spark.sql("describe detail default.sessions").collect()[0]["location"],
}))
"""


def test_tables_have_names_that_others_read_and_that_show_later_commits(lab: Lab, tmp_path: Path) -> None:
    from clickstream_platform.jvm.jars import jar_paths  # noqa: PLC0415 - who has no JVM needs none

    needs_a_folder("who reads it there has no client of a store")
    lab.land(event("u1"))
    lab.run("events", "sessions")
    folder = tmp_path / "hive store"
    folder.mkdir()
    with metastore(folder) as uris:
        done = in_a_process_of_its_own(lab.settings.home, "register", uris)
        assert (done.returncode, done.stdout.count(" new ")) == (0, len(lab.lake.names())), done.stderr
        lab.land(event("u2"))
        lab.run("events", "sessions")
        jars = ":".join(map(str, jar_paths(lab.settings.cache)))
        told = subprocess.run([sys.executable, "-c", READER, jars, uris], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-3000:]
    read = json.loads(told.stdout.splitlines()[-1])
    assert (read["tables"], read["users"], read["sessions"]) == (lab.lake.names(), ["u1", "u2"], 2)
    taken, missing = read["refused"]
    assert f"default.sessions is something else already, at {lab.lake.root}/sessions; drop that name" in taken
    assert "it has no database 'nowhere'; create it" in missing
    place = read["place"].removeprefix("file:")
    assert pl.scan_delta(place).select("user_id").collect().height == 2
    assert len(duckdb.read_parquet(DeltaTable(place).file_uris()).fetchall()) == 2


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("metastore:9083",), "is no address of one; write thrift://host:9083", 2),
        (("thrift://metastore:port",), "is no address of one", 2),
        (("thrift://localhost:1", "--database", "a b"), "'a b' can be no database's name", 2),
        (("thrift://localhost:1",), "there is no lake here yet; `clickstream run` begins one", 1),
    ],
)
def test_what_cannot_be_is_said_before_a_jvm_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str, code: int
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    done = clickstream("register", *arguments)
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (code, True), done.stderr


def test_a_metastore_that_does_not_answer_is_told_in_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    write(Home(Settings(home=tmp_path)), "events", [{"user_id": "u"}])
    done = clickstream("register", "thrift://localhost:1")
    assert (done.exit_code, "localhost:1: Connection refused" in done.stderr) == (1, True), done.stderr
