"""What a batch changes of records that are there: commits of their own, before the one that adds its events.

First ``copies`` gets whatever is left out. Then events that give way are taken out of ``events``: streams do not read a
commit that removes rows, so nothing is added in it. Killed after either, the batch finds the same when it is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from clickstream_platform.events.schema import COPY, PLACE, REPLACED
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.actions import GAVE_WAY
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import COMPLETION, REPLACEMENT, Amendment
from clickstream_platform.streaming.lake.tables import LakeTable

_NAMES = [*PLACE, "timestamp"]


def remember_left_out(
    aside: Iterable[pa.RecordBatch], replaced: pa.Table, count: int, copies: LakeTable, by: str, commit: writer.Commit
) -> None:
    """Append what is left out to ``copies``, unless the commit's transaction is there. No commit of nothing.

    Args:
        aside: new records that are no events, at other times than theirs.
        replaced: events that give way.
        count: how many both are.
        copies: the table.
        by: who leaves them out.
        commit: what the commit carries.
    """
    if count:
        rows = chain(_with_reason(aside, COPY, by), _with_reason(replaced.to_batches(), REPLACED, by))
        writer.append(rows, count, copies.path, commit)


def remember_left_out_of_batch(
    at: Callable[[pa.Table], Iterable[pa.RecordBatch]],
    aside: pa.Table,
    replaced: pa.Table,
    copies: LakeTable,
    by: str,
    entry: Entry,
    transaction: tuple[str, int],
) -> None:
    """Append what a batch leaves out to ``copies``; what a killed attempt of the batch has put there, stays.

    That is all, as a rule. What has been changed since (a person forgotten, old events gone) may let the batch leave
    out others: these follow, in a commit of their own, or they would be in no table.

    Args:
        at: gives the new records at some places.
        aside: the places of those that are no events: ``partition``, ``offset`` and ``index``.
        replaced: events that give way.
        copies: the table.
        by: the batch.
        entry: what the ledger is to say of it.
        transaction: of the batch in this table.
    """
    app_id, batch_id = transaction
    commit = writer.Commit(entry.to_json(), transaction)
    if copies.transaction(app_id) == batch_id:
        aside, replaced = _not_yet_left_out(aside, COPY, copies, by), _not_yet_left_out(replaced, REPLACED, copies, by)
        added = aside.num_rows + replaced.num_rows
        commit = writer.Commit(Amendment(copies.name, COMPLETION, entry.run_id, added=added, by=by).to_json())
    remember_left_out(at(aside), replaced, aside.num_rows + replaced.num_rows, copies, by, commit)


def _not_yet_left_out(rows: pa.Table, left_out_as: str, copies: LakeTable, by: str) -> pa.Table:
    """The rows that ``copies`` does not have yet as left out by ``by`` in this way."""
    names = [name for name in PLACE if name in rows.column_names]
    if not rows.num_rows:
        return rows
    chosen = [("left_out_by", "=", by), ("left_out_as", "=", left_out_as)]
    there = copies.plain_table().to_pyarrow_table(columns=names, filters=chosen)
    known = {*_tuples(there, names)}
    return rows.filter(pa.array([each not in known for each in _tuples(rows, names)], pa.bool_()))


def _tuples(rows: pa.Table, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The places of rows; the index of a record that was never in an envelope may be null."""
    columns = ([each or 0 for each in rows[n].to_pylist()] if n == "index" else rows[n].to_pylist() for n in names)
    return zip(*columns, strict=True)


def _with_reason(rows: Iterable[pa.RecordBatch], left_out_as: str, by: str) -> Iterator[pa.RecordBatch]:
    for each in rows:
        named = [pa.repeat(pa.scalar(text), len(each)) for text in (left_out_as, by)]
        yield pa.RecordBatch.from_arrays(
            [*each.columns, *named], names=[*each.schema.names, "left_out_as", "left_out_by"]
        )


def remove_replaced(replaced: pa.Table, events: LakeTable, by: str, run_id: str, transaction: tuple[str, int]) -> None:
    """Remove replaced events from ``events``, in one commit that books it; no commit if there are none. Repeatable.

    Args:
        replaced: these.
        events: the table.
        by: who leaves them out.
        run_id: the run that is booked.
        transaction: tells who makes the commit, and which of its commits this is.
    """
    if not replaced.num_rows:
        return
    line = Amendment(events.name, REPLACEMENT, run_id, removed=replaced.num_rows, by=by)
    app_id, number = transaction
    commit = writer.Commit(line.to_json(), marks=((f"{GAVE_WAY}/{app_id}", number),))
    writer.merge(writer.deletions(replaced.select(_NAMES)), events.path, PLACE, "timestamp", commit)
