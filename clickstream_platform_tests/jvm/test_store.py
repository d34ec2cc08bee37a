"""Spark on an object store: what of two writers' files stays, and a query that was killed there.

A session's class path is fixed when its JVM starts, so each test with Spark has a process of its own, started with
what a session on a store has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm import class_data, session
from clickstream_platform.jvm import store as jvm_store
from clickstream_platform.jvm.class_data import archive
from clickstream_platform.jvm.jars import SPARK_JARS
from clickstream_platform.jvm.machine import Java
from clickstream_platform.jvm.s3_jars import S3_JARS
from clickstream_platform.jvm.session import spark_conf
from clickstream_platform.jvm.store import OWN_JAR, OWN_SHA256, own_jar
from clickstream_platform.settings import Settings
from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.store.azure import AzureAccess
from clickstream_platform.store.google import GoogleAccess
from clickstream_platform.store.s3 import S3Access
from clickstream_platform_tests.on_store import AnyStore

ROOT = Path(__file__).parents[2]
JAVA = Java(Path("/java"), "17")

SESSION = """
import json, os, signal, sys
from pathlib import Path
from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform_tests.few_records import FEW

endpoint, place, home = sys.argv[1:]
where = {"lake": place, "store_endpoint": endpoint, "store_allow_http": True}
settings = Settings(home=Path(home), spark_master="local[2]", spark_conf=FEW, **where)
place = str(settings.lake_folder)
spark = build_session(settings, store=settings.lake_folder.access, jvm_log=Path(home, "spark.log"))
"""

# Run twice at once. Each round: threads of both processes, each with its own text, begin to write one file together.
# Both, as a lock within one process would do for the threads of one.
RACE = (
    SESSION
    + """
import time
from threading import Barrier, Thread
jvm, conf = spark._jvm, spark.sparkContext._jsc.hadoopConfiguration()
Path_, WRITERS, ROUNDS = jvm.org.apache.hadoop.fs.Path, 4, 5
me, met = Path(home).name, Path(home).parent

def meet(where):
    (met / f"{where}-{me}").touch()
    deadline = time.monotonic() + 120
    while len(list(met.glob(f"{where}-*"))) < 2:
        assert time.monotonic() < deadline, "the other process does not come"
        time.sleep(0.001)

def commits(path, text):
    actions = jvm.java.util.ArrayList()
    actions.add(text)
    log = jvm.io.clickstream.PutIfAbsentLogStore(conf)
    return lambda: log.write(path, actions.iterator(), False, conf)

def checkpoints(path, text):
    file = jvm.io.clickstream.PutIfAbsentCheckpointFileManager(path.getParent(), conf).createAtomic(path, False)
    file.write(text.encode())
    return file.close

def race(kind, n):
    path = Path_(f"{place}/{kind.__name__}/{n}")
    mine = [f"{me}{i}" for i in range(WRITERS)]
    writes, said, barrier = [kind(path, text) for text in mine], [""] * WRITERS, Barrier(WRITERS)
    meet(f"{kind.__name__}{n}")
    def write(i):
        barrier.wait()
        try:
            writes[i]()
        except Exception as failed:
            said[i] = failed.java_exception.getClass().getName()
    threads = [Thread(target=write, args=(i,)) for i in range(WRITERS)]
    for each in threads: each.start()
    for each in threads: each.join()
    meet(f"{kind.__name__}{n}-over")
    (stands,) = spark.sparkContext.wholeTextFiles(path.toString()).values().collect()
    won = [text for text, refused in zip(mine, said) if not refused]
    return {"won": won, "stands": stands.strip(), "refused": [each for each in said if each]}

print(json.dumps({kind.__name__: [race(kind, n) for n in range(ROUNDS)] for kind in (commits, checkpoints)}))
"""
)

# Killed between the commit of the table and that of the checkpoint, if it is told in which batch.
STREAM = (
    SESSION
    + """
kill = int(os.environ.get("KILL", "-1"))

