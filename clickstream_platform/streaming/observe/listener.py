"""What streaming queries say of themselves while they run: heard from Spark, written into the journal.

What is written there, :mod:`.query_status` reads without Spark.

Spark tells a listener of every batch, from a thread of its own: no batch waits for it (measured by
``bench/monitoring.py``). A listener that fails is warned of once a process and changes nothing for the query.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet

from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import StreamingQueryListener

from clickstream_platform.streaming.observe.journal import CONF, Journal
from clickstream_platform.streaming.observe.query_status import QueryStatus
from clickstream_platform.wording import iso


def with_progress(before: QueryStatus, progress: dict[str, Any]) -> QueryStatus:
    """What a query says once Spark has reported a progress, which is of a batch only if something was executed."""
    if "addBatch" not in progress.get("durationMs", {}):
        return replace(before, at=progress["timestamp"], status="idle")
    operators = progress["stateOperators"]
    return replace(
        before,
        at=progress["timestamp"],
        status="running",
        batch_id=progress["batchId"],
        input_rows=progress.get("numInputRows"),
        input_rows_per_second=_rounded(progress.get("inputRowsPerSecond")),
        processed_rows_per_second=_rounded(progress.get("processedRowsPerSecond")),
        watermark=_known_watermark(progress.get("eventTime", {}).get("watermark")),
        state_rows=sum(each["numRowsTotal"] for each in operators) if operators else None,
        state_bytes=sum(each["memoryUsedBytes"] for each in operators) if operators else None,
        duration_ms=progress["durationMs"].get("triggerExecution"),
        last_progress=progress["timestamp"],
    )


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 1)


def _known_watermark(watermark: str | None) -> str | None:
    """Spark's watermark begins at 1970, which says nothing."""
    return None if watermark is None or watermark.startswith("1970") else watermark


class Listener(StreamingQueryListener):
    """Hears of the queries of one session, from threads of Spark's, and writes down what each says.

    PySpark's way to call a listener fetches an event field by field: some hundred calls of the JVM, 0.2 s of this
    process's time a batch. This one is called by the JVM itself, and takes each event as one text.
    """

    class Java:
        """The Java interface that it implements."""

        implements = ("org.apache.spark.sql.streaming.PythonStreamingQueryListener",)

    @property
    def _jlistener(self) -> Any:
        """What ``addListener`` gives to the JVM."""
        jvm: Any = SparkContext._jvm  # pyright: ignore[reportPrivateUsage] - as PySpark's own does
        return jvm.PythonStreamingQueryListenerWrapper(self)

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: dict[str, QueryStatus] = {}

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802 - the names are Spark's
        """Before ``start()`` returns: the query waits for this one."""
        self._note(event, _started)

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802
        """After every batch."""
        self._note(event, lambda before, report: with_progress(before, report["progress"]))

    def onQueryIdle(self, event: Any) -> None:  # noqa: N802
        """Every some seconds while there is nothing to read."""
        self._note(event, lambda before, report: replace(before, at=report["timestamp"], status="idle"))

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802
        """At the end, some tenths of a second after whoever waited for it went on."""
        self._note(event, _terminated)

    def _note(self, event: Any, now: Callable[[QueryStatus, dict[str, Any]], QueryStatus]) -> None:
        try:
            report = json.loads(event.json())
            run_id = report.get("progress", report)["runId"]
            before = self._last.get(run_id) or QueryStatus("", report.get("id", ""), run_id, None, "started")
            status = self._last[run_id] = now(before, report)
            if (before.status, status.status) != ("idle", "idle"):  # one line for all the time that nothing came
                self._journal.write(asdict(status))
            if not status.is_active:
                del self._last[run_id]
        except Exception as failed:  # whatever it is: what watches a query must not stop it
            self._journal.warn(repr(failed))


def _started(_: QueryStatus, report: dict[str, Any]) -> QueryStatus:
    return QueryStatus(report["timestamp"], report["id"], report["runId"], report["name"], "started")


def _terminated(before: QueryStatus, report: dict[str, Any]) -> QueryStatus:
    stopped = report.get("exception")
    problem = _in_one_line(stopped) if stopped else None
    return replace(before, at=iso(time.time() * 1000), status="failed" if stopped else "ended", problem=problem)


def _in_one_line(stopped: str) -> str:
    """What Spark's text of an error says first; of an error in our part of a batch, what its traceback ends with."""
    lines = [line for line in stopped.splitlines() if line.strip() and not line[0].isspace()] or [stopped.strip()]
    return lines[-1 if "Traceback" in lines[0] else 0][:300]


_journal = cache(Journal)  # one file a process and folder
_heard: WeakSet[SparkSession] = WeakSet()
_one_at_a_time = Lock()


def listen(spark: SparkSession) -> None:
    """Have every query of a session written down from now on. The second call for a session does nothing.

    A session hears of its own queries only, not of those of a ``newSession()``.
    """
    folder = spark.conf.get(CONF, None)
    with _one_at_a_time:
        if not folder or spark in _heard:
            return
        _heard.add(spark)
    # As it was when the JVM started: whoever builds a session once more changes the conf, not where others look.
    journal = _journal(Path(spark.sparkContext.getConf().get(CONF) or folder))
    try:
        spark.streams.addListener(Listener(journal))
    except Exception as failed:  # a Spark that cannot be listened to runs the queries all the same
        journal.warn(repr(failed))
