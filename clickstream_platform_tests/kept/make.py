"""Makes the two lakes that a release leaves behind as a test input: docs/kept-lakes.md says how to run it.

It imports nothing of the package, only calls its command line: whichever ``clickstream_platform`` is on ``PYTHONPATH``
makes the lakes, also one that is older than this file.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

KEPT = Path(__file__).parent
ROOT = Path("/tmp/clickstream-kept")  # fixed: a checkpoint over files holds the absolute path of each
TOPIC = "clicks"
EXPECTED = "expected.json"
TOLD = ("name", "rows", "watermark", "batches", "lag", "lag_unit", "generation")  # of what `status` says of a table
UNTOLD = ("quarantine", "late_events")  # tables whose rows `status --json` does not say

COMMAND = "from clickstream_platform.cli import main; main()"
# The first write of the run never happens, its JVM is killed with it: a batch is planned, and nothing of it in a table.
KILLED = f"import deltalake, os; deltalake.write_deltalake = lambda *_, **__: os.killpg(0, 9)\n{COMMAND}"
# From 1,200 records on there is a crawler, and so alerts; with this seed in both runs. Many are too late for the state.
SIMULATED = ("--events", "1200", "--seed", "5", "--arrivals", "6", "--late", "0.3", "--malformed", "0.03")
# So that the first two runs have more than ten batches: Spark then compacts its log of files, and Delta its own.
SMALL = {"CLICKSTREAM_MAX_BYTES_PER_TRIGGER": "1", "CLICKSTREAM_MAX_OFFSETS_PER_TRIGGER": "60"}
DEFAULTS: Mapping[str, str] = {}
# Of this machine or of the moment, and not part of the state. A lease names the host that left it behind.
LEFT_OUT = {"spark.log", "queries", "lease", ".lock", ".up", "pid", "broker.log", "broker.properties", "arrivals"}


@dataclass(frozen=True)
class Home:
    """A home and its source, for the commands of the release."""

    path: Path
    source: str = ""

    def clickstream(
        self, *arguments: str, program: str = COMMAND, exits: int = 0, settings: Mapping[str, str] = DEFAULTS
    ) -> str:
        """Run a command in a process of its own; return what it prints. It has to exit as given."""
        own = {"CLICKSTREAM_HOME": str(self.path), "CLICKSTREAM_SOURCE": self.source}
        run = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**_without_settings(), **own, **settings},
            cwd=self.path,
            stdout=subprocess.PIPE,
            start_new_session=program == KILLED,  # or it would take this process with it
            text=True,
            check=False,
        )
        if run.returncode != exits:
            msg = f"clickstream {' '.join(arguments)} exited with {run.returncode}, not {exits}:\n{run.stdout}"
            raise SystemExit(msg)
        return run.stdout

    @property
    def landing(self) -> Path:
        """Where files land."""
        return self.path / "landing"

    @property
    def batches(self) -> tuple[set[int], set[int]]:
        """The batches of ``events`` that are planned, and those that are complete."""
        checkpoint = self.path / "lake" / "_checkpoints" / "events" / "1"
        planned, complete = (
            {int(file.name) for file in (checkpoint / log).iterdir() if file.name.isdigit()}
            for log in ("offsets", "commits")
        )
        return planned, complete

    def rows(self, table: str) -> int:
        """The rows of a table."""
        return DeltaTable(str(self.path / "lake" / table)).count()


def files(home: Home) -> dict[str, Any]:
    """Two runs over files; a third that is killed in its first batch; and files that no run has seen."""
    arrivals = home.path / "arrivals"
    home.clickstream("simulate", *SIMULATED, "--folder", str(arrivals))
    _land(home, arrivals, 1, 2)
    home.clickstream("run", settings=SMALL)
    whole, half, *_ = _land(home, arrivals, 3, 4)
    _pack(whole)
    broken = _pack(half)
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    home.clickstream("run", settings=SMALL)
    records = sum(file.read_bytes().count(b"\n") for file in _land(home, arrivals, 5))
    batch = _killed(home)
    _land(home, arrivals, 6)
    (home.landing / "blank.json").write_bytes(b"\n\n{\n \r\n")
    return {**_told(home), "unreadable": [broken.name], "interrupted": {"batch_id": batch, "records": records}}


def kafka(home: Home) -> dict[str, Any]:
    """Two runs over a topic; a third that is killed in its first batch; and records that no run has seen."""
    source = home.clickstream("kafka", "up", "--topic", TOPIC, "--partitions", "3").strip()
    home = Home(home.path, source)
    try:
        _send(home, 1, 2)
        home.clickstream("run", settings=SMALL)
        _send(home, 3, 4)
        home.clickstream("run", settings=SMALL)
        _send(home, 5)
        records = _tables(home)[0]["lag"]
        batch = _killed(home)
        _send(home, 6)
        return {**_told(home), "unreadable": [], "interrupted": {"batch_id": batch, "records": records}}
    finally:
        home.clickstream("kafka", "down")  # in peace: a broker that was killed leaves files of 10 MB


def _land(home: Home, arrivals: Path, *numbers: int) -> list[Path]:
    """Move the files of some arrivals into the landing folder; return where they are."""
    home.landing.mkdir(exist_ok=True)
    landed = [file for number in numbers for file in sorted(arrivals.glob(f"events-*-{number:02}-*"))]
    return [file.rename(home.landing / file.name) for file in landed]


def _pack(file: Path) -> Path:
    """Put a compressed file in the place of a plain one; return where it is."""
    packed = file.with_name(f"{file.name}.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    return packed


def _send(home: Home, *numbers: int) -> None:
    for number in numbers:
        home.clickstream("simulate", "--kafka", *SIMULATED, "--only", str(number))


def _killed(home: Home) -> int:
    """Start a run that ends inside its first batch; return the batch's id, once it is sure that it is half done."""
    before, rows = home.batches, home.rows("events")
    home.clickstream("run", "events", program=KILLED, exits=-9)
    planned, complete = home.batches
    if complete != before[1] or len(planned - complete) != 1 or home.rows("events") != rows:
        msg = f"the run was not killed inside a batch: planned {sorted(planned)}, complete {sorted(complete)}"
        raise SystemExit(msg)
    return (planned - complete).pop()


