"""``forget``: take a person out of every table, and leave a proof that does not name them.

Only the lake is reached. Landing files, topics, logs and whatever was copied elsewhere are their owners' own.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.events.registry.failures import raise_registry_errors
from clickstream_platform.streaming.batches.strategies import strategy_of
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations, writer
from clickstream_platform.streaming.lake.amendments import remove_keys
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.ledger import ERASURE, Amendment
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.maintenance.housekeeping import FILES_KEPT
from clickstream_platform.streaming.maintenance.mentioned import ROW_OF_COPIES, MentionSearch
from clickstream_platform.streaming.maintenance.other_ids import erase_ids_from_extra
from clickstream_platform.streaming.maintenance.persons import AT_ONCE
from clickstream_platform.streaming.maintenance.proofs import (
    ErasedRows,
    ErasureProof,
    hash_user_id,
    proof_time,
    write_proof,
)
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.streaming.runtime.run import rebuild_leased, run_leased

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse


@raise_registry_errors()
def forget(
    users: str | Sequence[str],
    contracts: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    unsearchable: bool = False,
    files_kept: timedelta = FILES_KEPT,
    run_id: str | None = None,
) -> ErasureProof:
    """Delete persons from every table, now, and from its files once the retention of files is over.

    Takes the leases of all tables, reads what has arrived, then deletes: rows by ``user_id``; an id in ``extra`` of
    others' events, where the mapping looks for visitors; rejected records whose bytes, key or headers mention an id,
    however it is written (:func:`~clickstream_platform.events.subject.find_mention`). A table whose state store
    remembers a person begins a new generation, and the old state is deleted. Killed anywhere, run it again.

    Later events of the same persons are accepted like any others. Costs a run of every table, a rebuild of those with
    a state store, and a pass over each of the others.

    Args:
        users: the user ids, as they are in ``events``, or as they were sent: where only hashes of ids are kept, both.
        contracts: all tables.
        spark: the session.
        lake: where the tables lie.
        hooks: as of a run.
        unsearchable: also delete the rejected records of which nobody can tell whom they mention. Without, they stay,
            are counted, and the erasure is not completed while there are any.
        files_kept: how long `maintain` leaves files of older versions.
        run_id: the run's name in leases, ledger and proof; made up if not given.

    Raises:
        SettingsError: an id is empty.
        SourceError: nothing has been read yet.
        TableBusyError: a run is at one of the tables and does not end within ten minutes.
        UnreachableError: a schema registry that has to be asked does not answer.
    """
    users = [users] if isinstance(users, str) else [*dict.fromkeys(users)]
    require_erasure(lake, users)
    run_id, hooks, salt = run_id or uuid.uuid4().hex[:12], hooks or Hooks(), secrets.token_hex(16)
    subject = ",".join(hash_user_id(salt, user_id) for user_id in users)
    proof = ErasureProof(run_id, salt, subject, proof_time(datetime.now(timezone.utc)))
    with lease_all([table.name for table in contracts], lake, run_id):
        write_proof(lake, proof)
        for table in contracts:
            run_leased(table, spark, lake, hooks, run_id)
        rules = [cast("Parse", table.query).rules for table in contracts if not table.derived]
        search = MentionSearch(_stored_ids(users, contracts), rules, unsearchable=unsearchable)
        erased = _erase(search, contracts, spark, lake, hooks, run_id)
        for user_id in search.users:
            hooks.forgotten(user_id)
        proof = _completed_proof(proof, search, erased, files_kept)
        write_proof(lake, proof)
    return proof


def _completed_proof(
    proof: ErasureProof, search: MentionSearch, erased: list[ErasedRows], files_kept: timedelta
) -> ErasureProof:
    """The proof of what is done: completed, unless there are records that could not be searched."""
    now = datetime.now(timezone.utc)
    return replace(
        proof,
        completed_at=None if search.unsearched else proof_time(now),
        files_until=proof_time(now + files_kept),
        tables=tuple(erased),
        unsearched={**search.unsearched},
    )


def require_erasure(lake: Lake, users: Sequence[str]) -> None:
    """Raise what :func:`forget` raises without looking at a row, before a JVM is started for it."""
    if not users or not all(user_id.strip() for user_id in users):
        raise SettingsError("user", "an empty id is nobody's", "give the user_id as it is in events")
    if len(users) > AT_ONCE:
        finding = f"{len(users):,} ids, and at most {AT_ONCE:,} can be forgotten at once"
        raise SettingsError("--from-file", finding, "split the file")
    if not lake.events.exists:
        raise SourceError("events", "nothing was read yet", "there is nothing to forget")


def _stored_ids(users: Sequence[str], contracts: Sequence[StreamingTable]) -> list[str]:
    """The ids, and their hashes where ``events`` has these; rows of before have the ids themselves."""
    masks = [cast("Parse", table.query).rules.masks for table in contracts if not table.derived]
    return list(dict.fromkeys([*users, *(name for each in masks for user in users for name in each.names_of(user))]))


def _erase(
    search: MentionSearch,
    contracts: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks,
    run_id: str,
) -> list[ErasedRows]:
    """``events`` after the tables made of it, so that a run in between changes nothing; state stores after that."""
    persons = spark.createDataFrame([(user_id,) for user_id in search.users], "user_id string")
    readers = [cast("Parse", table.query) for table in contracts if not table.derived]
    paths = [path for each in readers for path in each.visitor_paths]
    columns = [name for each in readers for name in each.visitor_columns]
    erased: list[ErasedRows] = []
    for table in sorted(contracts, key=_erasure_order):
        held = lake.table(table.name)
        there = lake.existing(table.names)
        for side in (lake.table(name) for name in there if name != table.name):
            erased.append(ErasedRows(side.name, _erased_of_side(search, persons, side, run_id), side.version() or 0))
        for name in there:
            erase_ids_from_extra(persons, paths, lake.table(name), run_id, columns)
        rebuild = partial(rebuild_leased, table, spark, lake, hooks, run_id)
        rows = strategy_of(table).erase(persons, lake, run_id, rebuild)
        erased.append(ErasedRows(table.name, rows, held.version() or 0))
        if table.state.is_stored:
            generations.remove_superseded(lake, table.name)
    return erased


def _erasure_order(table: StreamingTable) -> int:
    """When a table's turn is: those made of ``events`` come before it, so that a run in between changes nothing.

    Those with a state store come last: they are made again of what is left of ``events``.
    """
    return 2 if table.state.is_stored else 0 if table.derived else 1


def _erased_of_side(search: MentionSearch, persons: DataFrame, side: LakeTable, run_id: str) -> int:
    """Take persons out of a side table: by their ids, or out of what is kept of records that were never parsed."""
    rows = read_snapshot(persons.sparkSession, side.path)
    if "user_id" in rows.columns:
        removed = remove_keys(persons, ("user_id",), side, ERASURE, run_id)
        if "value" in rows.columns:
            _take_out_bytes(search.copies(read_snapshot(persons.sparkSession, side.path)).toArrow(), side, run_id)
        return removed
    return remove_keys(search.records(rows), ("record_id",), side, ERASURE, run_id)


def _take_out_bytes(rows: pa.Table, copies: LakeTable, run_id: str) -> None:
    """Take the bytes out of rows of ``copies``, which stay, as they are others' and say which record is an event."""
    if rows.num_rows:
        for name in ("value", "inherited"):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, pa.nulls(rows.num_rows, rows.schema.field(name).type))
        changed = rows.append_column(writer.CHANGE, pa.array(["update"] * rows.num_rows, pa.string()))
        commit = writer.Commit(Amendment(copies.name, ERASURE, run_id).to_json())
        writer.merge(changed, copies.path, ROW_OF_COPIES, "timestamp", commit)
