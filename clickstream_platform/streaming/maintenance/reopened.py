"""What a replay changes in ``quarantine``: records leave, and rejected events of opened ones take their place."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema

from clickstream_platform.events.schema import PLACE, QUARANTINE, RECORD
from clickstream_platform.streaming.ingest.staging import record_id
from clickstream_platform.streaming.lake import writer

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Rules

KEY = ("record_id",)


def changes(leaving: pa.Table, opened: pa.Table, rejected: pa.Table, rules: Rules) -> pa.Table:
    """The rows as :func:`.writer.merge` takes them, with ``KEY`` as their key.

    Args:
        leaving: ``PLACE`` and ``arrived_at`` of what leaves.
        opened: ``RECORD`` and ``arrived_at`` of the envelopes that leave because they were opened.
        rejected: the events of these that are rejected: ``QUARANTINE``, but for ``record_id`` and ``size``.
        rules: what may be kept of their bytes.
    """
    stay = {record_id(*place) for place in _places(rejected, PLACE)}
    whole = [(record_id(*place), at) for place, at in _with_times(opened, RECORD)]
    gone = [(record_id(*place), at) for place, at in _with_times(leaving, PLACE)]
    deleted = [*gone, *((each, at) for each, at in whole if each not in stay)]
    replaced = {each for each, _ in whole}
    kinds = ["update" if record_id(*place) in replaced else "insert" for place in _places(rejected, PLACE)]
    return pa.concat_tables([_deletes(deleted), _rows(rejected, rules, kinds)])


def _schema() -> pa.Schema:
    return to_arrow_schema(QUARANTINE.spark, timezone="UTC")


def _places(rows: pa.Table, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))


def _with_times(rows: pa.Table, names: tuple[str, ...]) -> list[tuple[tuple[Any, ...], Any]]:
    return list(zip(_places(rows, names), rows["arrived_at"].to_pylist(), strict=True))


def _deletes(rows: list[tuple[str, Any]]) -> pa.Table:
    known = {"record_id": [each for each, _ in rows], "arrived_at": [at for _, at in rows]}
    columns = [pa.array(known.get(field.name, [None] * len(rows)), field.type) for field in _schema()]
    return pa.table(columns, _schema()).append_column(writer.CHANGE, pa.array(["delete"] * len(rows), pa.string()))


def _rows(rejected: pa.Table, rules: Rules, kinds: list[str]) -> pa.Table:
    columns = {name: rejected[name].combine_chunks() for name in QUARANTINE.names if name in rejected.column_names}
    columns["size"] = pc.binary_length(columns["value"])
    columns["value"] = rules.kept(columns["value"])
    columns["record_id"] = pa.array([record_id(*place) for place in _places(rejected, PLACE)], pa.string())
    held = pa.table([columns[field.name].cast(field.type) for field in _schema()], _schema())
    return held.append_column(writer.CHANGE, pa.array(kinds, pa.string()))
