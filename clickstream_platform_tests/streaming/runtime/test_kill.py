"""A run that ends in the middle: by ``kill -9`` of its whole process group, by Ctrl-C. The next run makes it good."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.expected import Event, Simulation
from clickstream_platform.simulator.kafka_producer import Sender, keyed
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.topics import Topic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

RUN = "from clickstream_platform.cli import main; main()"

# Runs the command line; at the n-th write of the run, before or after its commit, the process kills itself, alone or
# with its JVM.
KILLED = """
import os, signal
from clickstream_platform.streaming import sink
nth, when, whom = int(os.environ["NTH"]), os.environ["WHEN"], os.environ["WHOM"]
writes = 0

def killing(write):
    def attempt(*arguments, **named):
        global writes
        dies, writes = writes == nth, writes + 1
        if dies and when == "before":
            die()
        write(*arguments, **named)
        if dies:
            die()
    return attempt

def die():
    os.killpg(0, signal.SIGKILL) if whom == "group" else os.kill(os.getpid(), signal.SIGKILL)

for name in ("append", "merge", "overwrite"):
    setattr(sink, name, killing(getattr(sink, name)))
"""
# The writes of a run: quarantine, events, user_activity, clickstream_aggregated, processed_events, sessions, purchases,
# alerts, late_events, user_patterns.
STEPS = [(0, "after"), (1, "before"), (1, "after"), (2, "before"), (5, "after"), (8, "after")]


@pytest.fixture(scope="module")
def killed_often(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lake that goes on after every kill of this module."""
    lab = Lab(spark, Settings(home=tmp_path_factory.mktemp("killed") / "home"))
    lab.land(*(event(f"u{i % 7}", f"10:{i:02}:00", event_type="purchase") for i in range(50)), "{")
    lab.run()
    return lab


@pytest.mark.parametrize("whom", ["group", "python alone"])
@pytest.mark.parametrize(("nth", "when"), STEPS)
def test_killed_at_any_step_a_rerun_is_exact(killed_often: Lab, nth: int, when: str, whom: str) -> None:
    lab, there = killed_often, killed_often.lake.events.rows()
    bought = [event("u1", f"11:{lab.landed:02}:{i:02}", event_type="purchase") for i in range(6)]
    lab.land(event("u2", f"08:{lab.landed:02}:00"), *bought, "{")
    killed = _start(lab, program=KILLED + RUN, NTH=str(nth), WHEN=when, WHOM=whom)
    assert killed.wait(timeout=300) == -signal.SIGKILL
    _wait_until(lambda: not _alive(killed.pid), None)  # without Python, the JVM ends by itself
    lab.run()
    assert lab.lake.events.rows() == there + 7
    for name in lab.contracts:
        assert imbalances(list(entries(lab.lake.table(name)))) == []
    lab.assert_exact()


def test_killed_in_the_middle_of_any_table_a_rerun_is_exact(lab: Lab) -> None:
    lab.land(*(event(f"u{i % 7}", f"10:{i // 60:02}:{i % 60:02}", event_id=f"{i}") for i in range(600)), "{")
    lab.run()
    for i, victim in enumerate(["events", "user_activity", "sessions"]):
        late = event("u1", f"08:0{i}:00", event_type="purchase")
        lab.land(late, event("u2", f"{11 + i}:00:00"))
        run = _start(lab)
        _wait_until(lambda name=victim: _in_the_middle(lab, name), run)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    lab.run()
    lab.assert_exact()
    assert lab.table("events").count() == 606
    for name in lab.contracts:
        assert len({entry.batch_id for entry in entries(lab.lake.table(name))}) >= 2


@pytest.mark.parametrize("seed", [int(os.environ.get("SOAK_SEED", "1"))])
def test_killed_at_random_a_rerun_is_exact(killed_often: Lab, seed: int) -> None:
    lab, chance = killed_often, Random(seed)
    for _ in range(2):
        before = _steps(lab, "events")
        lab.land(*(event(f"u{i}", f"{chance.randrange(8, 20):02}:00:{i:02}") for i in range(20)))
        killed = _start(lab)
        _wait_until(lambda known=before: _steps(lab, "events") != known, killed)
        time.sleep(chance.uniform(0, 12))  # seconds: anywhere in the run, or after it
        with contextlib.suppress(ProcessLookupError):
            os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    lab.run()
    lab.assert_exact()


def test_ctrl_c_stops_the_queries_and_leaves_no_jvm(lab: Lab) -> None:
    lab.land(*(event(f"u{i}") for i in range(200)))
    run = _start(lab)
    _wait_until(lambda: _in_the_middle(lab, "events"), run)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) != 0
    _wait_until(lambda: not _alive(run.pid), None)
    lab.run()
    lab.assert_exact()


def test_killed_at_random_every_record_of_a_topic_is_there_once(
    lab: Lab, topic: Topic, request: pytest.FixtureRequest
) -> None:
    kills: int = request.config.getoption("--kills")  # type: ignore[assignment] - it has a default
    rng = Random(1)
    lab = lab.reading(topic.made(4).url)
    simulated = simulate(500 * kills, seed=7)
    sender = Sender(KafkaSource(topic.address, topic.name))
    for arrival in range(1, kills + 1):
        sender.send(keyed(record.line for record in simulated.arrival(arrival, arrivals=kills)))
        before = _steps(lab, "events")
        run = _start(lab, "events", CLICKSTREAM_SOURCE=topic.url, CLICKSTREAM_MAX_OFFSETS_PER_TRIGGER="100")
        _wait_until(lambda known=before: _steps(lab, "events") != known, run)
        time.sleep(rng.uniform(0, 2))
        assert run.poll() is None, "the run ended before it was killed"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    lab.run("events")
    lab.assert_exact("events")
    found = lab.table("events").selectExpr("user_id", "event_id", "unix_millis(timestamp)").collect()
    assert Counter(tuple(row) for row in found) == Counter(_accepted(simulated))


def _accepted(simulated: Simulation) -> Iterator[tuple[str, str | None, int]]:
    for record in simulated.records:
        if isinstance(record.outcome, Event):
            yield record.outcome.user_id, json.loads(record.line).get("event_id"), record.outcome.time


def _start(lab: Lab, *names: str, program: str = RUN, **environment: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CLICKSTREAM_HOME": str(lab.settings.home), **environment}
    return subprocess.Popen([sys.executable, "-c", program, "run", *names], env=environment, start_new_session=True)


def _in_the_middle(lab: Lab, table: str) -> bool:
    """Whether a batch is planned that the checkpoint has not completed."""
    return any(planned > committed for planned, committed in _steps(lab, table))


def _steps(lab: Lab, table: str) -> list[tuple[int, ...]]:
    """How many batches each generation has planned, and how many completed: changes as soon as a run does something."""
    generations = [path for path in sorted(lab.lake.checkpoints(table).glob("[0-9]*")) if path.is_dir()]
    return [tuple(len([*(path / log).glob("[0-9]*")]) for log in ("offsets", "commits")) for path in generations]


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(holds: Callable[[], bool], run: subprocess.Popen[bytes] | None, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert run is None or run.poll() is None, "the run ended before it was stopped"
        assert time.monotonic() < deadline
        time.sleep(0.01)
