"""A run that ends in the middle: by ``kill -9`` of its whole process group, by Ctrl-C. The next run makes it good."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest

from clickstream_platform.events.simulation import simulate
from clickstream_platform.events.truth import Event, Simulation
from clickstream_platform.producing import Sender, keyed
from clickstream_platform.streaming.ledger import entries
from clickstream_platform.streaming.offsets import KafkaSource
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark

RUN = "from clickstream_platform.cli import main; main()"


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
        run = _start(lab, "events", CLICKSTREAM_SOURCE=topic.url, CLICKSTREAM_MAX_OFFSETS_PER_TRIGGER="100")
        _wait_until(lambda: _in_the_middle(lab, "events"), run)
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


def _start(lab: Lab, *names: str, **environment: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CLICKSTREAM_HOME": str(lab.settings.home), **environment}
    return subprocess.Popen([sys.executable, "-c", RUN, "run", *names], env=environment, start_new_session=True)


def _in_the_middle(lab: Lab, table: str) -> bool:
    """Whether a batch is planned that the checkpoint has not completed."""
    generations = [path for path in lab.lake.checkpoints(table).glob("[0-9]*") if path.is_dir()]
    counts = [[len([*(path / log).glob("[0-9]*")]) for log in ("offsets", "commits")] for path in generations]
    return any(planned > committed for planned, committed in counts)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(holds: Callable[[], bool], run: subprocess.Popen[bytes] | None, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert run is None or run.poll() is None, "the run ended before it was stopped"
        assert time.monotonic() < deadline
        time.sleep(0.01)
