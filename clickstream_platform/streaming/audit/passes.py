"""Where each check of a table last passed: one small file a table, ``_checks/<table>.json`` in the lake.

What it says is never needed: without it, a check looks at all rows again. It names no visitor.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clickstream_platform.expectations import Expectation
from clickstream_platform.files import write_whole
from clickstream_platform.store.compare_and_swap import update_object
from clickstream_platform.store.place import Place, StorePath, is_on_store
from clickstream_platform.streaming.audit.books import Books
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake

log = logging.getLogger(__name__)

MEANING = 1  # raise it when a check asks for something else under the same name: all rows are looked at once more


@dataclass(frozen=True)
class ResumePoint:
    """What a check needs to go on from where it passed.

    Attributes:
        at: the version of each table that the check looked at, with an id of its commit: a table that was restored may
            have another commit of the same number.
        last: for a key that ends in a number: the greatest such number, by a hash of the rest of the key.
        count: for a count of events of one type: how many ``events`` had.
        rows: for the same: how many rows the table had.
        books: for the balance of the ledgers: their sums.
    """

    at: dict[str, tuple[int, str]]
    last: dict[str, int] = field(default_factory=dict)
    count: int = 0
    rows: int = 0
    books: Books | None = None


@dataclass(frozen=True)
class PassedCheck:
    """A check that passed.

    Attributes:
        asked: what it asked for, as :func:`expectation_hash` gives it. If that has changed, it has to look at all rows.
        generation: the generation of the table's checkpoint.
        kept: from where the next check may go on.
    """

    asked: str
    generation: int
    kept: ResumePoint


@dataclass(frozen=True)
class CheckRecord:
    """The content of a table's file.

    Attributes:
        text: as it was read; empty without a file.
        checks: the checks that passed, by the names of their expectations.
    """

    text: str = ""
    checks: Mapping[str, PassedCheck] = field(default_factory=dict)


_CHECKS = TypeAdapter(dict[str, PassedCheck])


def read_check_record(lake: Lake, table: str) -> CheckRecord:
    """The record of a table; an empty one if there is no file, or if it is damaged."""
    try:
        return _record(_file(lake, table).read_bytes())
    except FileNotFoundError:
        return CheckRecord()


def _record(content: bytes | None) -> CheckRecord:
    if content is None:
        return CheckRecord()
    try:
        text = content.decode()
        return CheckRecord(text, _CHECKS.validate_json(text))
    except (ValidationError, UnicodeDecodeError):
        return CheckRecord("damaged")


def expectation_hash(expectation: Expectation, table: StreamingTable) -> str:
    """A hash of what a check asks for: of the expectation, and of what the table declares of its rows."""
    what = (MEANING, expectation, table.version, table.key, table.span, table.columns)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def resume_obstacle(
    passed: PassedCheck | None, expectation: Expectation, table: StreamingTable, generation: int, lake: Lake
) -> str:
    """Why a check cannot go on from where it passed, in words; empty if it can."""
    if passed is None:
        return "it has not passed before"
    if passed.asked != expectation_hash(expectation, table):
        return "it asks for something else than when it passed"
    if passed.generation != generation:
        return f"generation {generation} has begun since it passed"
    for name, (version, commit) in passed.kept.at.items():
        if lake.table(name).log.commit_id(version) != commit:
            return f"version {version} of {name}, at which it passed, is not there any more"
    return ""


def version_marks(lake: Lake, versions: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """Versions of tables, each with what tells its commit. One whose log is gone can never be gone on from."""
    commits = {name: lake.table(name).log.commit_id(version) for name, version in versions.items()}
    return {name: (versions[name], "gone" if commit is None else commit) for name, commit in commits.items()}


def record_passes(
    lake: Lake, table: str, before: CheckRecord, passed: Mapping[str, PassedCheck], failed: Collection[str]
) -> None:
    """Write down which checks passed and where, and forget where those stood that failed on all rows.

    A check that failed on what is new is in neither: it goes on from where it stood. What passed is not written down
    if another process has changed the record meanwhile: it may have found a fault that this one was too early for.
    A lake that cannot be written is warned of.
    """
    try:
        if is_on_store(file := _file(lake, table)):
            _note_on_store(file, before, passed, failed)
            return
        with _locked_folder(file.parent):
            if (text := _updated_record(read_check_record(lake, table), before, passed, failed)) is not None:
                write_whole(file, text)
    except OSError as refused:
        finding = "what its checks came to cannot be noted"
        log.warning("%s: %s (%s); if one failed, let the next `refresh` look at all rows", table, finding, refused)


def _updated_record(
    now: CheckRecord, before: CheckRecord, passed: Mapping[str, PassedCheck], failed: Collection[str]
) -> bytes | None:
    """What is to be written in place of what is there now; None if that is the same."""
    news = passed if now == before else {}
    checks = {name: each for name, each in {**now.checks, **news}.items() if name not in failed}
    return _CHECKS.dump_json(checks) if checks != now.checks or now.text == "damaged" else None


def _note_on_store(
    file: StorePath, before: CheckRecord, passed: Mapping[str, PassedCheck], failed: Collection[str]
) -> None:
    """Write it on a store, where nothing is locked: only if nobody else has written meanwhile."""
    update_object(file, lambda content: (_updated_record(_record(content), before, passed, failed), None))


def _file(lake: Lake, table: str) -> Place:
    return lake.root / "_checks" / f"{table}.json"


@contextmanager
def _locked_folder(folder: Path) -> Generator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # for the milliseconds of a small file
        yield
