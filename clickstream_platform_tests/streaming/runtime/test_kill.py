"""A run that ends in the middle: by ``kill -9`` of its whole process group, by Ctrl-C. The next run makes it good.

No test looks for the right moment on the clock: the run itself stops at one of its writes, and dies there or waits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.expected import Event, Simulation
from clickstream_platform.simulator.kafka_producer import RecordSender, key_by_visitor
from clickstream_platform.simulator.simulation import simulate
from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform_tests.conftest import KINDS, Lab, event
from clickstream_platform_tests.stopped_run import Stop
from clickstream_platform_tests.topics import Topic
from clickstream_platform_tests.waiting import is_alive, wait_until

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The writes of a run of KINDS: quarantine, events, user_activity, sessions, purchases, late_events, user_patterns.
# What a whole group leaves when it dies before a commit: test_killed_in_the_middle_of_any_table_a_rerun_is_exact.
STEPS = [
    *(("kill group", 1, "after"), ("kill group", 3, "after"), ("kill group", 5, "after")),
    *(("kill python alone", 1, "before"), ("kill python alone", 1, "after"), ("kill python alone", 5, "after")),
]


@pytest.fixture(scope="module")
def killed_often(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lake that goes on after every kill, on whichever worker."""
    lab = Lab(spark, Settings(home=tmp_path_factory.mktemp("killed") / "home")).only(*KINDS)
    lab.land(*(event(f"u{i % 7}", f"10:{i:02}:00", event_type="purchase") for i in range(50)), "{")
    lab.run()
    return lab


@pytest.mark.parametrize(("how", "nth", "when"), STEPS)
def test_killed_at_any_step_a_rerun_is_exact(killed_often: Lab, how: str, nth: int, when: str) -> None:
    lab, there = killed_often, killed_often.lake.events.rows()
    bought = [event("u1", f"11:{lab.landed:02}:{i:02}", event_type="purchase") for i in range(6)]
    lab.land(event("u2", f"08:{lab.landed:02}:00"), *bought, "{")
    killed = _start(lab, Stop(how, nth, when))  # type: ignore[arg-type]
    assert killed.wait(timeout=300) == -signal.SIGKILL
    wait_until(lambda: not is_alive(killed.pid))  # without Python, the JVM ends by itself
    lab.run()
    assert lab.lake.events.rows() == there + 7
    for name in lab.contracts:
        assert imbalances(list(entries(lab.lake.table(name)))) == []
    lab.assert_exact()


def test_killed_in_either_of_two_sources_a_rerun_is_exact(lab: Lab, tmp_path: Path) -> None:
    """The writes of a run: quarantine and events of the first source, then those of the second."""
    folders = {name: tmp_path / name for name in ("main", "history")}
    lab = lab.reading(json.dumps({name: str(folder) for name, folder in folders.items()})).only("events")
    for i, (nth, when) in enumerate([(1, "before"), (2, "after"), (3, "after")]):
        for name, folder in folders.items():
            both = event("v", f"11:{i:02}:00", event_id=f"{i}")
            lab.land(event(f"{name}-{i}", f"10:{i:02}:00"), both, "{", name=f"{i}.json", into=folder)
        killed = _start(lab, Stop("kill group", nth, when), "events", CLICKSTREAM_SOURCE=lab.settings.source)  # type: ignore[arg-type]
        assert killed.wait(timeout=300) == -signal.SIGKILL
    lab.run()
    assert sorted(row.user_id for row in lab.table("events").collect()) == [
        *(f"{name}-{i}" for name in ("history", "main") for i in range(3)), "v", "v", "v",
    ]  # fmt: skip
    assert lab.table("quarantine").count() == 6
    assert imbalances(list(entries(lab.lake.events))) == []
    assert source_account(lab.contracts["events"], lab.lake).errors == ()
    lab.assert_exact()


def test_killed_in_the_middle_of_any_table_a_rerun_is_exact(lab: Lab, tmp_path: Path) -> None:
    lab.only(*KINDS).land(
        *(event(f"u{i % 7}", f"10:{i // 60:02}:{i % 60:02}", event_id=f"{i}") for i in range(600)), "{"
    )
    lab.run()
    for i, victim in enumerate(["events", "user_activity", "sessions"]):
        late = event("u1", f"08:0{i}:00", event_type="purchase")
        lab.land(late, event("u2", f"{11 + i}:00:00"))
        run = _held(lab, tmp_path / f"held at {victim}", table=victim)
        assert _in_the_middle(lab, victim)
        _kill(run)
    lab.run()
    lab.assert_exact()
    assert lab.table("events").count() == 606
    for name in lab.contracts:
        assert len({entry.batch_id for entry in entries(lab.lake.table(name))}) >= 2


