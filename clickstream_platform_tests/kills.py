"""``make kills``: a driver, a worker of a cluster or the store is killed in the midst of a run, a hundred times.

A Spark master and two workers, an object store and a driver are processes of this machine. In each round events land,
the driver runs some tables, and at a random moment one of the three kinds, in turn, is killed by SIGKILL and started
again. Then a run goes on to its end, and what was accepted is compared with what had landed; after the last round, and
some before, every table is compared with its query. A kill counts if the run had not ended before it.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import shutil
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol

from clickstream_platform.simulator.cluster import HERE, REGISTERED, Process, master_at, worker_at
from clickstream_platform.simulator.ports import free_or
from clickstream_platform.simulator.seaweed import GRPC, SEVERAL, Seaweed, lend_credentials, run_store
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.rounds import land, require_exact, require_nothing_staged
from clickstream_platform_tests.told_driver import CLEAR, DONE, KILLED, Answer, Driver, environment

PLACE = "kills"
AWAY = 10.0  # seconds; a worker or the store is started again within so many
VERIFIED_EVERY = 10
# Executors do not live long enough for what the better compiler would cost.
CONF = json.dumps({"spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1"})
PORTS = range(20_000, 22_000)  # below those that a system gives to whoever asks for any, and so are those for gRPC


class Victim(Protocol):
    """What is killed and started again."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def start(self) -> None:
        """Start it, at first and after each kill."""

    def kill(self) -> None:
        """Kill it, and what it has started, by SIGKILL."""


@dataclass
class Worker:
    """A worker and its executors. One that is started again is a new one to its master."""

    name: str
    folder: Path
    master: str
    running: ExitStack
    process: Process = field(init=False)

    def start(self) -> None:
        """Start it, and wait until it has registered."""
        self.process = worker_at(HERE, self.name, self.folder, self.running, self.master)
        self.process.await_line(REGISTERED)

    def kill(self) -> None:
        """Kill it, and throw away what its executors were given."""
        self.process.kill()
        shutil.rmtree(self.folder / f"work-{self.name}", ignore_errors=True)


@dataclass
class Store:
    """The store. It comes back at the same address, with what it had."""

    folder: Path
    running: ExitStack
    ports: list[int]
    name: str = "store"
    seaweed: Seaweed = field(init=False)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.seaweed = self.running.enter_context(run_store(self.folder, ports=self.ports))

    def kill(self) -> None:
        """Kill it."""
        self.running.close()


@dataclass(frozen=True)
class Blow:
    """What happens in a round.

    Attributes:
        kind: of what is killed.
        victim: what is killed.
        at: a part of the span in which kills are to come.
        away: seconds until it is started again; a driver is at once.
    """

    kind: str
    victim: Victim
    at: float
    away: float


@dataclass
class Span:
    """How long after the start of a run kills of a kind may come: as long as runs take then, which it finds out."""

    seconds: float = 10.0

    def learn(self, *, hit: bool) -> None:
        """Take the last kill into account. Where four of five hit, it stays as it is."""
        self.seconds *= 1.07 if hit else 0.76


Spans = defaultdict[str, Span]


@dataclass
class Score:
    """How many kills of each kind hit a run in progress, how many fell after its end, and how those runs ended."""

    hits: Counter[str] = field(default_factory=Counter[str])
    after: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    unclear: list[str] = field(default_factory=list[str])

    def add(self, blow: Blow, answer: Answer, *, hit: bool) -> None:
        """Count a kill."""
        (self.hits if hit else self.after)[blow.kind] += 1
        if hit:
            self.ends[answer.title] += 1
        if answer.kind not in (DONE, KILLED, CLEAR):
            self.unclear.append(answer.said)

    def __str__(self) -> str:
        """It in a line."""
        of_all = ((self.hits, "hit a run"), (self.after, "fell after its end"))
        return ", ".join(f"{sum(of.values())} {what}{_of_each(of)}" for of, what in of_all)


def _of_each(kinds: Counter[str]) -> str:
    return f" ({', '.join(f'{many} {kind}' for kind, many in kinds.items())})" if kinds else ""


