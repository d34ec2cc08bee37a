"""Frames that are used more than once are computed once."""

from __future__ import annotations

from contextlib import ExitStack

from pyspark.sql import DataFrame


class Persisted(ExitStack):
    """Persists frames until its block ends: ``with Persisted() as persist: rows = persist(rows)``."""

    def __call__(self, frame: DataFrame) -> DataFrame:
        """The frame, to be computed by the first action on it."""
        frame = frame.persist()
        self.callback(frame.unpersist)
        return frame
