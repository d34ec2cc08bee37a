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


def measured(spark: SparkSession, action: Callable[[], object]) -> Cost:
    """Do it once. Counts the processor time of this process and of its JVM."""
    jvm: int = spark.sparkContext._gateway.proc.pid  # type: ignore[union-attr]
    wall, cpu = time.monotonic(), _cpu_of(jvm) + time.process_time()
    action()
    return Cost(time.monotonic() - wall, _cpu_of(jvm) + time.process_time() - cpu)


def _cpu_of(pid: int) -> float:
    """Seconds of processor time, as Linux counts them."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
