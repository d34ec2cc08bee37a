"""A stream of a lab's tables in this process."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from clickstream_platform.streaming.contract.trigger import ProcessingTime
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.streaming.runtime.stream import StreamObserver, stream
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.waiting import wait_until

EVERY_SECOND = ProcessingTime(timedelta(seconds=1))


@dataclass
class Streaming:
    """A stream of a lab's tables in this process, and what it told."""

    lab: Lab
    names: tuple[str, ...]
    hooks: Hooks = field(default_factory=Hooks)
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[tuple[str, str, float]] = field(default_factory=list)
    reports: list[RunReport] = field(default_factory=list)

    def go_on(self) -> None:
        contracts = [replace(self.lab.contracts[name], trigger=EVERY_SECOND) for name in self.names]
        observer = StreamObserver(
            lambda table, failure, pause: self.failures.append((table.name, str(failure), pause)),
            lambda table, report: self.reports.append(report),
        )
        stream(contracts, self.lab.spark, self.lab.lake, self.hooks, observer, self.stop, run_id="live")

    def read_all(self) -> None:
        """Wait until every table has read what has landed."""
        contracts = [each for name in self.names for each in self.lab.contracts[name].by_source()]
        wait_until(lambda: not any(lag(each, self.lab.lake).amount for each in contracts))


@contextmanager
def streaming(lab: Lab, *names: str, hooks: Hooks | None = None) -> Generator[Streaming]:
    found = Streaming(lab, names or tuple(lab.contracts), hooks or Hooks())
    thread = threading.Thread(target=found.go_on)
    thread.start()
    try:
        yield found
    finally:
        found.stop.set()
        thread.join()
