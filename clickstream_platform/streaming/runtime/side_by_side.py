"""``side_by_side``: runs of several tables at a time, in one SparkSession.

Each has a thread, a lease, a query and an error of its own, as in a stream; and it ends once it has read what is there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol

from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import run as runs
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.report import RunReport


class RunObserver(Protocol):
    """Hears of each table. Called by one thread at a time."""

    def begins(self, table: StreamingTable) -> None:
        """Before its run. What it raises is an error of the table."""

    def ended(self, table: StreamingTable, report: RunReport) -> None:
        """After a run that ended well, or that was told to stop."""

    def failed(self, table: StreamingTable, failure: Exception) -> None:
        """After one that did not. The others go on."""


MOST = 4  # of a default: what each has of its batch lies in one heap


def usual_jobs() -> int:
    """How many tables are run at a time if nobody says so: one a core that this process may use, up to :data:`MOST`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


def side_by_side(
    tables: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks,
    observer: RunObserver,
    *,
    jobs: int | None = None,
) -> None:
    """Run every table that reads the source, one after another, and then the others, so many at a time.

    If the first fails, the others are not run: they would read what is not complete. Of the others, each is run
    whatever became of those before it. Ctrl-C in the main thread gives the batches that are on
    :data:`.GRACE_PERIOD` seconds to end, begins no other table, and is raised; a second one does not wait.

    Args:
        tables: contracts, in the order in which they are begun.
        spark: the session; it is neither configured nor stopped.
        lake: where tables and checkpoints lie.
        hooks: as of a run; called from several threads.
        observer: what else to call.
        jobs: how many tables at a time, at least one; :func:`usual_jobs`, if not given.
    """
    runner = _TableRunner(spark, lake, hooks, observer, Event(), Lock())
    first = [table for table in tables if not table.derived]
    if all(runner.run(table) for table in first):
        _at_a_time([table for table in tables if table.derived], runner, jobs or usual_jobs())


def _at_a_time(tables: Sequence[StreamingTable], runner: _TableRunner, jobs: int) -> None:
    if jobs == 1:  # in this thread, where Ctrl-C is an exception
        for table in tables:
            runner.run(table)
        return
    with ThreadPoolExecutor(jobs, "table") as threads:
        try:  # from the first one on: Ctrl-C may come before the last is begun
            begun = [threads.submit(runner.run, table) for table in tables]
            wait(begun)
        finally:
            runner.stop.set()
    for each in begun:
        each.result()  # raises what was no error of a table


@dataclass(frozen=True)
class _TableRunner:
    """The run of one table among others."""

    spark: SparkSession
    lake: Lake
    hooks: Hooks
    observer: RunObserver
    stop: Event
    observer_lock: Lock  # held while the observer is called

    def run(self, table: StreamingTable) -> bool:
        """Run it and say what happened. Returns whether it ended well."""
        if self.stop.is_set():
            return False
        try:
            with self.observer_lock:
                self.observer.begins(table)
            report = runs.run(table, self.spark, self.lake, self.hooks, stop=self.stop)
        except Exception as failure:
            with self.observer_lock:
                if not self.stop.is_set():
                    self.observer.failed(table, failure)
                if isinstance(failure, (Py4JNetworkError, ConnectionError)):  # without its JVM no other can go on
                    self.stop.set()
            return False
        with self.observer_lock:
            self.observer.ended(table, report)
        return True
