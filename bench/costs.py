"""What an action costs: on the clock, which a busy machine makes longer, and of processor time, which it does not."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Cost:
    """What something took: seconds on the clock, seconds of processor time."""

    wall: float
    cpu: float

    def line(self, what: str, records: int) -> str:
        """For reading."""
        return f"{what:<38}{self.wall:8.1f} s {self.cpu:8.1f} CPU s {records / self.wall:10,.0f} records/s"

    def over(self, other: Cost, what: str) -> str:
        """How many times as much as something else took, for reading."""
        return f"{what:<32}{self.wall / other.wall:.2f} wall, {self.cpu / other.cpu:.2f} CPU"


def measured(spark: SparkSession, action: Callable[[], object]) -> Cost:
    """Do it once. Counts the processor time of this process, of its JVM and of the JVM's Python workers."""
    jvm: int = spark.sparkContext._gateway.proc.pid  # type: ignore[union-attr]
    wall, cpu = time.monotonic(), _cpu_of_all(jvm) + time.process_time()
    action()
    return Cost(time.monotonic() - wall, _cpu_of_all(jvm) + time.process_time() - cpu)


def _cpu_of_all(pid: int) -> float:
    """The same of a process and its children that are alive; Spark keeps its workers for a minute after their task."""
    return _cpu_of(pid) + sum(map(_cpu_of_all, children_of(pid)))


def children_of(pid: int) -> set[int]:
    """The processes that a process has started and that are alive; none once it has ended."""
    tasks = Path(f"/proc/{pid}/task")
    of_tasks = [words(task / "children") for task in tasks.iterdir()] if tasks.exists() else []
    return {int(child) for children in of_tasks for child in children}


def words(file: Path) -> list[str]:
    """What a file of `/proc` says; nothing if its process or thread has ended."""
    try:
        return file.read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_of(pid: int) -> float:
    """Seconds of processor time, as Linux counts them."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
