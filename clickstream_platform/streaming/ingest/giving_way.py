"""What a batch changes of records that are there: commits of their own, before the one that adds its events.

First ``copies`` gets whatever is left out. Then events that give way are taken out of ``events``: streams do not read a
commit that removes rows, so nothing is added in it. Killed after either, the batch finds the same when it is run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa

from clickstream_platform.errors import CheckpointError
from clickstream_platform.events.schema import COPY, PLACE, REPLACED
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.actions import GAVE_WAY
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import REPLACEMENT, Amendment, entries, line_of
from clickstream_platform.streaming.lake.tables import LakeTable

_NAMES = [*PLACE, "timestamp"]


def remember(
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

    Raises:
        CheckpointError: a killed attempt of the batch has left out others: it was begun by another rule.
    """
    _require_as_begun(count, copies, commit)
    if count:
        rows = chain(_named(aside, COPY, by), _named(replaced.to_batches(), REPLACED, by))
        writer.append(rows, count, copies.path, commit)


def _require_as_begun(count: int, copies: LakeTable, commit: writer.Commit) -> None:
    """Refuse a batch that leaves out other records than when it was begun: they would be in no table."""
    now = line_of(commit.line)
    if not isinstance(now, Entry) or commit.transaction is None:
        return
    app_id, batch_id = commit.transaction
    if copies.transaction(app_id) != batch_id:
        return
    place = (now.source, now.generation, batch_id)
    begun = next((each for each in entries(copies) if (each.source, each.generation, each.batch_id) == place), None)
    if begun is not None and begun.copies.remembered != count:
        finding = f"batch {batch_id} was killed when it had left out {begun.copies.remembered} records, and is now to"
        remedy = "set CLICKSTREAM_DUPLICATES, CLICKSTREAM_DUPLICATE_SPAN and what else has changed back for one run"
        raise CheckpointError("events", f"{finding} leave out {count}: the settings have changed meanwhile", remedy)


def _named(rows: Iterable[pa.RecordBatch], left_out_as: str, by: str) -> Iterator[pa.RecordBatch]:
    for each in rows:
        named = [pa.repeat(pa.scalar(text), len(each)) for text in (left_out_as, by)]
        yield pa.RecordBatch.from_arrays(
            [*each.columns, *named], names=[*each.schema.names, "left_out_as", "left_out_by"]
        )


def give_way(replaced: pa.Table, events: LakeTable, by: str, run_id: str, transaction: tuple[str, int]) -> None:
    """Take events out of ``events``, in a commit that says so; none if there are no such.

    Args:
        replaced: these.
        events: the table.
        by: who leaves them out.
        run_id: the run that is booked.
        transaction: tells who makes the commit, and which of its commits this is.
    """
    if not replaced.num_rows:
        return
    kinds = pa.array(["delete"] * replaced.num_rows, pa.string())
    line = Amendment(events.name, REPLACEMENT, run_id, removed=replaced.num_rows, by=by)
    app_id, number = transaction
    commit = writer.Commit(line.to_json(), (f"{GAVE_WAY}/{app_id}", number))
    writer.merge(replaced.select(_NAMES).append_column(writer.CHANGE, kinds), events.path, PLACE, "timestamp", commit)
