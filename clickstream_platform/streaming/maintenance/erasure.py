"""``forget``: take a person out of every table, and leave a proof that does not name them.

Only the lake is reached. Landing files, topics, logs and whatever was copied elsewhere are their owners' own.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.files import write_whole
from clickstream_platform.streaming.batches.strategies import strategy_of
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.amendments import remove
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.ledger import ERASURE
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import snapshot
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.maintenance.housekeeping import FILES_KEPT
from clickstream_platform.streaming.observe.status import iso
from clickstream_platform.streaming.runtime.run import Hooks, rebuild_leased, run_leased


@dataclass(frozen=True)
class Erased:
    """What was taken out of one table.

    Attributes:
        table: the table's name.
        rows: rows of theirs that it had.
        version: the first version without them; files of older ones hold them until they are vacuumed.
    """

    table: str
    rows: int
    version: int


@dataclass(frozen=True)
class Erasure:
    """The proof of an erasure, as it is kept in ``_erasures/<run_id>.json``.

    Attributes:
        run_id: the run that did it.
        salt: a random text.
        subject: SHA-256 of the salt and the user id: whoever knows the id can tell that it is meant.
        begun_at: when it began (ISO 8601, UTC).
        completed_at: when the last table was done; None if it was stopped before, and must be run again.
        files_until: when the files that still hold the person may be deleted: the first `maintain` after it does that.
        tables: what was deleted where.
    """

    run_id: str
    salt: str
    subject: str
    begun_at: str
    completed_at: str | None = None
    files_until: str | None = None
    tables: tuple[Erased, ...] = ()

    def is_about(self, user_id: str) -> bool:
        """Whether this is the proof for that user."""
        return self.subject == _hashed(self.salt, user_id)


def forget(
    user_id: str,
    contracts: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks | None = None,
    *,
    run_id: str | None = None,
) -> Erasure:
    """Delete a person from every table, now, and from its files once the retention of files is over.

    Takes the leases of all tables, reads what has arrived, then deletes: rows by ``user_id``; rejected records whose
    bytes, key or headers hold the id as a word of its own, which a record that is cut off inside the id does not. A
    table whose state store remembers the person begins a new generation, and the old state is deleted. Killed
    anywhere, run it again.

    Later events of the same person are accepted like any others. Costs a run of every table, a rebuild of those with
    a state store, and a pass over each of the others.

    Raises:
        SettingsError: the id is empty.
        SourceError: nothing has been read yet.
        TableBusyError: a run is at one of the tables and does not end within ten minutes.
    """
    require(lake, user_id)
    run_id, hooks, salt = run_id or uuid.uuid4().hex[:12], hooks or Hooks(), secrets.token_hex(16)
    proof = Erasure(run_id, salt, _hashed(salt, user_id), _iso(datetime.now(timezone.utc)))
    with all_leased([table.name for table in contracts], lake, run_id):
        _write(lake, proof)
        for table in contracts:
            run_leased(table, spark, lake, hooks, run_id)
        erased = _erase(user_id, contracts, spark, lake, hooks, run_id)
        hooks.forgotten(user_id)
        now = datetime.now(timezone.utc)
        proof = replace(proof, completed_at=_iso(now), files_until=_iso(now + FILES_KEPT), tables=tuple(erased))
        _write(lake, proof)
    return proof


def require(lake: Lake, user_id: str) -> None:
    """Raise what :func:`forget` raises without looking at a row, before a JVM is started for it."""
    if not user_id.strip():
        raise SettingsError("--user", "an empty id is nobody's", "give the user_id as it is in events")
    if not lake.events.exists:
        raise SourceError("events", "nothing was read yet", "there is nothing to forget")


def _erase(
    user_id: str,
    contracts: Sequence[StreamingTable],
    spark: SparkSession,
    lake: Lake,
    hooks: Hooks,
    run_id: str,
) -> list[Erased]:
    """``events`` after the tables made of it, so that a run in between changes nothing; state stores after that."""
    persons = spark.createDataFrame([(user_id,)], "user_id string")
    erased: list[Erased] = []
    for table in sorted(contracts, key=_turn):
        held = lake.table(table.name)
        if table.beside:
            beside = lake.table(table.beside.name)
            erased.append(Erased(beside.name, _erased_beside(user_id, persons, beside, run_id), beside.version() or 0))
        rebuild = partial(rebuild_leased, table, spark, lake, hooks, run_id)
        rows = strategy_of(table).erase(persons, lake, run_id, rebuild)
        erased.append(Erased(table.name, rows, held.version() or 0))
        if table.state.is_stored:
            generations.remove_superseded(lake, table.name)
    return erased


def _turn(table: StreamingTable) -> int:
    """When a table's turn is: those made of ``events`` come before it, so that a run in between changes nothing.

    Those with a state store come last: they are made again of what is left of ``events``.
    """
    return 2 if table.state.is_stored else 0 if table.derived else 1


def _erased_beside(user_id: str, persons: DataFrame, beside: LakeTable, run_id: str) -> int:
    """Take a person out of a side table: by the id, or out of what is kept of records that were never parsed."""
    rows = snapshot(persons.sparkSession, beside.path)
    if "user_id" in rows.columns:
        return remove(persons, ("user_id",), beside, ERASURE, run_id)
    return remove(rows.where(_names(user_id)).select("record_id"), ("record_id",), beside, ERASURE, run_id)


def _names(user_id: str) -> Column:
    """Whether a record's bytes, key or headers hold the id as a word of its own: as it is, or with JSON's escapes."""
    spellings = {user_id, json.dumps(user_id)[1:-1], json.dumps(user_id, ensure_ascii=False)[1:-1]}
    words = "|".join(re.escape(spelling) for spelling in sorted(spellings))
    headers = F.transform("headers", lambda header: header["value"].cast("string"))
    held = F.concat_ws(" ", F.col("value").cast("string"), F.col("key").cast("string"), headers)
    return held.rlike(rf"(?<![\p{{L}}\p{{N}}_-])({words})(?![\p{{L}}\p{{N}}_-])")


def _hashed(salt: str, user_id: str) -> str:
    return hashlib.sha256(f"{salt}{user_id}".encode()).hexdigest()


def _iso(moment: datetime) -> str:
    return iso(moment.timestamp() * 1000, "seconds")


def _write(lake: Lake, proof: Erasure) -> None:
    write_whole(_folder(lake) / f"{proof.run_id}.json", TypeAdapter(Erasure).dump_json(proof, indent=1))


def proofs(lake: Lake) -> list[Erasure]:
    """Every erasure of this lake, oldest first."""
    known = TypeAdapter(Erasure)
    found = [known.validate_json(file.read_text()) for file in _folder(lake).glob("*.json")]
    return sorted(found, key=lambda proof: proof.begun_at)


def _folder(lake: Lake) -> Path:
    return lake.root / "_erasures"
