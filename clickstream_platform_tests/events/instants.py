"""Times as texts, and the instants that they name."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.timestamps import Unit, to_instants

EPOCH = datetime(1970, 1, 1)
TEN = 1_709_287_200_000_000  # 2024-03-01T10:00:00Z
SECOND = 1_000_000
DAY = 86_400 * SECOND


def instants_of(texts: list[str], unit: Unit = "auto") -> list[int | None]:
    """The instant of each text, in microseconds since 1970."""
    return pc.cast(to_instants(pa.array(texts, pa.string()), unit), pa.int64()).to_pylist()
