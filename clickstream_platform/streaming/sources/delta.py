"""A Delta table of the lake as a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class FromTable:
    """A Delta table of the lake. A batch ends on a commit, never inside one."""

    name: str

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"commits of {self.name} that no batch has read yet"


def read_table(spark: SparkSession, path: Path) -> DataFrame:
    """The stream of a Delta table's new rows: whole commits, and only those that add data."""
    return (
        spark.readStream.format("delta")
        .option("skipChangeCommits", True)
        .option("maxFilesPerTrigger", 2**31 - 1)  # no limit, so that no batch ends inside a commit
        .load(str(path))
    )
