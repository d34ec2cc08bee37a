"""Events on the console as they come. What it prints is the whole of what it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.state import Processor
from clickstream_platform.streaming.contract.trigger import Continuous, ProcessingTime, RealTime
from clickstream_platform.streaming.tap.console import AT_ONCE, LONGEST, PrintedRecord, records_of
from clickstream_platform.streaming.tap.tap import Tap, tap_trigger
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.few_records import told_of_few
from clickstream_platform_tests.on_store import needs_a_folder
from clickstream_platform_tests.topics import Topic
from clickstream_platform_tests.waiting import wait_until

SECOND = timedelta(seconds=1)
ARRIVED = int(datetime(2024, 3, 1, 12, tzinfo=timezone.utc).timestamp()) * 1_000_000
FILES = tables(Settings(home=Path("unused")))
KAFKA = tables(Settings(home=Path("unused"), source="kafka://127.0.0.1:1/clicks"))


def test_without_micro_batches_where_spark_can_do_without() -> None:
    assert tap_trigger(KAFKA["events"], None, None) == Continuous(SECOND)
    assert tap_trigger(KAFKA["events"], None, None, real_time=True) == RealTime(5 * SECOND)
    assert tap_trigger(KAFKA["events"], KAFKA["sessions"], "10 s") == ProcessingTime(10 * SECOND)
    assert tap_trigger(FILES["events"], None, "2 s") == ProcessingTime(2 * SECOND)


@pytest.mark.parametrize(
    ("every", "finding"), [("now and then", "no interval"), ("0 s", "at least"), ("1 second", "at least 5 s")]
)
def test_an_interval_that_is_none_is_refused(every: str, finding: str) -> None:
    with pytest.raises(SettingsError, match=f"--every: '{every}': .*{finding}"):
        tap_trigger(KAFKA["events"], None, every, real_time=True)


def test_what_real_time_cannot_do_is_refused_with_sparks_words() -> None:
    with pytest.raises(SettingsError, match=r"FileStreamSource is not supported; leave --real-time out"):
        Tap(FILES["events"], None, RealTime(5 * SECOND))
    with pytest.raises(SettingsError, match=r"HashAggregateExec; leave --real-time out"):
        Tap(KAFKA["events"], KAFKA["user_activity"], RealTime(5 * SECOND))


def test_a_stateful_function_of_its_own_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"user_patterns has a stateful function of its own.*`clickstream run user_"
    ):
        Tap(FILES["events"], FILES["user_patterns"], ProcessingTime(SECOND))


def test_of_what_the_console_prints_only_records_are_read() -> None:
    head = "-------\nBatch: 1\n-------\n+-------+\n|line   |\n+-------+"
    lines = [printed(b"a | b"), printed(b""), printed(None), printed(b"c", None)]
    frame = "\n".join([head, *lines, "+-------+", "only showing top 4 rows", "\n"])
    records = [
        PrintedRecord(b"a | b", 5, ARRIVED),
        PrintedRecord(b"", 0, ARRIVED),
        PrintedRecord(None, 0, ARRIVED),
        PrintedRecord(b"c", 1, None),
    ]
    assert list(records_of(BytesIO(frame.encode()))) == [records]


@pytest.mark.parametrize("row", ["|no record|", "|YQ==,1|", "|Y,1,5|", r"|YQ\r\n==,1,5|"])
def test_a_row_that_is_no_record_is_not_dropped_in_silence(row: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(records_of(BytesIO(f"{row}\n".encode())))


def test_records_are_read_as_soon_as_they_are_printed_and_as_many_at_once_as_there_are() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as output, os.fdopen(writing, "wb", buffering=0) as jvm:
        read = records_of(output)
        jvm.write(f"{printed(b'one')}\n{printed(b'two')}\n{printed(b'three')[:9]}".encode())
        assert [each.value for each in next(read)] == [b"one", b"two"]
        jvm.write(f"{printed(b'three')[9:]}\n".encode())
        assert [each.value for each in next(read)] == [b"three"]


def test_a_line_longer_than_what_is_read_at_once_is_read_whole() -> None:
    line = printed(b"x").replace(" |", f"{' ' * 3 * AT_ONCE}|")
    found = [each.value for records in records_of(BytesIO(f"{line}\n{line}\n".encode())) for each in records]
    assert found == [b"x", b"x"]


def test_an_event_is_shown_by_what_a_person_looks_at_first() -> None:
    fields = {"user_id": 7, "event_type": "click", "page_url": "/a\tb", "timestamp": "2024-03-01T12:00:00.1239+02:00"}
    assert shown(json.dumps(fields).encode()) == "2024-03-01 10:00:00.123  7  -  click  /a\\tb  -  -"
    assert shown(line("u", "0001-01-03T00:00:00Z").encode()).startswith("0001-01-03 00:00:00.000  u  -  click  -")
    assert shown(line("u").encode(), arrived_at=None).startswith("2024-03-01 10:00:00.000  u")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"{broken\n\r", r"malformed_json:  {broken\n\r"),
        (b'{"timestamp": "soon"}', 'missing_user_id, bad_timestamp, missing_event_type:  {"timestamp": "soon"}'),
        (b'{"user_id": "\xff"}', 'malformed_json:  {"user_id": "\ufffd"}'),
        (b"[]" + b" " * 300, "not_an_object:  []"),
        (b"", "malformed_json:"),
        (None, "no_value:  no value"),
        ("ö€😀".encode() * 100, f"malformed_json:  {'ö€😀' * 66}ö€"),
    ],
)
def test_a_rejected_record_is_shown_with_its_reasons_and_its_first_characters(value: bytes | None, text: str) -> None:
    assert shown(value) == f"rejected, {text}"


def test_what_comes_too_early_for_its_arrival_is_rejected() -> None:
    assert shown(line("u").encode(), arrived_at=0).startswith('rejected, future_timestamp:  {"user_id": "u"')


def test_a_record_too_long_for_the_console_is_shown_unparsed() -> None:
    value = json.dumps(event("u", page_url="/" * LONGEST)).encode()
    assert shown(value) == f"not parsed, {len(value):,} bytes:  {value[:200].decode()}"
    assert shown(value, max_record_bytes=LONGEST) == f"rejected, too_large:  {value[:200].decode()}"
    assert shown(value[:LONGEST], max_record_bytes=100) == f"rejected, too_large:  {value[:200].decode()}"
    assert "  u  " in shown(json.dumps(event("u", page_url="/" * 7_000)).encode())


def test_an_event_id_that_comes_in_a_header_makes_no_difference() -> None:
    record = json.dumps(event("u", event_id=" ")).encode()
    assert shown(record, event_id_header="id") == shown(record)
    assert "  u  " in shown(record)


@pytest.mark.spark
def test_files_are_shown_from_now_on_and_nothing_is_left_behind(tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "home")
    landing = Path(home.source_url)
    landing.mkdir(parents=True)
    old = landing / "old.json"
    old.write_text(line("old"))
    os.utime(old, (0, 0))
    with tapped(home, "--every", "500 ms") as tap:
        tap.shows("new", keep_on=lambda: land(landing, line("new") + "{broken\n"))
    assert "rejected, malformed_json:  {broken" in tap.text()
    assert "old" not in tap.text()
    assert tap.process.returncode == 0
    assert sorted(path.name for path in home.home.iterdir()) == ["landing", "spark.log"]


@pytest.mark.spark
@pytest.mark.parametrize("how", [[], ["--real-time"]])
def test_a_topic_with_more_partitions_than_cores_is_shown_without_micro_batches(
    topic: Topic, tmp_path: Path, how: list[str]
) -> None:
    topic.made(3).send(event("from-before"), partition=2)
    home = Settings(home=tmp_path / "home", source=topic.url)
    with tapped(home, "--from-start", *how) as tap:
        tap.shows("from-before")
        topic.send(None, b"", b"\xff", b"x" * 20_000, partition=0, headers=[("id", b"\xfe")])
        topic.send(event("live", page_url="/\x1b[2J"), partition=1)
        tap.shows("live")
        tap.shows("not parsed, 20,000 bytes:  xxx")
    assert {"rejected, no_value:  no value", "rejected, malformed_json:", "rejected, malformed_json:  \ufffd"} < set(
        tap.text().splitlines()
    )
    assert "\x1b" not in tap.text()
    assert tap.process.returncode == 0


@pytest.mark.spark
def test_a_tables_query_is_shown_whole_again_and_again(tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "home")
    land(Path(home.source_url), line("u1"))
    with tapped(home, "--console", "user_activity", "--from-start") as tap:
        tap.shows("|u1 ")
        land(Path(home.source_url), line("u2"))
        tap.shows("|u2 ")
    last = tap.text().rpartition("Batch: ")[2]
    assert "|u1 " in last
    assert "total_events" in last


@pytest.mark.spark
def test_every_tables_query_can_be_shown(lab: Lab, tmp_path: Path) -> None:
    needs_a_folder("a session of `tap` is none of a store's")
    lab.land(*(event(f"user-{i // 6}", f"10:00:0{i % 6}", event_type="purchase") for i in range(12)))
    shown_as_a_whole = [table for table in lab.contracts.values() if not isinstance(table.state, Processor)]
    for name, table in ((table.name, table) for table in shown_as_a_whole):
        tap = Tap(lab.contracts["events"], table, ProcessingTime(SECOND), from_start=True)
        query = tap.start(lab.spark, tmp_path / name)
        try:
            query.processAllAvailable()
            shown = [progress["sink"]["numOutputRows"] for progress in query.recentProgress]
        finally:
            query.stop()
        assert max(shown) > 0, name


@dataclass
class Tapped:
    process: subprocess.Popen[bytes]
    output: Path

    def text(self) -> str:
        return self.output.read_text()

    def shows(self, text: str, keep_on: Callable[[], object] = lambda: None) -> None:
        """Wait for a text; what is to be done until then is done again and again."""
        wait_until(lambda: text in self.text(), self.process, every=0.5, meanwhile=keep_on)


@contextmanager
def tapped(home: Settings, *arguments: str) -> Generator[Tapped]:
    """A tap of its own, ended by SIGTERM."""
    home.home.mkdir(exist_ok=True)
    output = home.home.parent / "output"
    named = {"CLICKSTREAM_HOME": str(home.home), "CLICKSTREAM_SOURCE": home.source}
    environment = told_of_few({**os.environ, **named})
    command = [sys.executable, "-c", "from clickstream_platform.cli import main; main()", "tap", *arguments]
    with output.open("wb") as stdout:
        process = subprocess.Popen(command, env=environment, stdout=stdout, start_new_session=True)
    try:
        yield Tapped(process, output)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def printed(value: bytes | None, arrived_at: int | None = ARRIVED) -> str:
    """A record as the console prints it."""
    first = "-,-" if value is None else f"{b64encode(value[:LONGEST]).decode()},{len(value)}"
    return f"|{first},{'-' if arrived_at is None else arrived_at}   |"


def shown(value: bytes | None, arrived_at: int | None = ARRIVED, **settings: Any) -> str:
    """A record as a person sees it, after it went through the console."""
    events = tables(Settings(home=Path("unused"), **settings))["events"]
    (records,) = records_of(BytesIO(f"{printed(value, arrived_at)}\n".encode()))
    (text,) = Tap(events, None, ProcessingTime(SECOND)).lines(records)
    return text


def line(user: str, timestamp: str = "2024-03-01T10:00:00Z") -> str:
    return f'{{"user_id": "{user}", "event_type": "click", "timestamp": "{timestamp}"}}\n'


def land(folder: Path, text: str) -> None:
    """Another file, as producers land one."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{time.monotonic_ns()}"
    hidden.write_text(text)
    hidden.rename(folder / f"{hidden.name[1:]}.json")
