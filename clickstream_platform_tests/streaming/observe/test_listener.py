"""What queries say of themselves: from Spark's own words to the lines, and from there to who is at work."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.observe.journal import CONF, Journal
from clickstream_platform.streaming.observe.listener import Listener, listen
from clickstream_platform.streaming.observe.query_status import QueryStatus, queries
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.waiting import wait_until

ABOUT = {"id": "q", "runId": "r", "name": "sessions-abc", "timestamp": "2024-03-01T12:00:00.000Z"}
OPERATOR = {"operatorName": "stateStoreSave", "numRowsTotal": 7, "memoryUsedBytes": 900}
BATCH = {
    **ABOUT,
    "batchId": 4,
    "numInputRows": 50,
    "inputRowsPerSecond": 12.345,
    "processedRowsPerSecond": 25.0,
    "durationMs": {"addBatch": 1_900, "triggerExecution": 2_000},
    "eventTime": {"watermark": "2024-03-01T11:50:00.000Z"},
    "stateOperators": [OPERATOR, OPERATOR],
}
NOTHING = {**ABOUT, "batchId": 5, "durationMs": {"latestOffset": 3}, "eventTime": {}, "stateOperators": []}


class Event:
    """An event as the JVM hands it over."""

    def __init__(self, said: dict[str, Any] | str) -> None:
        self.said = said

    def json(self) -> str:
        return self.said if isinstance(self.said, str) else json.dumps(self.said)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "queries"


@pytest.fixture
def listener(folder: Path) -> Listener:
    listener = Listener(Journal(folder))
    listener.onQueryStarted(Event(ABOUT))
    return listener


def last(folder: Path) -> QueryStatus:
    return queries(folder)[0][-1]


def test_a_query_is_seen_before_its_first_batch_is_through(listener: Listener, folder: Path) -> None:
    assert last(folder) == QueryStatus("2024-03-01T12:00:00.000Z", "q", "r", "sessions-abc", "started")
    assert (last(folder).table, last(folder).is_active) == ("sessions", True)


def test_a_batch_says_what_it_read_and_what_is_kept(listener: Listener, folder: Path) -> None:
    listener.onQueryProgress(Event({"progress": BATCH}))
    found = last(folder)
    assert (found.status, found.batch_id, found.input_rows, found.duration_ms) == ("running", 4, 50, 2_000)
    assert (found.input_rows_per_second, found.processed_rows_per_second) == (12.3, 25.0)
    assert (found.watermark, found.state_rows, found.state_bytes) == ("2024-03-01T11:50:00.000Z", 14, 1_800)


def test_a_query_with_nothing_to_read_is_idle_and_keeps_what_it_said_last(listener: Listener, folder: Path) -> None:
    listener.onQueryProgress(Event({"progress": BATCH}))
    listener.onQueryProgress(Event({"progress": NOTHING}))
    for second in range(10, 60, 10):
        listener.onQueryIdle(Event({**ABOUT, "timestamp": f"2024-03-01T12:00:{second}.000Z"}))
    (said,) = queries(folder)
    assert [each.status for each in said] == ["started", "running", "idle"]
    assert (said[-1].batch_id, said[-1].state_rows, said[-1].is_active) == (4, 14, True)


def test_a_query_that_failed_says_of_what(listener: Listener, folder: Path) -> None:
    listener.onQueryTerminated(Event({**ABOUT, "exception": "it broke\n\tat java\n"}))
    assert (last(folder).status, last(folder).problem, last(folder).is_active) == ("failed", "it broke", False)


def test_a_query_that_failed_in_our_part_of_a_batch_says_what_the_traceback_ends_with(
    listener: Listener, folder: Path
) -> None:
    traceback = "Traceback (most recent call last):\n  File x\nSourceError: no room\n\n\tat py4j\n SQLSTATE: 1"
    listener.onQueryTerminated(Event({**ABOUT, "exception": f"Py4JException: {traceback}"}))
    assert last(folder).problem == "SourceError: no room"


def test_a_query_whose_process_is_gone_was_killed(folder: Path) -> None:
    journal = Journal(folder)
    Listener(journal).onQueryStarted(Event(ABOUT))
    journal.close()
    assert (last(folder).status, last(folder).is_active) == ("killed", False)


def test_what_another_version_wrote_is_read_as_far_as_it_is_known(folder: Path) -> None:
    folder.mkdir()
    line = {"at": "t", "id": "q", "run_id": "r", "name": "n", "status": "ended", "new": 1}
    (folder / "1.jsonl").write_text(f'{json.dumps(line)}\n{{"at": "t"}}\n')
    assert queries(folder) == [[QueryStatus("t", "q", "r", "n", "ended")]]


def test_an_event_that_nobody_understands_is_warned_of_once(
    listener: Listener, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        listener.onQueryProgress(Event("no json"))
        listener.onQueryProgress(Event({"progress": {"runId": "r"}}))
    assert len(caplog.messages) == 1
    assert "cannot be written down (JSONDecodeError(" in caplog.text
    assert last(folder).status == "started"


@pytest.mark.spark
def test_a_run_leaves_lines_of_every_batch(lab: Lab) -> None:
    lab.land(event("a", "10:00:00"), event("b", "10:01:00"))
    lab.run(
        "events",
        run_id="first",
    )
    lab.run("user_activity", run_id="second")
    folder = Path(lab.spark.sparkContext.getConf().get(CONF) or "")

    def said(name: str) -> list[QueryStatus]:
        return next((said for said in queries(folder) if said[0].name == name), [])

    for name in ("events-first", "user_activity-second"):
        wait_until(lambda name=name: [each.status for each in said(name)][-1:] == ["ended"])
    assert [each.status for each in said("events-first")][:2] == ["started", "running"]
    (batch,) = [each for each in said("user_activity-second") if each.batch_id == 0 and each.status == "running"]
    assert (batch.input_rows, batch.state_rows) == (2, 2)
    assert batch.state_bytes
    assert batch.processed_rows_per_second


@pytest.mark.spark
def test_a_query_that_fails_is_written_down_with_what_it_failed_of(lab: Lab) -> None:
    def fails(_: Entry) -> None:
        raise SourceError("events", "there is no room", "make some")

    lab.land(event("a", "10:00:00"))
    with pytest.raises(SourceError):
        lab.run("events", run_id="failing", hooks=Hooks(committed=fails))
    folder = Path(lab.spark.sparkContext.getConf().get(CONF) or "")
    wait_until(lambda: last(folder).status == "failed")
    assert last(folder).name == "events-failing"
    assert "there is no room" in (last(folder).problem or "")


@pytest.mark.spark
def test_a_listener_that_throws_stops_no_query_and_is_warned_of_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def throws(*_: object) -> None:
        msg = "of the listener"
        raise ValueError(msg)

    monkeypatch.setattr(Journal, "write", throws)
    lab.land(event("a", "10:00:00"))
    with caplog.at_level(logging.WARNING, "clickstream_platform"):
        lab.run("events")
        wait_until(lambda: "of the listener" in caplog.text)
    assert lab.lake.events.rows() == 1
    (message,) = (message for message in caplog.messages if "of the listener" in message)
    assert "what the queries say cannot be written down (ValueError('of the listener')); the run goes on" in message


@pytest.mark.spark
def test_a_session_without_a_place_for_it_is_not_listened_to(spark: SparkSession) -> None:
    session = spark.newSession()
    session.conf.set(CONF, "")
    listen(session)
    assert list(session.streams._jsqm.listListeners()) == []  # type: ignore[union-attr]
