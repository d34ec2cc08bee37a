"""One micro-batch of ``events``: each record is accepted, quarantined, a duplicate or passed over, and counted.

``quarantine`` is committed first and ``events`` last, each with the batch's transaction: a batch killed in between is
replayed and writes only what is missing. In between are the commits of :mod:`.replacements`, if an ``event_id`` alone
makes a copy.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from clickstream_platform.cluster_settings import is_one_machine
from clickstream_platform.events.rules import Parse
from clickstream_platform.events.schema import Reason
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.batches.micro_batch import MicroBatch, Notify
from clickstream_platform.streaming.batches.stateless import StatelessBatches
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.ingest import replacements
from clickstream_platform.streaming.ingest.adopting import adopt_files
from clickstream_platform.streaming.ingest.by_id import DuplicateResolution, resolve_duplicates
from clickstream_platform.streaming.ingest.deduplicate import find_duplicates
from clickstream_platform.streaming.ingest.facts import Facts
from clickstream_platform.streaming.ingest.interrupted_batch import (
    CommittedRejections,
    require_others_whole,
)
from clickstream_platform.streaming.ingest.staged import StagedBatch, staged_schema
from clickstream_platform.streaming.ingest.staging import staging_stream
from clickstream_platform.streaming.ingest.staging_folder import clear_staging, staging_folder
from clickstream_platform.streaming.ingest.task_files import task_files_for
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.data_files import DataFile
from clickstream_platform.streaming.lake.entry import Account, CopyCounts, Declarations, Entry, RecordCounts
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.sources.files.unreadable import remedy_of
from clickstream_platform.streaming.sources.source import RecordSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingest(StatelessBatches):
    """The strategy of ``events``. A batch's frame: the names of the files in which its tasks staged their records.

    Attributes:
        source: what is read.
        parse: how its records become events.
        begun: of the batch that was killed between its commits, if there is one, what these say of it.
        run: the name of the folder that a cluster's tasks stage records in.
    """

    source: RecordSource
    parse: Parse
    begun: Entry | None = None
    run: str = field(default_factory=lambda: uuid.uuid4().hex)

    def stream(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> DataFrame:
        """The stream that stages what no batch has read."""
        read = self.source.read(spark, lake, checkpoint)
        folder = self._folder(spark, lake, checkpoint)
        clear_staging(folder, lake.root)
        task_files = task_files_for(lake.table(self.table.name), self.table.sink.file_rows)
        return self.table.watermark.declare_on(
            staging_stream(read, self.parse, folder, self.source.records, task_files)
        )

    def _folder(self, spark: SparkSession, lake: Lake, checkpoint: Checkpoint) -> Place:
        on_one_machine = is_one_machine(spark.conf.get("spark.master") or "")
        return staging_folder(lake, checkpoint, self.run, on_one_machine=on_one_machine)

    def commit(self, batch: MicroBatch, notify: Notify) -> Entry | None:
        """Append the batch's rejected records to ``quarantine``, then its events to ``events``.

        Raises:
            RetryableError: a batch of another source is to be completed first.
            CheckpointError: the batch was killed between its commits, and does not fit to what it has committed.
        """
        require_others_whole(self.table, batch.lake, batch.checkpoint)
        folder = self._folder(batch.frame.sparkSession, batch.lake, batch.checkpoint)
        staged = StagedBatch.collect(batch.frame, folder, staged_schema(self.parse.rules.contract))
        batch.persist.callback(clear_staging, folder, batch.lake.root)
        if batch.batch_id > 0 and batch.is_empty:
            return None
        account = self.source.account(batch.checkpoint, batch.batch_id, staged)
        staged = replace(staged, without=account.unreadable)
        rejected = self._rejected_before(batch, staged)
        staged, facts = rejected.without_these(staged) if rejected else (staged, staged.facts())
        settled = self._resolve_duplicates(batch, staged, facts)
        entry = self._ledger_entry(batch, account, staged, facts, settled)
        entry = rejected.whole_entry(entry) if rejected else entry
        staged = staged.with_adopted_files(settled.duplicates.places)
        if entry.records.quarantined:
            self._quarantine(batch, staged.rejected(settled.duplicates.conflicting), entry)
        if self._span(batch) is not None:
            self._remove_replaced(batch, staged, settled, entry)
        restored = settled.restored.combine_chunks().to_batches() if settled.restored.num_rows else ()
        others = chain(staged.accepted(but=settled.duplicates.places), restored)
        if not self._append(batch, staged, others, entry):
            return None
        _warn(entry)
        return entry

    def _ledger_entry(
        self, batch: MicroBatch, account: Account, staged: StagedBatch, facts: Facts, settled: DuplicateResolution
    ) -> Entry:
        """What the ledger is to say of the batch."""
        duplicates, conflicting = settled.duplicates, len(settled.duplicates.conflicting)
        return batch.entry(
            events_version=-1,
            rows_in=facts.records,
            rows_out=len(facts.times) - len(duplicates.places) + len(settled.restored),
            late_rows=facts.until(batch.late_before_ms),
            revisions=0,
            account=account,
            records=RecordCounts(
                quarantined=facts.rejected + conflicting,
                reasons=facts.by_reason(conflicting),
                opened=facts.opened,
                inside=facts.inside,
                passed_over=dict(facts.passed_over),
                placeholder_ids=facts.placeholders,
            ),
            copies=CopyCounts(
                duplicates=duplicates.exact,
                reused_ids=duplicates.reused,
                set_aside=len(settled.aside),
                replaced=settled.gave_way,
                restored=len(settled.restored),
                span_us=(self._span(batch) or timedelta(0)) // timedelta(microseconds=1),
            ),
            declared=Declarations(
                mapping=self.parse.label,
                looked_at=staged.matches.looked_at,
                never_matched=[*staged.matches.never],
                contract=self.parse.contract,
                violations=dict(facts.violations),
            ),
        )

    def _append(self, batch: MicroBatch, staged: StagedBatch, others: Iterator[pa.RecordBatch], entry: Entry) -> bool:
        """Add the events in the data files that the table takes as they are, and all others."""
        table, commit = batch.target, batch.commit(entry)
        if not staged.adopted:
            return writer.append(others, entry.rows_out, table.path, commit)

        def made(schema: pa.Schema) -> list[DataFile]:
            return adopt_files(staged.adopted, staged.folder, others, table, schema)

        return writer.add_files(made, table.path, self.table.watermark.column, commit)

    def _resolve_duplicates(self, batch: MicroBatch, staged: StagedBatch, facts: Facts) -> DuplicateResolution:
        """What becomes of the events that were read, and of those that are there."""
        contract, span = self.parse.rules.contract, self._span(batch)
        events = batch.lake.events
        if span is None:
            return DuplicateResolution(find_duplicates(staged.events, staged.events_at, events, facts.hours, contract))
        return resolve_duplicates(
            *(staged.events, staged.events_at, events, self._copies(batch), facts.hours),
            *(span, self._batch_label(batch), contract),
        )

    def _interrupted_entry(self, batch: MicroBatch) -> Entry | None:
        return self.begun if self.begun and self.begun.batch_id == batch.batch_id else None

    def _rejected_before(self, batch: MicroBatch, staged: StagedBatch) -> CommittedRejections | None:
        """What ``quarantine`` has of a batch that was killed between its commits."""
        begun = self._interrupted_entry(batch)
        if begun is None:
            return None
        return CommittedRejections.find(begun, staged, self._rejects(batch), self.source.origin)

    def _rejects(self, batch: MicroBatch) -> LakeTable:
        assert self.table.side_output is not None
        return batch.lake.table(self.table.side_output.name)

    def _span(self, batch: MicroBatch) -> timedelta | None:
        """In which an id alone makes a copy: as it is set, or as it was when a batch was begun that was killed."""
        begun = self._interrupted_entry(batch)
        if begun is None or begun.copies.span_us is None:
            return self.parse.rules.duplicate_span
        return timedelta(microseconds=begun.copies.span_us) or None

    def _remove_replaced(
        self, batch: MicroBatch, staged: StagedBatch, settled: DuplicateResolution, entry: Entry
    ) -> None:
        copies, by = self._copies(batch), self._batch_label(batch)
        of_copies = (batch.checkpoint.app_id_in(copies.name), batch.batch_id)
        replacements.remember_left_out_of_batch(
            staged.events_with_bytes, settled.aside, settled.replaced, copies, by, entry, of_copies
        )
        transaction = (batch.checkpoint.app_id, batch.batch_id)
        replacements.remove_replaced(settled.replaced, batch.lake.events, by, batch.run_id, transaction)

    def _copies(self, batch: MicroBatch) -> LakeTable:
        assert self.table.copies is not None  # a contract with this rule declares what it remembers
        return batch.lake.table(self.table.copies.name)

    @staticmethod
    def _batch_label(batch: MicroBatch) -> str:
        return f"{batch.checkpoint.source}/{batch.checkpoint.generation}/{batch.batch_id}"

    def _quarantine(self, batch: MicroBatch, rejected: Iterator[pa.RecordBatch], entry: Entry) -> None:
        """Append to the side table, unless a killed attempt has done so already (Delta knows the transaction)."""
        table = self._rejects(batch)
        commit = writer.Commit(entry.to_json(), (batch.checkpoint.app_id_in(table.name), batch.batch_id))
        writer.append(rejected, entry.records.quarantined, table.path, commit)


# What a registry's serializers wrote and nobody here could read, with what to do about it.
_UNDECODED = {
    Reason.NEEDS_REGISTRY: "set CLICKSTREAM_REGISTRY, and `clickstream replay --reason needs_registry` reads them",
    Reason.UNKNOWN_SCHEMA: "register their schemas, and `clickstream replay --reason unknown_schema` reads them",
    Reason.PROTOBUF: "have their producer write Avro or JSON",
    Reason.GLUE_HEADER: "AWS Glue's registry is not read: have their producer write JSON, or use another registry",
    Reason.AVRO_SINGLE_OBJECT: "its fingerprint names no schema: have their producer write JSON, or Avro by a registry",
}


def _warn(entry: Entry) -> None:
    for path, fault in entry.account.unreadable.items():
        log.warning("events: %s is refused whole: %s; %s", path, fault, remedy_of(fault))
    for partition, (first, end) in ((name, span) for name, spans in entry.account.lost.items() for span in spans):
        span = f"{first} on" if end is None else f"{first} to {end - 1}"
        log.warning("events: %s: offsets %s were gone before they were read; they are booked as lost", partition, span)
    if reused := entry.copies.reused_ids:
        log.warning("events: %d events reuse an event_id with another timestamp; they are kept", reused)
    if entry.copies.replaced:
        log.warning(
            "events: %d events gave way to copies at an earlier time; `clickstream duplicates` shows them",
            entry.copies.replaced,
        )
    if conflicting := entry.records.reasons.get(Reason.CONFLICTING_DUPLICATE.value):
        finding = "events: %d records have the event_id and timestamp of an event that says something else"
        log.warning(f"{finding}; they are in quarantine: `clickstream duplicates` shows both", conflicting)
    for reason, remedy in _UNDECODED.items():
        if count := entry.records.reasons.get(reason.value):
            log.warning("events: %d records are rejected as %s; %s", count, reason.value, remedy)
    if entry.records.placeholder_ids:
        finding = "events: %d records have an id that is none, such as null or undefined; they are kept"
        log.warning(f"{finding}: CLICKSTREAM_PLACEHOLDER_IDS=reject rejects such", entry.records.placeholder_ids)
