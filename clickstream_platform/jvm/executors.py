"""The executors of a session on a cluster: how many there are, what failed on them, whether there are any at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError

if TYPE_CHECKING:
    from pyspark import SparkContext

SETTLED = 1.0  # seconds without a new executor, after which no more are waited for
LOOKED = 0.1  # seconds between two looks at how many there are
WATCHED = 2.0  # seconds between two looks at whether there are any
log = logging.getLogger(__name__)


@dataclass
class Watch:
    """Whether the session was left without a worker for too long, so that its jobs were ended."""

    gave_up: bool = False


def watch_executors(context: SparkContext, wait: timedelta) -> Watch:
    """Watch a session for as long as it lasts: jobs that nobody was there to do for so long are ended."""
    watch = Watch()
    Thread(target=_watch, args=(context, wait.total_seconds(), watch), daemon=True).start()
    return watch


def failures(context: SparkContext, group: str) -> Iterator[tuple[str, str]]:
    """The host and the reason of each failed task of a job group, but not of tasks whose executor was lost."""
    scala: Any = context._jsc.sc()  # pyright: ignore - nothing else asks the JVM
    scala.listenerBus().waitUntilEmpty()
    status = context.statusTracker()
    jobs = (status.getJobInfo(job) for job in status.getJobIdsForGroup(group))
    for stage in (stage for job in jobs if job for stage in job.stageIds):
        tasks = scala.statusStore().taskList(stage, 0, 10_000)
        for task in (tasks.apply(index) for index in range(tasks.size())):
            message = task.errorMessage()
            if task.status() == "FAILED" and message.isDefined() and "ExecutorLostFailure" not in message.get():
                yield task.host(), message.get()


def _executors(context: SparkContext) -> int:
    scala: Any = context._jsc.sc()  # pyright: ignore - nothing else asks the JVM
    return scala.getExecutorMemoryStatus().size() - 1  # one is this process


def await_executors(context: SparkContext) -> None:
    """Wait until no more executors come: those of one session start within a second of each other."""
    known, since = _executors(context), time.monotonic()
    while time.monotonic() - since < SETTLED:
        time.sleep(LOOKED)
        if (now := _executors(context)) != known:
            known, since = now, time.monotonic()


def _watch(context: SparkContext, wait: float, watch: Watch) -> None:
    """End all jobs whenever there was none to do them for so many seconds. Ends with the session."""
    since = time.monotonic()
    while True:
        time.sleep(min(WATCHED, wait))
        try:
            if _executors(context) or not context.statusTracker().getActiveJobsIds():
                since = time.monotonic()
            elif time.monotonic() - since > wait:
                watch.gave_up, since = True, time.monotonic()
                log.warning("spark: no worker for %.0f s; what waits for one is ended", wait)
                context.cancelAllJobs()
        except (Py4JError, OSError, AttributeError):  # the session has ended, or its JVM
            return
