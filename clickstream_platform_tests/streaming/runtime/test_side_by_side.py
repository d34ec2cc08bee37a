"""Tables that are run at the same time, in one session, come out as if one had waited for the other."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.side_by_side import side_by_side
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.faults import InjectedError, at_write
from clickstream_platform_tests.stopped_run import Stop
from clickstream_platform_tests.waiting import wait_until

if TYPE_CHECKING:
    from clickstream_platform.streaming.runtime.report import RunReport

pytestmark = pytest.mark.spark


class Heard:
    """What was told of each table."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: dict[str, RunReport] = {}
        self.failures: dict[str, Exception] = {}

    def begins(self, table: StreamingTable) -> None:
        self.begun.append(table.name)

    def ended(self, table: StreamingTable, report: RunReport) -> None:
        self.done[table.name] = report

    def failed(self, table: StreamingTable, failure: Exception) -> None:
        self.failures[table.name] = failure


def run(lab: Lab, jobs: int) -> Heard:
    heard = Heard()
    side_by_side([*lab.contracts.values()], lab.spark, lab.lake, Hooks(), heard, jobs=jobs)
    return heard


def land(lab: Lab, hour: int) -> None:
    clicks = (event(f"u{i % 7}", f"{hour}:{i:02}:00", event_type="purchase", event_id=f"{hour}-{i}") for i in range(40))
    lab.land(*clicks, event("u1", f"08:{hour}:00", event_type="purchase"), "{")


def test_each_table_is_what_it_would_be_alone_and_a_failure_is_only_its_own(lab: Lab) -> None:
    land(lab, 10)
    heard = run(lab, 4)
    assert heard.begun[0] == "events"
    assert {*heard.done} == {*lab.contracts}

    land(lab, 12)  # 8 o'clock is late now

    def fails() -> None:
        raise InjectedError

    with at_write(0, "after", fails, "sessions"):
        heard = run(lab, 4)
    assert {*heard.failures} == {"sessions"}
    assert {*heard.done} == lab.contracts.keys() - {"sessions"}
    assert heard.done["user_activity"].late_rows == 1
    one_by_one = run(lab, 1)
    assert {*one_by_one.done} == {*lab.contracts}
    assert one_by_one.done["sessions"].replayed == 1
    lab.assert_exact()
    for name in lab.contracts:
        assert len({(entry.generation, entry.batch_id) for entry in entries(lab.lake.table(name))}) == 2


def test_killed_or_told_to_stop_while_several_are_on_the_next_run_is_exact(lab: Lab, tmp_path: Path) -> None:
    lab.only(*KINDS)
    for hour, then in ((10, "kill group"), (12, "hold")):
        land(lab, hour)
        held = tmp_path / "held"
        stop = Stop(then, table="sessions", held=str(held))  # type: ignore[arg-type]
        process = stop.start("run", *KINDS, "--jobs", "4", **lab.environment)
        if then == "hold":
            wait_until(held.exists, process)
            process.send_signal(signal.SIGINT)
            held.unlink()
        assert process.wait(timeout=300) == (130 if then == "hold" else -signal.SIGKILL)
    run(lab, 4)
    lab.assert_exact()


def test_a_run_that_is_told_to_stop_ends_and_the_next_goes_on(lab: Lab) -> None:
    lab.only("events")
    land(lab, 10)
    stop = Event()
    stop.set()
    runner = Thread(target=lab.run, kwargs={"stop": stop})
    runner.start()
    runner.join(120)
    assert not runner.is_alive()
    lab.run()
    assert lab.lake.events.rows() == 41
