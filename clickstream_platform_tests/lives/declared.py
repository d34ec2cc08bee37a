"""What is declared of the lake of a life at one time: the settings of all that is done to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from clickstream_platform.settings import Settings
from clickstream_platform_tests.conftest import Lab

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENVELOPE = """
extends = "own"
[envelope]
path = "batch"
steps = ["base64", "gzip"]
optional = true
inherit = ["session_id"]
"""


SOURCES = ("main", "other", "history")
STRICT, RELAXED = ("click", "purchase"), ("click", "purchase", "like")


@dataclass
class Declared:
    """What is declared, and where all of it lies.

    Attributes:
        folder: holds the landing folders, each with the name of its source.
        home: where the lake is.
        sources: which are named, in their order.
        types: which event types are accepted; others are rejected.
        by_id: whether an ``event_id`` alone, within a span, makes a duplicate; else it and the timestamp do.
        enveloped: whether a record may be an envelope of several.
        derived: the one table beside ``events``.
        contract: which columns are declared, by name; empty for none.
    """

    folder: Path
    home: Path
    sources: list[str]
    types: tuple[str, ...]
    by_id: bool = False
    span: timedelta = timedelta(days=1)
    enveloped: bool = False
    derived: str = "sessions"
    contract: str = ""

    @property
    def within(self) -> timedelta | None:
        """Within which span of time events of one id are duplicates; None if they are at one time only."""
        return self.span if self.by_id else None

    def make_folders(self, names: tuple[str, ...]) -> None:
        """What there must be before the first file lands."""
        for name in names:
            (self.folder / name).mkdir()
        self._mapping.write_text(ENVELOPE)

    def lab(self, spark: SparkSession) -> Lab:
        """To do something by what is declared now."""
        named = {name: value for name, value in self._texts().items() if value}
        chosen = Settings(home=self.home, duplicate_span=self.span, event_types=self.types, **named)  # type: ignore[arg-type]
        return Lab(spark, chosen).only("events", self.derived)

    def environment(self, lab: Lab) -> dict[str, str]:
        """What tells a process of its own the same."""
        named = self._texts()
        named |= {"event_types": ",".join(self.types), "duplicate_span": f"PT{int(self.span.total_seconds())}S"}
        return lab.environment | {f"CLICKSTREAM_{name.upper()}": value for name, value in named.items() if value}

    @property
    def _mapping(self) -> Path:
        return self.folder / "envelope.toml"

    def _texts(self) -> dict[str, str]:
        return {
            "source": json.dumps({name: str(self.folder / name) for name in self.sources}),
            "duplicates": "event_id" if self.by_id else "event_id,timestamp",
            "mapping": str(self._mapping) if self.enveloped else "",
            "contract": self.contract,
        }
