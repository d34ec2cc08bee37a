"""``verify --source``: the account, checked against the source and not against itself. No JVM."""

from __future__ import annotations

from dataclasses import dataclass

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.audit.books import refused, unbalanced
from clickstream_platform.streaming.audit.landed import contradictions
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.ledger import Entry, entries, is_complete, last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform.streaming.sources.source import RecordSource


@dataclass(frozen=True)
class SourceAccount:
    """What was counted in the source, what is booked, and where the two contradict each other.

    Attributes:
        recount: the source, counted again and compared.
        read: records that the ledger says were read.
        accepted: of these.
        quarantined: of these.
        duplicates: of these.
        passed_over: of these.
        refused: files that were refused whole, with what was found.
        tables: where the tables contradict the ledger.
    """

    recount: Recount
    read: int
    accepted: int
    quarantined: int
    duplicates: int
    passed_over: int
    refused: dict[str, str]
    tables: tuple[str, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """Every contradiction."""
        return (*self.recount.errors, *self.tables)

    @property
    def clean(self) -> bool:
        """Whether every record of the source that can still be checked is accounted for, once."""
        return not self.errors


def source_account(table: StreamingTable, lake: Lake) -> SourceAccount:
    """Count the source of ``events`` again, and compare it with the ledger and the tables.

    Args:
        table: the contract of ``events``.
        lake: where it lies.

    Raises:
        SourceError: no batch is committed yet, or the source is not there.
        UnreachableError: Kafka does not answer.
    """
    source: RecordSource = table.offsets  # pyright: ignore[reportAssignmentType] - a table that is not derived has one
    if last_entry(lake.table(table.name)) is None:
        raise SourceError(table.name, "it has no committed batch yet", f"run `clickstream run {table.name}` first")
    if not is_complete(lake.table(table.name)):
        finding = "the oldest entries of its ledger are gone, so that nothing can be compared with them"
        raise SourceError(table.name, finding, "restore its _delta_log from a copy; `clickstream maintain` keeps them")
    batches: list[Entry] = []

    def ledger() -> list[Entry]:
        batches.extend(entries(lake.table(table.name)))
        return batches

    recount = source.recount(generations.current(lake, table.name), ledger)
    wrong = [*unbalanced(table, lake), *contradictions(lake, batches, recount.unnamed)]
    return SourceAccount(
        recount,
        read=sum(entry.rows_in for entry in batches),
        accepted=sum(entry.rows_out for entry in batches),
        quarantined=sum(entry.quarantined for entry in batches),
        duplicates=sum(entry.duplicates for entry in batches),
        passed_over=sum(entry.passed for entry in batches),
        refused=refused(lake),
        tables=tuple(wrong),
    )