def _told(home: Home) -> dict[str, Any]:
    """What the release itself says of the lake."""
    return {"tables": _tables(home), "rows": {name: home.rows(name) for name in UNTOLD}}


def _tables(home: Home) -> list[dict[str, Any]]:
    found = json.loads(home.clickstream("status", "--json"))["tables"]
    return [{name: table[name] for name in TOLD} for table in found]


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("CLICKSTREAM_", "DAGSTER_"))}


def pack(home: Path, archive: Path) -> None:
    """Put a home into a compressed tar: the same home gives the same bytes, whoever packs it."""
    with lzma.open(archive, "wb", preset=9) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in _parts(home):
            tar.add(path, str(path.relative_to(home)), recursive=False, filter=_anonymous)


def _anonymous(about: tarfile.TarInfo) -> tarfile.TarInfo:
    about.uid = about.gid = 0
    about.uname = about.gname = ""
    about.mode = 0o755 if about.isdir() else 0o644
    about.mtime = int(about.mtime)
    return about


def _parts(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.iterdir()):
        if path.name not in LEFT_OUT:
            yield path
            if path.is_dir():
                yield from _parts(path)


def main() -> None:
    """Make both lakes and pack them."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("release", help="its commit or version: the name of the folder that is made")
    release: str = asked.parse_args().release
    (KEPT / release).mkdir()
    expected: dict[str, Any] = {}
    for make in (files, kafka):
        home = ROOT / release / make.__name__
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        expected[make.__name__] = make(Home(home))
        archive = KEPT / release / f"{make.__name__}.tar.xz"
        pack(home, archive)
        shutil.rmtree(home)
        print(f"{archive}: {archive.stat().st_size:,} bytes")
    (KEPT / release / EXPECTED).write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
