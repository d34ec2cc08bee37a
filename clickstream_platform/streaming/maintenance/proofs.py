"""What is kept of an erasure: plain files that do not name whom it was about. No Spark."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

from clickstream_platform.files import write_whole
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.wording import iso


@dataclass(frozen=True)
class ErasedRows:
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
class ErasureProof:
    """The proof of an erasure, as it is kept in ``_erasures/<run_id>.json``.

    Attributes:
        run_id: the run that did it.
        salt: a random text.
        subject: SHA-256 of the salt and the user id: whoever knows the id can tell that it is meant. Of several
            persons one after another, separated by commas.
        begun_at: when it began (ISO 8601, UTC).
        completed_at: when the last table was done; None if it was stopped before, and must be run again, or if there
            are rejected records that could not be searched.
        files_until: when the files that still hold the person may be deleted: the first `maintain` after it does that.
        tables: what was deleted where.
        unsearched: rejected records that may mention the person and stayed, by why that could not be found out.
    """

    run_id: str
    salt: str
    subject: str
    begun_at: str
    completed_at: str | None = None
    files_until: str | None = None
    tables: tuple[ErasedRows, ...] = ()
    unsearched: dict[str, int] = field(default_factory=dict)

    def is_about(self, *user_ids: str) -> bool:
        """Whether this is the proof for all of these users."""
        return {hash_user_id(self.salt, user_id) for user_id in user_ids} <= set(self.subject.split(","))


def hash_user_id(salt: str, user_id: str) -> str:
    """What a proof has of a user id."""
    return hashlib.sha256(f"{salt}{user_id}".encode()).hexdigest()


def proof_time(at: datetime) -> str:
    """A time as a proof has it."""
    return iso(at.timestamp() * 1000, "seconds")


def write_proof(lake: Lake, proof: ErasureProof) -> None:
    """Keep a proof, in place of what was kept of the same run before."""
    write_whole(_folder(lake) / f"{proof.run_id}.json", TypeAdapter(ErasureProof).dump_json(proof, indent=1))


def read_proofs(lake: Lake) -> list[ErasureProof]:
    """Every erasure of this lake, oldest first."""
    known = TypeAdapter(ErasureProof)
    proofs = [known.validate_json(file.read_text()) for file in _folder(lake).glob("*.json")]
    return sorted(proofs, key=lambda proof: proof.begun_at)


def _folder(lake: Lake) -> Place:
    return lake.root / "_erasures"
