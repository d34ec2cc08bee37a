"""What Dagster shows of a run of a table, at each materialization."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import dagster as dg

from clickstream_platform.defs.preview import preview
from clickstream_platform.defs.versions import data_version, input_versions, tags
from clickstream_platform.streaming.audit.unmatched import unmatched_paths
from clickstream_platform.streaming.batches.strategies import strategy_of
from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.ledger import last_entry
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance.stretch import StretchReport
from clickstream_platform.streaming.runtime.create import remembers_left_out
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.wording import number_of


@dataclass(frozen=True)
class Materialized:
    """What one run made of one Delta table, as Dagster is told.

    Attributes:
        key: the table's asset.
        metadata: what the asset's page shows.
        data_version: changes whenever a row does.
        code_version: the version of the table's contract.
        inputs: the data version of what it was made of, by asset.
    """

    key: dg.AssetKey
    metadata: dict[str, Any]
    data_version: str
    code_version: str
    inputs: dict[dg.AssetKey, str]

    def result(self) -> dg.MaterializeResult[Any]:
        """For the run of the asset itself, which Dagster notes the versions of the inputs of."""
        version = dg.DataVersion(self.data_version)
        return dg.MaterializeResult(asset_key=self.key, metadata=self.metadata, data_version=version)

    def event(self, instance: dg.DagsterInstance) -> dg.AssetMaterialization:
        """For a run of something else: a rebuild, the command line."""
        known = tags(self.code_version, self.data_version, self.inputs, instance)
        return dg.AssetMaterialization(self.key, metadata=self.metadata, tags=known)


def materializations(table: StreamingTable, report: RunReport, lake: Lake) -> list[Materialized]:
    """What a run of a table made: the table; for ``events`` what it rejected, for a Processor what came too late.

    Where an ``event_id`` alone makes a copy, also what ``events`` left out and remembers.
    """
    made = {table.name: _of_run(table, report, lake)}
    if table.side_output:
        of_side_output = _of_late_events if table.state.lists_late else _of_quarantine
        made[table.side_output.name] = of_side_output(table.side_output, report, lake)
    if table.copies and remembers_left_out(table):
        made[table.copies.name] = _of_copies(table.copies, report, lake)
    inputs = input_versions(table, lake)
    return [
        Materialized(dg.AssetKey(name), metadata, data_version(lake, name), str(table.version), inputs)
        for name, metadata in made.items()
    ]


def stretch_materialization(table: StreamingTable, report: StretchReport, lake: Lake) -> Materialized:
    """What a rebuild of a stretch made of its table."""
    since, until = (dg.MetadataValue.timestamp(each / 1_000_000) for each in report.stretch)
    counts = {"rows_remade": report.rows, "rows_changed": report.added, "rows_gone": report.removed}
    held = lake.table(table.name)
    metadata = {
        "rebuilt_from": since,
        "rebuilt_to": until,
        **counts,
        "preview": preview(held, table.span[0]),
        "dagster/row_count": held.rows(),
        "delta_version": held.version() or 0,
    }
    version, inputs = data_version(lake, table.name), input_versions(table, lake)
    return Materialized(dg.AssetKey(table.name), metadata, version, str(table.version), inputs)


def markdown_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n".join(f"| {' | '.join(map(escape_markdown, line))} |" for line in lines)


def escape_markdown(text: str) -> str:
    """Text that is neither a tag nor the end of a cell."""
    return text.replace("|", "/").replace("<", "&lt;")


def _of_run(table: StreamingTable, report: RunReport, lake: Lake) -> dict[str, Any]:
    return {
        "six sentences": dg.MetadataValue.md(_six_sentences(table, report)),
        "preview": preview(lake.table(table.name), table.span[0]),
        "dagster/row_count": report.rows,
        "rows_in": report.rows_in,
        "rows_out": report.rows_out,
        "rows_late": report.late_rows,
        "revisions": report.revisions,
        "batches": len(report.batches),
        "start_offsets": dg.MetadataValue.json(report.start or {}),
        "end_offsets": dg.MetadataValue.json(report.end or {}),
        "generation": report.generation,
        "run_id": report.run_id,
        "delta_version": report.delta_version,
        "duration_s": round(report.duration.total_seconds(), 2),
        **({"idle": "nothing was unread: no JVM was started"} if report.is_idle else {}),
        **_known(watermark=report.watermark_ms and dg.MetadataValue.timestamp(report.watermark_ms / 1000)),
        **_known(state_rows=report.state_rows),
        **({} if table.derived else {"quarantined": report.quarantined, "duplicates": report.duplicates}),
        **(_left_out(table, lake) if table.state.lists_late else {}),
        **({"passed_over": report.passed_over} if report.passed_over else {}),
        **({"violations": dg.MetadataValue.json(report.violations)} if report.violations else {}),
        **_unmatched(report),
        **({"sources": dg.MetadataValue.md(_sources(report))} if report.by_source else {}),
        **({"unreadable": dg.MetadataValue.json(report.unreadable)} if report.unreadable else {}),
        **({"lost": dg.MetadataValue.json(report.lost)} if report.lost else {}),
    }


def _unmatched(report: RunReport) -> dict[str, Any]:
    """The paths of somebody's own mapping at which no record of the run had anything, of those looked at."""
    matches = unmatched_paths(report.batches)
    paths = {"looked_at": matches.looked_at, "paths": list(matches.never)}
    return {"never_matched": dg.MetadataValue.json(paths)} if matches.never else {}


