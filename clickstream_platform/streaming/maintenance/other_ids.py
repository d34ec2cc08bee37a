"""An id that stands in ``extra`` of somebody else's event: ``forget`` takes it out there, and leaves the event.

A mapping prefers one of several ids; the others are kept. So the anonymous id of a visitor is in events that have the
user's id, and they are the user's.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.events.json_record import parse_json_object, text_of
from clickstream_platform.events.mapping.paths import Getter, getter, steps_of, taker
from clickstream_platform.events.schema import EVENTS, PLACE, RECORD
from clickstream_platform.events.timestamps import null_unless
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.ledger import ERASURE, Amendment
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.lake.tables import LakeTable

Take = Callable[[Any], None]


def erase_ids_from_extra(
    persons: DataFrame, paths: Sequence[str], table: LakeTable, run_id: str, columns: Sequence[str]
) -> int:
    """Take persons' ids out of ``extra``, wherever a visitor's id is looked for; no commit if there are none.

    Args:
        persons: one column, ``user_id``.
        paths: where records have the ids of visitors.
        table: the table.
        run_id: the run that is booked.
        columns: declared columns that are taken from such a path; one whose name is such a path need not be named.

    Returns:
        The number of rows that had one; 0 for a table whose rows are no events, or that has neither.
    """
    rows = read_snapshot(persons.sparkSession, table.path)
    declared = [name for name in rows.columns if name in (*paths, *columns) and name not in EVENTS.names]
    kept = [*(["extra"] if "extra" in rows.columns else []), *declared]
    if not paths or not kept or not {*RECORD} <= {*rows.columns}:
        return 0
    ids = [row["user_id"] for row in persons.collect()]
    held = rows.where(F.coalesce(*(F.col(name).cast("string") for name in kept)).isNotNull())
    look = partial(rows_without_ids, ids=frozenset(ids), paths=tuple(paths), columns=tuple(declared))
    changed = held.mapInArrow(look, held.schema).toArrow()
    if changed.num_rows:
        kinds = pa.array(["update"] * changed.num_rows, pa.string())
        keys = (*PLACE, *(name for name in ("generation", "left_out_by") if name in rows.columns))
        commit = writer.Commit(Amendment(table.name, ERASURE, run_id).to_json())
        writer.merge(changed.append_column(writer.CHANGE, kinds), table.path, keys, "timestamp", commit)
    return changed.num_rows


def rows_without_ids(
    batches: Iterator[pa.RecordBatch], ids: Collection[str], paths: Sequence[str], columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows that had one of these ids, without it."""
    steps = [steps_of(path) for path in paths]
    places = [(getter(each), taker(each)) for each in steps]
    for batch in batches:
        names = batch.schema.names
        left, is_changed = {name: batch[name] for name in names}, pa.array([False] * len(batch), pa.bool_())
        if "extra" in names:
            texts = batch["extra"].to_pylist()
            kept = [None if text is None else _taken_out(text, ids, places) for text in texts]
            left["extra"] = pa.array(kept, batch["extra"].type)
            is_changed = pa.array([one != other for one, other in zip(texts, kept, strict=True)], pa.bool_())
        for name in columns:
            has_one = pc.is_in(batch[name].cast(pa.string()), pa.array(ids, pa.string()))
            left[name] = null_unless(pc.invert(has_one), batch[name])
            is_changed = pc.or_(is_changed, has_one)  # `is_in` says false of null
        yield pa.RecordBatch.from_arrays([left[name] for name in names], schema=batch.schema).filter(is_changed)


def _taken_out(text: str, ids: Collection[str], places: Sequence[tuple[Getter, Take]]) -> str | None:
    fields = parse_json_object(text.encode())
    assert isinstance(fields, dict)  # we have written it
    matching = [take for find, take in places if text_of(find(fields)) in ids]
    for take in matching:
        take(fields)
    if not matching:
        return text
    return text_of(fields) if fields else None
