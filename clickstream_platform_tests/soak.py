"""``make soak``: the property tests and the kill tests over and over, with new random scenarios, until the time is up.

Each round is a pytest process with a seed of its own, which is printed: the same seed gives the same round.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = 10
LIVES = 10  # of a lake: some 30 s each
FOLDERS = 60  # landing folders of the property test at the border: some 3 s each
USERS = 60  # of one example of the property test, each a scenario


def passed(*arguments: str, **environment: str) -> int | None:
    """How many tests of a pytest process passed; None if any failed, which is shown."""
    command = [sys.executable, "-m", "pytest", "-q", str(HERE), *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        return None
    found = re.search(r"(\d+) passed", done.stdout)
    return int(found[1]) if found else 0


def main() -> None:
    """Soak until the time is up or something fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=45)
    lasts = timedelta(minutes=parser.parse_args().minutes)
    examples = {"SOAK_EXAMPLES": str(EXAMPLES), "SOAK_FOLDERS": str(FOLDERS), "SOAK_LIVES": str(LIVES)}
    started, scenarios, kills, rounds = time.monotonic(), 0, 0, 0
    while time.monotonic() - started < lasts.total_seconds():
        seed, rounds = secrets.randbelow(2**32), rounds + 1
        print(f"round {rounds}, seed {seed} ...", flush=True)
        cuts = passed("--part=property", "--hypothesis-profile=drawn", f"--hypothesis-seed={seed}", **examples)
        killed = passed("--part=kill", "-k", "any_step or at_random", "--kills=5", SOAK_SEED=str(seed))
        if cuts is None or killed is None:
            print(f"failed in round {rounds}, seed {seed}")
            raise SystemExit(1)
        scenarios, kills = scenarios + EXAMPLES * USERS, kills + killed
        folders, lives = f"{rounds * FOLDERS:,} landing folders", f"{rounds * LIVES} lives"
        print(f"  {scenarios:,} scenarios, {folders}, {lives} and {kills} kills survived", flush=True)


if __name__ == "__main__":
    main()
