"""``make races``: two drivers run the same tables of a lake on a store at once, and neither takes a lease.

What keeps them apart then is what a lease only spares them: Delta's commits, and files that are put if absent. In every
second round one of them is killed at a random moment. After each round a run goes on, and what was accepted is compared
with what had landed; after the last one, and some before, every table is compared with its query.
"""

from __future__ import annotations

import argparse
import random
import secrets
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from clickstream_platform.simulator.seaweed import lend_credentials, run_store
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.rounds import land, require_exact
from clickstream_platform_tests.told_driver import BUG, DONE, Driver, environment

PLACE = "races"
OF_A_RUN = 8.0  # seconds; a kill comes within so many
VERIFIED_EVERY = 10


def race(rounds: int, drawn: random.Random) -> None:
    """So many rounds. Raises an AssertionError if anything is lost or doubled, or does not go on."""
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="races-")))
        store = running.enter_context(run_store(folder / "store"))
        running.enter_context(lend_credentials(store))
        landing = folder / "landing"
        landing.mkdir()
        drivers = [Driver(name, folder, environment(store, PLACE, landing, "local[1]")) for name in ("one", "other")]
        for each in drivers:
            running.callback(each.kill)
        lake = Lake(StorePath.from_url(store.address(PLACE), store.access))
        became: Counter[str] = Counter()
        for number in range(rounds):
            began = time.monotonic()
            land(landing, number)
            for each in drivers:
                each.tell("race")
            if number % 2:
                time.sleep(drawn.uniform(0, OF_A_RUN))
                drawn.choice(drivers).kill()
            answers = [each.answer() for each in drivers]
            assert not [each for each in answers if each.kind == BUG], answers
            became.update(each.title for each in answers)
            settling = drivers[number % 2]
            words = ["run", *(["verify"] if number + 1 == rounds or not (number + 1) % VERIFIED_EVERY else [])]
            for word in words:
                settling.tell(word)
                assert (answer := settling.answer()).said == DONE, f"round {number + 1}, {word}: {answer.said}"
            require_exact(lake, number + 1)
            done = ", ".join(f"{count} {what}" for what, count in became.most_common())
            print(f"round {number + 1}: exact after {time.monotonic() - began:.0f} s; {done}", flush=True)


def main() -> None:
    """Make the rounds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of the kills")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    race(asked.rounds, random.Random(asked.seed))


if __name__ == "__main__":
    main()
