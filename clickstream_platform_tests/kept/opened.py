"""A lake that an earlier release made, unpacked: what is in it, what its source holds, what commands say of it."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable

from clickstream_platform.settings import from_env
from clickstream_platform.simulator.broker import Broker
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.kept.make import EXPECTED, KEPT, ROOT
from clickstream_platform_tests.topics import Topic

RELEASES = sorted(path.parent.name for path in KEPT.glob(f"*/{EXPECTED}"))

Place = tuple[str, int]
Held = dict[Place, bytes | None]  # what a source holds: each record by its place
Row = dict[str, Any]


def id_of(record: bytes | None) -> tuple[Any, Any] | None:
    """What makes an event a duplicate, as it was sent; None if nothing does."""
    try:
        sent = json.loads(record or b"")
    except ValueError:
        return None
    is_known = isinstance(sent, dict) and sent.get("event_id") is not None
    return (sent["event_id"], sent.get("timestamp")) if is_known else None


def rows_of(lab: Lab, table: str) -> list[Row]:
    return DeltaTable(str(lab.settings.lake_folder / table)).to_pyarrow_table().to_pylist()


def rows_by_place(lab: Lab, table: str) -> dict[Place, Row]:
    """A table's rows, none of which may have the place of another."""
    rows = rows_of(lab, table)
    by_place = {(row["partition"], row["offset"]): row for row in rows}
    assert len(by_place) == len(rows)
    return by_place


def lines_of(landing: Path, unreadable: list[str]) -> Held:
    """The lines of a landing folder that are not blank."""
    files = [file for file in landing.iterdir() if file.name not in unreadable]
    contents = {f.name: gzip.decompress(f.read_bytes()) if f.suffix == ".gz" else f.read_bytes() for f in files}
    return {
        (name, number): line
        for name, content in contents.items()
        for number, line in enumerate(content.split(b"\n"))
        if line.strip()
    }


def records_of(topic: Topic) -> Held:
    """All records of a topic."""
    consumer = Consumer({"bootstrap.servers": topic.address, "group.id": "count", "enable.auto.commit": False})
    found: Held = {}
    for number in consumer.list_topics(topic.name, 10).topics[topic.name].partitions:
        partition = TopicPartition(topic.name, number, 0)
        end = consumer.get_watermark_offsets(partition, 10)[1]
        consumer.assign([partition])
        for _ in range(end):
            message = consumer.poll(10)
            assert message is not None
            assert message.error() is None
            found[f"{topic.name}/{number}", message.offset() or 0] = message.value()
    consumer.close()
    return found


def status(lab: Lab) -> list[Row]:
    return told(lab, "status", "--json")["tables"]


def ledger_of(lab: Lab) -> list[Row]:
    """What the batches of ``events`` did. The ledger has to balance."""
    return told(lab, "ledger", "--table", "events", "--limit", "0", "--json")["entries"]


def total(ledger: list[Row], count: str) -> int:
    return sum(entry[count] for entry in ledger)


def told(lab: Lab, *arguments: str) -> Row:
    """What a command says of a lake, in a process that finds no Java. It has to exit with 0."""
    environment = {
        **os.environ,
        "CLICKSTREAM_HOME": str(lab.settings.home),
        "CLICKSTREAM_SOURCE": lab.settings.source,
        "JAVA_HOME": str(lab.settings.home / "nowhere"),
        "PATH": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    program = [sys.executable, "-c", "from clickstream_platform.cli import main; main()", *arguments]
    run = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 0, run.stdout
    return json.loads(run.stdout)


def expected_of(release: str, lake: str) -> Row:
    return json.loads((KEPT / release / EXPECTED).read_text())[lake]


@contextmanager
def unpacked(release: str, lake: str) -> Generator[Path]:
    """The home of a kept lake, where it was made. One process at a time has it, and leaves nothing behind."""
    home = ROOT / release / lake
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Broker(home / "kafka").down(kill=True)  # of a test that was killed: it would write into the folder
        shutil.rmtree(home, ignore_errors=True)
        with tarfile.open(KEPT / release / f"{lake}.tar.xz") as archive:
            archive.extractall(home, filter="data")
        try:
            yield home
        finally:
            shutil.rmtree(home)


@contextmanager
def running(broker: Broker) -> Generator[str]:
    """The address of a broker that runs as long as the block."""
    try:
        yield broker.up(from_env().cache)
    finally:
        broker.down()