class Trial:
    """What runs, and what has landed."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        """Start everything, the driver and its session included."""
        self.landing = folder / "landing"
        self.landing.mkdir()
        self.store = Store(folder / "store", running.enter_context(ExitStack()), ports())
        self.store.start()
        running.enter_context(lend_credentials(self.store.seaweed))
        master = master_at(HERE, folder, running)
        self.workers = [Worker(f"worker-{one}", folder, master, running) for one in (1, 2)]
        for worker in self.workers:
            worker.start()
        given = environment(self.store.seaweed, PLACE, self.landing, master) | {"CLICKSTREAM_SPARK_CONF": CONF}
        self.driver = Driver("driver", folder, given)
        running.callback(self.driver.kill)
        self.must("begin")
        access = self.store.seaweed.access
        self.lake = Lake(StorePath.from_url(self.store.seaweed.address(PLACE), access))
        self.landed = 0

    def must(self, word: str) -> None:
        """Have the driver do something that must succeed. One that was killed is started for it."""
        self.driver.tell(word)
        answer = self.driver.answer()
        assert answer.said == DONE, f"{word}: {answer.said}"

    def draw(self, number: int, drawn: random.Random) -> Blow:
        """What is to happen in a round."""
        kinds: dict[str, list[Victim]] = {"driver": [self.driver], "worker": [*self.workers], "store": [self.store]}
        kind = [*kinds][number % len(kinds)]
        return Blow(kind, drawn.choice(kinds[kind]), drawn.random(), drawn.uniform(0, AWAY))

    def strike(self, blow: Blow, moment: float) -> tuple[Answer, bool]:
        """Run, and kill so many seconds later. Returns how the run ended, and whether the kill came before that."""
        self.driver.tell("run")
        time.sleep(moment)
        blow.victim.kill()
        if blow.victim is self.driver:
            answer = self.driver.answer()
            return answer, answer.kind == KILLED
        hit = not self.driver.has_answered()
        time.sleep(blow.away)
        blow.victim.start()
        return self.driver.answer(), hit

    def settle(self, *, verify: bool) -> None:
        """Go on to the end of a run, and compare. Raises an AssertionError if anything is lost, doubled or hangs."""
        self.must("run")
        require_exact(self.lake, self.landed)
        require_nothing_staged(self.lake)
        if verify:
            self.must("verify")

    def round(self, number: int, drawn: random.Random, spans: Spans, score: Score, *, verify: bool) -> None:
        """A round, with its line."""
        began, blow = time.monotonic(), self.draw(number, drawn)
        land(self.landing, number)
        self.landed += 1
        span = spans[blow.kind]
        answer, hit = self.strike(blow, moment := blow.at * span.seconds)
        score.add(blow, answer, hit=hit)
        what = f"round {number + 1}: {blow.victim.name} killed after {moment:.1f} s"
        print(f"{what}{'' if hit else ', when the run had ended'}; {answer.said[:500]}", flush=True)
        span.learn(hit=hit)
        self.settle(verify=verify)
        print(f"  {'verified' if verify else 'exact'} after {time.monotonic() - began:.0f} s; {score}", flush=True)


def ports() -> list[int]:
    """Ports for the store that nobody takes while it is away."""
    first = next(
        start
        for start in range(PORTS.start, PORTS.stop, len(SEVERAL))
        if all(free_or(port) == port for one in range(start, start + len(SEVERAL)) for port in (one, one + GRPC))
    )
    return [*range(first, first + len(SEVERAL))]


def trial(rounds: int, minutes: float, seed: int, folder: Path) -> Score:
    """So many rounds, as far as there is time for them. Raises an AssertionError if what is promised does not hold."""
    drawn, spans, score = random.Random(seed), Spans(Span), Score()
    with ExitStack() as running:
        tried, began = Trial(folder, running), time.monotonic()
        for number in range(rounds):
            is_last = number + 1 == rounds or time.monotonic() - began > minutes * 60
            verify = is_last or not (number + 1) % VERIFIED_EVERY
            tried.round(number, drawn, spans, score, verify=verify)
            if is_last:
                break
    return score


def main() -> None:
    """Make the rounds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=24 * 60, help="the round that is on then is the last")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of the kills")
    asked = parser.parse_args()
    folder = Path(mkdtemp(prefix="kills-"))  # stays where something was wrong
    print(f"seed {asked.seed}, in {folder}", flush=True)
    score = trial(asked.rounds, asked.minutes, asked.seed, folder)
    ends = ", ".join(f"{many} {how}" for how, many in score.ends.most_common())
    print(f"kills: {score}; the runs that were hit: {ends}")
    if score.unclear:
        raise SystemExit("\n".join(["errors that name no remedy:", *score.unclear]))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
