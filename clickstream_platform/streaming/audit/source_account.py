"""``verify --source``: the account, checked against the source and not against itself. No JVM."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.audit.books import all_refused_files, ledger_errors, require_committed
from clickstream_platform.streaming.audit.row_places import contradictions
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.ledger import entries, is_ledger_complete
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.sources.envelope_count import Envelopes
from clickstream_platform.streaming.sources.recount import Recount, combine_recounts
from clickstream_platform.streaming.sources.source import RecordSource

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse


@dataclass(frozen=True)
class SourceAccount:
    """What was counted in the source, what is booked, and where the two contradict each other.

    Attributes:
        recounts: each source that the settings name, counted again and compared, by its name.
        read: records that the ledger says were read.
        opened: of these, envelopes.
        inside: events that these held.
        accepted: of the events, and of the records by themselves.
        quarantined: of these.
        duplicates: of these.
        passed_over: of these.
        refused: files that were refused whole, with what was found.
        tables: where the tables contradict the ledger.
        replaced: accepted events that gave way to copies at an earlier time, and are duplicates since.
        restored: duplicates, or such events, that became events again.
        by_source: of each source, named or left out, the records that the ledger says were read.
    """

    recounts: dict[str, Recount]
    read: int
    accepted: int
    quarantined: int
    duplicates: int
    passed_over: int
    refused: dict[str, str]
    tables: tuple[str, ...]
    by_source: dict[str, int]
    opened: int = 0
    inside: int = 0
    replaced: int = 0
    restored: int = 0

    @property
    def recount(self) -> Recount:
        """All sources in one."""
        return combine_recounts(self.recounts)

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
    require_committed(table, lake)
    if not is_ledger_complete(lake.table(table.name)):
        finding = "the oldest entries of its ledger are gone, so that nothing can be compared with them"
        raise SourceError(table.name, finding, "restore its _delta_log from a copy; `clickstream maintain` keeps them")
    envelopes = Envelopes.from_rules(cast("Parse", table.query).rules)
    recounts = {each.offsets.source_name: _recount(each, lake, envelopes) for each in table.by_source()}
    batches = list(entries(lake.table(table.name)))
    by_source = Counter[str]()
    for entry in batches:
        by_source[entry.source] += entry.rows_in
    old_files = {name: recount.unnamed for name, recount in recounts.items()}
    return SourceAccount(
        recounts,
        read=sum(entry.rows_in for entry in batches),
        accepted=sum(entry.accepted for entry in batches),
        quarantined=sum(entry.records.quarantined for entry in batches),
        duplicates=sum(entry.copies.duplicates for entry in batches),
        passed_over=sum(entry.records.passed for entry in batches),
        refused=all_refused_files(lake),
        tables=(*ledger_errors(table, lake), *contradictions(lake, old_files)),
        by_source=dict(by_source),
        opened=sum(entry.records.opened for entry in batches),
        inside=sum(entry.records.inside for entry in batches),
        replaced=sum(entry.copies.replaced for entry in batches),
        restored=sum(entry.copies.restored for entry in batches),
    )


def _recount(table: StreamingTable, lake: Lake, envelopes: Envelopes) -> Recount:
    source = cast("RecordSource", table.offsets)
    name, ledger = source.source_name, lake.table(table.name)
    return source.recount(
        generations.current_checkpoint(lake, table.name, name),
        lambda: [each for each in entries(ledger) if each.source == name],
        envelopes,
    )