def _sources(report: RunReport) -> str:
    """What the run did with each of several sources."""
    head = ("source", "batches", "read", "accepted", "quarantined", "duplicates", "read up to")
    rows = (
        (name, *map(str, (len(r.batches), r.rows_in, r.rows_out, r.quarantined, r.duplicates)), _offset(r.end))
        for name, r in report.by_source.items()
    )
    return markdown_table(head, rows)


def _left_out(table: StreamingTable, lake: Lake) -> dict[str, Any]:
    """How many events the table does without because they came too late, and what a rebuild would change."""
    entry = last_entry(lake.table(table.name))
    events = strategy_of(table).count_left_out(entry, lake) if entry else 0
    still = strategy_of(table).count_replaced_since(entry, lake) if entry else 0
    if still:
        return {"left_out": events, "replaced": still, "a rebuild": _WITH_REPLACED.format(number_of(still, "event"))}
    would = f"would take in {number_of(events, 'event')} that came too late, and may so find more rows"
    return {"left_out": events, "a rebuild": would if events else "would find the same rows"}


_WITH_REPLACED = "would leave out {} that were replaced by earlier copies, and take in what came too late"


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _of_quarantine(beside: SideTable, report: RunReport, lake: Lake) -> dict[str, Any]:
    reasons: dict[str, int] = {}
    for batch in report.batches:
        for reason, records in batch.records.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + records
    counts = [(reason, str(records)) for reason, records in sorted(reasons.items(), key=lambda each: -each[1])]
    return {
        "reasons": dg.MetadataValue.md(
            markdown_table(("reason", "records of this run"), counts) if counts else "nothing rejected"
        ),
        **_of_side(beside, lake),
        "quarantined": report.quarantined,
    }


def _of_copies(aside: SideTable, report: RunReport, lake: Lake) -> dict[str, Any]:
    return {
        **_of_side(aside, lake),
        "set_aside": sum(batch.copies.set_aside for batch in report.batches),
        "replaced": sum(batch.copies.replaced for batch in report.batches),
        "restored": sum(batch.copies.restored for batch in report.batches),
    }


def _of_late_events(beside: SideTable, report: RunReport, lake: Lake) -> dict[str, Any]:
    return {**_of_side(beside, lake), "rows_late": report.late_rows}


def _of_side(side: SideTable, lake: Lake) -> dict[str, Any]:
    """What is shown of every side table."""
    table = lake.table(side.name)
    return {
        "preview": preview(table, side.time),
        "dagster/row_count": table.rows(),
        "delta_version": table.version() or 0,
    }


def _six_sentences(table: StreamingTable, report: RunReport) -> str:
    """Each sentence, and what this run shows of it. What it says of the table is in the asset's definition."""
    side = table.side_output if table.state.lists_late else None
    fate = f"listed in {side.name}" if side else "none of them left out"
    late, revised = number_of(report.late_rows, "late event"), number_of(report.revisions, "revision")
    several = f"{number_of(len(report.by_source), 'source')}, each from where it was"
    proofs = (
        several if report.by_source else f"from {_offset(report.start)} up to {_offset(report.end)}",
        f"{number_of(len(report.batches), 'micro-batch', 'micro-batches')} in {report.duration.total_seconds():.1f} s",
        f"{report.rows_in:,} read, {number_of(report.rows_out, 'row')} written",
        "nothing kept" if report.state_rows is None else f"{number_of(report.state_rows, 'row')} kept",
        f"{late}, {fate}; {revised}",
        f"generation {report.generation}, "
        + (f"batch {report.batches[-1].batch_id}" if report.batches else "no new batch"),
    )
    # Two lines each: Dagster cuts a wider text off.
    return "\n\n".join(f"**{first}**  \n{proof}" for first, proof in zip(table.sentences(), proofs, strict=True))


def _offset(offset: dict[str, Any] | None) -> str:
    if not offset:
        return "the beginning"
    if "reservoirVersion" in offset:
        return f"version {offset['reservoirVersion']} of events"
    return f"listing {offset['logOffset']}" if "logOffset" in offset else f"`{json.dumps(offset)}`"
