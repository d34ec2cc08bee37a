"""A batch of ``events`` that was killed between its commits: what it has committed, so that its replay adds the rest.

Such a batch has rows in ``quarantine`` or ``copies``, and none in ``events`` yet. Its replay reads the same records,
perhaps with other settings, and must neither reject a record twice nor leave one in no table.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.errors import CheckpointError, RetryableError, SourceError
from clickstream_platform.source_list import title
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.ingest.deduplicate import WITHIN
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable

if TYPE_CHECKING:
    from clickstream_platform.streaming.ingest.facts import Facts
    from clickstream_platform.streaming.ingest.staged import StagedBatch


def interrupted_entry(table: StreamingTable, lake: Lake, checkpoint: Checkpoint) -> Entry | None:
    """The ledger entry of a batch that is committed to a side table but not to ``events``; None if there is none.

    Args:
        table: the contract of ``events``.
        lake: where the tables lie.
        checkpoint: the one that planned the batch.
    """
    beside = table.names[1:]
    batch_id = generations.half_committed_batches(lake, table.name, beside, [checkpoint.source]).get(checkpoint.source)
    if batch_id is None:
        return None
    batch = (checkpoint.source, checkpoint.generation, batch_id)
    made = (each for name in beside for each in entries(lake.table(name)))
    return next((each for each in made if each.batch == batch), None)


def require_others_whole(table: StreamingTable, lake: Lake, checkpoint: Checkpoint) -> None:
    """Refuse to go on with one source while a batch of another one is committed by half.

    Args:
        table: the contract of ``events``.
        lake: where the tables lie.
        checkpoint: of the source that is to go on.

    Raises:
        RetryableError: that batch is to be completed first.
    """
    others = {*generations.checkpointed_sources(lake, table.name)} - {checkpoint.source}
    for source, cut in generations.half_committed_batches(lake, table.name, table.names[1:], others).items():
        finding = f"batch {cut} of the source {source} was killed between its two commits"
        remedy = f"name that source in CLICKSTREAM_SOURCE, see that it can be read, and run {table.name}"
        raise RetryableError(table.name, f"{finding}, and must be complete before any other", remedy)


def require_whole_batches(table: StreamingTable, lake: Lake) -> None:
    """Refuse to change rejected records while a batch has rejected its own and not accepted its events.

    It is not known yet then which event a conflicting duplicate conflicts with, and the batch rejects nothing again.

    Raises:
        SourceError: names the batch.
    """
    assert table.side_output is not None
    sources, rejected = generations.checkpointed_sources(lake, table.name), table.side_output.name
    for source, cut in generations.half_committed_batches(lake, table.name, table.names[1:], sources).items():
        finding = f"batch {cut} was killed when its records were in {rejected} and its events were not there"
        raise SourceError(title(table.name, source), finding, f"run `clickstream run {table.name}` first")


@dataclass(frozen=True)
class CommittedRejections:
    """What a killed batch has committed to ``quarantine``. It stays there, whatever today's settings say of it.

    It may be empty: then the batch was killed after its commit to ``copies``. Who wants these records tried by today's
    settings says ``replay``.

    Attributes:
        entry: the ledger entry of that commit.
        records: the places of the records that were rejected whole, and of all events that are read from them today.
        inside: the places of events of envelopes that were rejected.
    """

    entry: Entry
    records: pa.Table
    inside: pa.Table

    @classmethod
    def find(cls, entry: Entry, staged: StagedBatch, quarantine: LakeTable, origin: str) -> CommittedRejections:
        """Find which staged records are in ``quarantine``, by their places. Reads the places of all rows of the source.

        Args:
            entry: the ledger entry of the commit to ``quarantine``.
            staged: the records that the replay has read.
            quarantine: the table.
            origin: the source as its rows name it.
        """
        names = [*WITHIN, "inherited"]
        there = quarantine.plain_table().to_pyarrow_table(columns=names, filters=[("source", "=", origin)])
        is_inside = pc.is_valid(there["inherited"])
        by_themselves = there.filter(pc.invert(is_inside))
        return cls(entry, staged.places(by_themselves, WITHIN[:2]), staged.places(there.filter(is_inside)))

    def without_these(self, staged: StagedBatch) -> tuple[StagedBatch, Facts]:
        """The staged records without these, and the counts of all of them.

        Only the counts of rejected records are those of the rest: :meth:`whole_entry` adds the others. A record that
        was rejected whole counts as one record, even if today's mapping opens it as an envelope.
        """
        others = replace(staged, left_out=self.records).facts()
        rest = replace(staged, left_out=pa.concat_tables([self.records, self.inside]))
        facts = replace(rest.facts(), records=others.records + self._alone, opened=others.opened, inside=others.inside)
        return rest, facts

    @property
    def _alone(self) -> int:
        return int(pc.sum(pc.equal(self.records["index"], 0)).as_py() or 0)

    def whole_entry(self, rest: Entry) -> Entry:
        """The ledger entry of the whole batch. A record of ``quarantine`` that was deleted meanwhile counts as read.

        Args:
            rest: the entry of the batch, which counts as rejected only what :meth:`without_these` has left.

        Raises:
            CheckpointError: by today's settings more records would be rejected than then, and they would be in no
                table; or envelopes would be opened by another mapping.
        """
        missing = self.entry.records.quarantined - self._alone - self.inside.num_rows - rest.records.quarantined
        for finding in self._misfits(rest, missing):
            finding = f"batch {rest.batch_id} was killed between its commits, and would now {finding}"
            remedy = "what makes a record an event has changed meanwhile, settings or a file: set it back for one run"
            raise CheckpointError(rest.title, finding, remedy)
        records = replace(rest.records, quarantined=self.entry.records.quarantined, reasons=self.entry.records.reasons)
        return replace(rest, rows_in=rest.rows_in + missing, records=records)

    def _misfits(self, rest: Entry, missing: int) -> Iterator[str]:
        if missing < 0:
            counts = ", ".join(f"{count} as {name}" for name, count in sorted(rest.records.reasons.items()))
            yield f"reject more: {counts}"
        if self.entry.records.opened and rest.declared.mapping != self.entry.declared.mapping:
            yield f"be read by another mapping: {rest.declared.mapping or 'none'}, then {self.entry.declared.mapping}"