def batch(rows, n):
    written = rows.write.format("delta").mode("append").option("txnAppId", "test").option("txnVersion", n)
    written.save(f"{place}/table")
    if n == kill:
        os.kill(spark.sparkContext._gateway.proc.pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

lines = spark.readStream.option("maxFilesPerTrigger", 1).text(str(Path(home, "lines")))
query = lines.writeStream.option("checkpointLocation", f"{place}/checkpoint").foreachBatch(batch)
query.trigger(availableNow=True).start().awaitTermination()
table = spark.read.format("delta").load(f"{place}/table")
versions = spark.sql(f"DESCRIBE HISTORY delta.`{place}/table`").count()
print(json.dumps({"lines": sorted(row.value for row in table.collect()), "versions": versions}))
"""
)


def spark_process(
    program: str, store: AnyStore, place: str, home: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A program on a session on the store, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program, store.endpoint, place, str(home)],
        env={**os.environ, **store.environment, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def raced(each_store: AnyStore, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes tells of the same rounds."""
    homes, place = tmp_path_factory.mktemp("race"), each_store.address(f"race-{secrets.token_hex(4)}")
    for home in "ab":
        (homes / home).mkdir()
    with ThreadPoolExecutor() as both:
        ended = both.map(lambda home: spark_process(RACE, each_store, place, homes / home), "ab")
        return [told(each) for each in ended]


@pytest.mark.parametrize(
    ("kind", "refusal"),  # Delta and Spark each know a lost race by its own exception, and take others for a failure
    [
        ("commits", "java.nio.file.FileAlreadyExistsException"),
        ("checkpoints", "org.apache.hadoop.fs.FileAlreadyExistsException"),
    ],
)
def test_of_writers_of_two_processes_that_race_for_one_file_exactly_one_wins(
    raced: list[dict[str, Any]], kind: str, refusal: str
) -> None:
    rounds = list(zip(*(each[kind] for each in raced), strict=True))

    assert len(rounds) == 5
    for one, other in rounds:
        assert one["won"] + other["won"] == [one["stands"]] == [other["stands"]]
        assert one["refused"] + other["refused"] == [refusal] * 7


def test_a_query_killed_between_table_and_checkpoint_goes_on_exactly(
    store: Seaweed, place: str, tmp_path: Path
) -> None:
    (tmp_path / "lines").mkdir()
    for i in range(4):
        (tmp_path / "lines" / f"{i}.txt").write_text(f"{i}a\n{i}b\n")

    killed = spark_process(STREAM, store, place, tmp_path, KILL="1")
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    after = told(spark_process(STREAM, store, place, tmp_path))

    assert after == {"lines": [f"{i}{line}" for i in range(4) for line in "ab"], "versions": 4}


@pytest.mark.spark
def test_the_jar_is_what_the_sources_give(tmp_path: Path) -> None:
    command = [sys.executable, "java/build.py", str(tmp_path / "own.jar")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr
    with zipfile.ZipFile(tmp_path / "own.jar") as built, zipfile.ZipFile(OWN_JAR) as kept:
        assert built.namelist() == kept.namelist()
    if _is_javac_17():  # another compiles the same classes to other bytes
        assert said.stdout.strip() == OWN_SHA256


def _is_javac_17() -> bool:
    asked = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    return asked.stdout.startswith("javac 17.")


def test_the_jar_in_the_package_was_built_from_these_sources() -> None:
    sources = b"".join(file.read_bytes() for file in sorted((ROOT / "java").rglob("*.java")))
    with zipfile.ZipFile(own_jar()) as jar:
        assert jar.read("sources").decode() == hashlib.sha256(sources).hexdigest()


@pytest.mark.parametrize("content", [None, b"PK"])
def test_an_altered_jar_is_refused_before_a_jvm_has_it(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "put_if_absent.jar"
    if content:
        jar.write_bytes(content)
    monkeypatch.setattr(jvm_store, "OWN_JAR", jar)

    with pytest.raises(SetupError, match="it is not the jar that belongs to this version; install the package anew"):
        own_jar()


def test_a_session_on_a_folder_asks_for_no_jar_and_no_class_of_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "jar_paths", lambda cache: (Path("/spark.jar"),))  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.setattr(session, "store_jar_paths", None)

    conf = spark_conf(Settings(home=tmp_path, cache=tmp_path), JAVA)

    assert conf["spark.driver.extraClassPath"] == "/spark.jar"
    assert [key for key, value in conf.items() if "s3" in key or "clickstream.Put" in value] == []


def test_the_classes_of_a_session_on_a_store_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jar_paths", "store_jar_paths"):
        monkeypatch.setattr(session, name, lambda *_: ())  # pyright: ignore[reportUnknownLambdaType]
    settings, options = Settings(home=tmp_path, cache=tmp_path), "spark.driver.extraJavaOptions"
    archives = [
        re.findall(r"/\.(classes-\w+)-\d", spark_conf(settings, JAVA, 0, store)[options])
        for store in (None, S3Access(), AzureAccess(account="ours"), GoogleAccess())
    ]

    assert all(archives)
    assert len({*map(tuple, archives)}) == 4


def test_an_archive_of_classes_is_none_for_another_jar_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = archive(JAVA, tmp_path, client="hadoop-aws")
    assert ours == archive(JAVA, tmp_path, client="hadoop-aws")
    for where in ("updated.jar", "elsewhere/updated.jar"):  # a JVM would refuse the archive, and none would be made
        other = tmp_path / where
        other.parent.mkdir(exist_ok=True)
        shutil.copyfile(OWN_JAR, other)
        monkeypatch.setattr(class_data, "OWN_JAR", other)
        assert archive(JAVA, tmp_path, client="hadoop-aws") != ours
    os.utime(other, ns=(1, 1))
    replaced = archive(JAVA, tmp_path, client="hadoop-aws")
    os.utime(other, ns=(2, 2))
    assert archive(JAVA, tmp_path, client="hadoop-aws") != replaced


def test_no_conf_has_the_key_or_its_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    monkeypatch.setattr(session, "store_jar_paths", lambda cache, access: ())  # pyright: ignore[reportUnknownLambdaType]

    conf = spark_conf(Settings(home=tmp_path, cache=tmp_path), JAVA, 0, S3Access("http://127.0.0.1:1", path_style=True))

    assert conf["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:1"
    assert conf["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert [value for value in conf.values() if "the-" in value] == []


def test_no_jar_of_a_store_hides_one_that_is_there_already() -> None:
    pyspark = find_spec("pyspark")
    assert pyspark is not None
    assert pyspark.origin is not None
    theirs = {file.name.rpartition("-")[0] for file in Path(pyspark.origin).with_name("jars").glob("*.jar")}
    assert len(theirs) > 100

    assert {jar.name for jar in S3_JARS} & (theirs | {jar.name for jar in SPARK_JARS}) == set()
