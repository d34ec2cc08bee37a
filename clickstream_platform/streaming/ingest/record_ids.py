"""A record's name for ever: ``record_id`` in ``quarantine``."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.schema import PLACE


def record_id(source: str, partition: str, offset: int, index: int | None = 0) -> str:
    """A record's name for ever, a hash of its source, partition and offset; of a further event, its index too."""
    # The partition's length keeps it apart from the source, whatever signs they hold.
    place = f"{index}/{offset}" if index else f"{offset}"
    return hashlib.sha256(f"{place} {len(partition)} {partition} {source}".encode()).hexdigest()


def record_ids(records: pa.RecordBatch, is_rejected: pa.BooleanArray) -> pa.StringArray:
    """The ids of the rejected records; null for all others."""
    rejected = records.select(PLACE).filter(is_rejected).to_pylist()
    ids = pa.array([record_id(**place) for place in rejected], pa.string())
    return pc.replace_with_mask(pa.nulls(len(is_rejected), pa.string()), is_rejected, ids)