@pytest.mark.parametrize("seed", [int(os.environ.get("SOAK_SEED", "1"))])
def test_killed_at_random_a_rerun_is_exact(lab: Lab, tmp_path: Path, seed: int) -> None:
    chance, last = Random(seed), list(lab.only(*KINDS).contracts)[-1]
    lab.land(*(event(f"u{i % 7}", f"10:{i:02}:00", event_type="purchase") for i in range(50)), "{")
    lab.run()
    for number in range(2):
        lab.land(*(event(f"u{i}", f"{chance.randrange(8, 20):02}:00:{i:02}") for i in range(20)))
        _kill_within(chance.uniform(0, 12), lab, Stop("hold", table=last, held=str(tmp_path / f"{number}")))
    lab.run()
    lab.assert_exact()


def test_ctrl_c_stops_the_queries_and_leaves_no_jvm(lab: Lab, tmp_path: Path) -> None:
    lab.only("events", "sessions").land(*(event(f"u{i}") for i in range(200)))
    run = _held(lab, tmp_path / "held", table="events")
    assert _in_the_middle(lab, "events")
    run.send_signal(signal.SIGINT)
    (tmp_path / "held").unlink()
    assert run.wait(timeout=60) != 0
    wait_until(lambda: not is_alive(run.pid))
    lab.run()
    lab.assert_exact()


def test_killed_at_random_every_record_of_a_topic_is_there_once(
    lab: Lab, topic: Topic, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills: int = request.config.getoption("--kills")  # type: ignore[assignment] - it has a default
    chance = Random(1)
    lab = lab.reading(topic.made(4).url)
    simulated = simulate(500 * kills, seed=7)
    sender = RecordSender(KafkaSource(topic.address, topic.name))
    for arrival in range(1, kills + 1):
        sender.send(key_by_visitor(record.line for record in simulated.arrival(arrival, arrivals=kills)))
        fifth = Stop("hold", nth=4, table="events", held=str(tmp_path / f"{arrival}"))  # 500 records are five batches
        of_topic = {"CLICKSTREAM_SOURCE": topic.url, "CLICKSTREAM_MAX_OFFSETS_PER_TRIGGER": "100"}
        _kill_within(chance.uniform(0, 2), lab, fifth, "events", **of_topic)
    lab.run("events")
    lab.assert_exact("events")
    found = lab.table("events").selectExpr("user_id", "event_id", "unix_millis(timestamp)").collect()
    assert Counter(tuple(row) for row in found) == Counter(_accepted(simulated))


def _accepted(simulated: Simulation) -> Iterator[tuple[str, str | None, int]]:
    for record in simulated.records:
        if isinstance(record.outcome, Event):
            yield record.outcome.user_id, json.loads(record.line).get("event_id"), record.outcome.time


def _start(lab: Lab, stop: Stop, *names: str, **environment: str) -> subprocess.Popen[bytes]:
    return stop.start("run", *(names or lab.contracts), **lab.environment, **environment)


def _held(lab: Lab, file: Path, *, table: str) -> subprocess.Popen[bytes]:
    """A run that waits right before the first commit to a table."""
    run = _start(lab, Stop("hold", table=table, held=str(file)))
    wait_until(file.exists, run)
    return run


def _kill_within(seconds: float, lab: Lab, end: Stop, *names: str, **environment: str) -> None:
    """Kill a run so many seconds after it planned its first batch, or later, as soon as a planned batch is uncommitted.

    The run never ends by itself, as ``end`` holds it.
    """
    before = _steps(lab, "events")
    run = _start(lab, end, *names, **environment)
    wait_until(lambda: _steps(lab, "events") != before, run)
    time.sleep(seconds)
    wait_until(lambda: any(_in_the_middle(lab, name) for name in names or lab.contracts), run, every=0.001)
    _kill(run)


def _kill(run: subprocess.Popen[bytes]) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL


def _in_the_middle(lab: Lab, table: str) -> bool:
    """Whether a batch is planned that the checkpoint has not completed."""
    return any(planned > committed for planned, committed in _steps(lab, table))


def _steps(lab: Lab, table: str) -> list[tuple[int, ...]]:
    """How many batches each generation has planned, and how many completed: changes as soon as a run does something."""
    generations = [path for path in sorted(lab.lake.checkpoints(table).glob("[0-9]*")) if path.is_dir()]
    return [tuple(len([*(path / log).glob("[0-9]*")]) for log in ("offsets", "commits")) for path in generations]
