"""A replay that was killed between its commits is completed or undone before the next batch or replay begins.

A replay makes up to four commits: ``copies`` gains the records that it leaves out; ``events`` loses the events that
give way to earlier copies; ``events`` gains the records that are accepted; ``quarantine`` loses all of these records.
Killed in between, it leaves records that are in two tables. Nobody may ever start it again, or only with other
settings. So it is settled by whoever comes next:

- If its events were added, their records leave ``quarantine`` too: the replay is complete.
- If not, its rows leave ``copies`` again, and the events that gave way come back: it is undone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from clickstream_platform.events.schema import COPY, OF_COPIES, PLACE, REPLACED
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import REPLACEMENT, REPLAY, Amendment, ledger_lines, versioned_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.scan import NO_PLACE, open_duckdb, view_rows
from clickstream_platform.streaming.lake.tables import EVER, LakeTable

if TYPE_CHECKING:  # types of DuckDB that a module holds are reported as leaked where a thread outlives the run
    from duckdb import DuckDBPyConnection

log = logging.getLogger(__name__)

_BY = f"{REPLAY}/"  # in `left_out_by`, before a replay's run
# Of files from before records held several events, the index is null; no run may have added it since.
_BY_PLACE = f"""
CREATE VIEW {{rows}}_by_place AS
SELECT * REPLACE (coalesce("index", 0) AS "index")
FROM (FROM {{rows}} UNION ALL BY NAME {NO_PLACE})
"""
_AT = 'USING (source, partition, "offset", "index")'
_LANDED = f"""
SELECT record_id, arrived_at, true AS is_event FROM quarantine_by_place SEMI JOIN events_by_place {_AT}
UNION ALL
SELECT record_id, arrived_at, false FROM quarantine_by_place
SEMI JOIN left_out_by_place {_AT} ANTI JOIN events_by_place {_AT}
"""
_GONE = f"""
SELECT DISTINCT ON (source, partition, "offset", "index") * FROM left_out_by_place ANTI JOIN events_by_place {_AT}
"""


def settle_replay(table: StreamingTable, lake: Lake, run_id: str) -> None:
    """Complete or undo a replay that was killed; nothing if there is none. Repeatable.

    The caller holds the lease of ``events``, and has not begun its batch or replay. Afterwards no record is both in
    ``quarantine`` and in another table, so the next batch may go by another rule of duplicates. Reads the newest
    commits of the three tables, and rows only if there is something to settle.

    Args:
        table: the contract of ``events``.
        lake: where the tables lie.
        run_id: the run that is booked.
    """
    assert table.side_output is not None
    quarantine = lake.table(table.side_output.name)
    # One that has ended may have changed `events` before another one was killed, which has only left out something.
    newest = (_newest_of_events(lake.events), _newest_of_copies(lake))
    replay = next((each for each in newest if each and not _has_ended(each, quarantine)), "")
    if not replay:
        return
    if replay in (line.run_id for line in _replays(lake.events) if not _is_restoring(line)):
        if count := _complete(replay, lake, quarantine):
            log.warning("events: %d records left quarantine that a replay had accepted before it was stopped", count)
        return
    if count := _forget_left_out(replay, lake.copies, run_id):
        log.warning("events: %d copies are rejected records again, as a replay was stopped", count)
    if count := _restore_replaced(replay, lake, run_id):
        log.warning("events: %d events came back that gave way to a replay which was stopped", count)


def _newest_of_events(events: LakeTable) -> str:
    """The run of a replay that has changed ``events`` since its last batch, and is not undone."""
    for line in ledger_lines(events):
        if isinstance(line, Entry) or _is_restoring(line):
            break
        if line.kind == REPLAY:
            return line.run_id
        if line.kind == REPLACEMENT and line.by.startswith(_BY):
            return line.by.removeprefix(_BY)
    return ""


def _newest_of_copies(lake: Lake) -> str:
    """The run of a replay that has left out something, with nothing in ``events`` since; and is not undone."""
    lines = (line for line in ledger_lines(lake.copies) if isinstance(line, Entry) or line.kind == REPLAY)
    newest = next(lines, None)
    if not isinstance(newest, Amendment) or not newest.added:
        return ""
    since = (each.line for each in versioned_lines(lake.events, newest.events_version))
    is_over = any(isinstance(line, Entry) or _is_restoring(line) for line in since)
    return "" if is_over else newest.run_id


def _is_restoring(line: Amendment) -> bool:
    """Whether a line of ``events`` says that events came back, as a replay is undone."""
    return line.kind == REPLAY and line.by.startswith(_BY)


def _has_ended(replay: str, quarantine: LakeTable) -> bool:
    """Whether it has made its last commit: what is settled leaves ``quarantine``. What it opens does so before."""
    return any(line.run_id == replay and not line.opened for line in _replays(quarantine))


def _replays(table: LakeTable) -> Iterator[Amendment]:
    return (line for line in ledger_lines(table) if isinstance(line, Amendment) and line.kind == REPLAY)


def _complete(replay: str, lake: Lake, quarantine: LakeTable) -> int:
    """Take out of ``quarantine`` what a replay has accepted or left out. Reads the places of all events."""
    with open_duckdb() as connection:
        _view_left_out(connection, _left_out(replay, COPY, lake.copies))
        _view_by_place(connection, lake.events, "timestamp")
        _view_by_place(connection, quarantine, "arrived_at")
        landed = connection.sql(_LANDED).to_arrow_table()
    if landed.num_rows:
        copies = landed["is_event"].to_pylist().count(False)
        line = Amendment(quarantine.name, REPLAY, replay, removed=landed.num_rows, duplicates=copies)
        _remove(landed.drop_columns(["is_event"]), quarantine, ("record_id",), "arrived_at", line)
    return landed.num_rows


def _forget_left_out(replay: str, copies: LakeTable, run_id: str) -> int:
    """Take out of ``copies`` what a replay has left out of its own records: ``quarantine`` has these."""
    key, rows = (*PLACE, "left_out_by"), _left_out(replay, COPY, copies)
    if not rows:
        return 0
    line = Amendment(copies.name, REPLAY, run_id, removed=rows.num_rows)
    _remove(rows.select([*key, "timestamp"]), copies, key, "timestamp", line)
    return rows.num_rows


def _restore_replaced(replay: str, lake: Lake, run_id: str) -> int:
    """Put events back that gave way to records of a replay. A replay that is run again finds the same as before."""
    gone = _left_out(replay, REPLACED, lake.copies)
    if not gone:
        return 0
    with open_duckdb() as connection:
        _view_left_out(connection, gone)
        _view_by_place(connection, lake.events, "timestamp")
        back = connection.sql(_GONE).to_arrow_table().drop_columns([*OF_COPIES])
    if back.num_rows:
        count, by = back.num_rows, f"{_BY}{replay}"
        line = Amendment(lake.events.name, REPLAY, run_id, added=count, restored=count, by=by)
        writer.append(iter(back.to_batches()), back.num_rows, lake.events.path, writer.Commit(line.to_json()))
    return back.num_rows


def _left_out(replay: str, left_out_as: str, copies: LakeTable) -> pa.Table | None:
    """The rows of ``copies`` that a replay has left; None if there is no such table, and so nothing was left out."""
    if not copies.exists:
        return None
    by = [("left_out_by", "=", f"{_BY}{replay}"), ("left_out_as", "=", left_out_as)]
    return copies.plain_table().to_pyarrow_table(filters=by)


def _view_by_place(connection: DuckDBPyConnection, table: LakeTable, time: str) -> None:
    view_rows(connection, table, time, [EVER])
    connection.execute(_BY_PLACE.format(rows=table.name))


def _view_left_out(connection: DuckDBPyConnection, rows: pa.Table | None) -> None:
    if rows is None:
        connection.execute(f"CREATE VIEW left_out AS {NO_PLACE}")
    else:
        connection.register("left_out", rows)
    connection.execute(_BY_PLACE.format(rows="left_out"))


def _remove(rows: pa.Table, table: LakeTable, keys: tuple[str, ...], time: str, line: Amendment) -> None:
    writer.merge(writer.deletions(rows), table.path, keys, time, writer.Commit(line.to_json()))
