"""Records in, events out: parse and validate, losing nothing.

Plain Python on columns of Arrow: a record is read in C by msgspec, the rest is done a column at a time. That costs an
eighth of the same in Spark's expressions (docs/decisions/0018), and needs neither a JVM nor Spark's Python:
:mod:`.frames` has what Spark calls. No step can fail a run, whatever the bytes: what cannot be read is a reason.
"""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.addresses import mask_networks
from clickstream_platform.events.contract.judging import JudgedColumns, judge_columns
from clickstream_platform.events.faults import faults_of, have_placeholders, reasons_of, unless_blank, why_unread
from clickstream_platform.events.json_record import ParsedRecord, read_json_record
from clickstream_platform.events.mapping.reader import ReadRecord, record_reader
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.opening import bytes_to_read
from clickstream_platform.events.schema import EMPTY, IDS, WIRE, Reason
from clickstream_platform.events.timestamps import null_unless, to_instants

if TYPE_CHECKING:
    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.events.rules import Rules

# What is read of a record, by name; the rest of its row is its place. As types of Spark: `READ_TYPE` in `frames.py`.
READ = ("reasons", *WIRE.names, "extra", "event_date", "has_placeholder", "passed_over", "violations")


def read_records(
    value: pa.Array,
    arrived_at: pa.Array,
    event_id: pa.Array,
    rules: Rules,
    inherited: pa.Array | None = None,
) -> pa.StructArray:
    """What is read of some records each of which is one event, whatever the mapping says of envelopes.

    Its fields are those of ``READ``, then the declared columns. Raises nothing, whatever the bytes.

    Args:
        value: the records' bytes.
        arrived_at: when each reached the source.
        event_id: bytes of an id from elsewhere, which goes before the record's own unless it is blank or no text.
        rules: what makes a record an event.
        inherited: what those that are of an envelope have from it.
    """
    none = pa.nulls(len(value), pa.string())
    return _read_all(
        value, pc.binary_length(value), arrived_at, event_id, none if inherited is None else inherited, none, rules
    )


def read_events(events: pa.RecordBatch, rules: Rules) -> pa.StructArray:
    """What is read of some events, as :func:`.opening.open_records` gives them; also ``arrived_at`` is needed.

    Of an event of an envelope, its own id goes before one from elsewhere. Raises nothing, whatever the bytes.
    """
    size, arrived_at = events["size"], events["arrived_at"]
    return _read_all(
        bytes_to_read(events), size, arrived_at, events["event_id"], events["inherited"], events["unopened"], rules
    )


def _read_all(
    value: pa.Array,
    sizes: pa.Array,
    arrived_at: pa.Array,
    event_id: pa.Array,
    inherited: pa.Array,
    unopened: pa.Array,
    rules: Rules,
) -> pa.StructArray:
    reads = _reads(value, sizes, inherited, unopened, rules)
    sent = _fields(reads, event_id, inherited)
    has_placeholder = have_placeholders(sent)
    fields = {name: unless_blank(column) if name in IDS else column for name, column in sent.items()}
    time = to_instants(fields["timestamp"], rules.timestamp_unit)
    faults = faults_of(reads, fields, time, arrived_at, rules)
    faults[Reason.PLACEHOLDER_ID] = pc.and_(has_placeholder, rules.placeholder_ids == "reject")
    reasons = reasons_of(faults)
    extra, declared = pa.array([each.extra for each in reads], pa.string()), None
    if rules.contract:
        extra = Masking(rules.masks).extra(extra) if rules.masks else extra
        declared = _judge_declared(rules.contract, reads, extra, fields["event_type"])
        extra, reasons = declared.extra, _append_reasons(reasons, declared.rejected)
    time = null_unless(pc.equal(pc.list_value_length(reasons), 0), time)
    columns = {
        **fields,
        "reasons": reasons,
        "timestamp": time,
        "ip_address": mask_networks(fields["ip_address"], rules.mask_ip),
        "extra": extra,
        "event_date": pc.cast(time, pa.date32()),
        "has_placeholder": has_placeholder,
        "passed_over": pa.array([each.passed_over for each in reads], pa.string()),
        "violations": pa.array(declared.counted if declared else [[]] * len(reads), pa.list_(pa.string())),
    }
    if rules.masks:
        columns |= Masking(rules.masks).columns(columns)
    columns |= declared.columns if declared else {}
    names = [*READ, *(declared.columns if declared else ())]
    return pa.StructArray.from_arrays([columns[name] for name in names], names=names)


def _judge_declared(contract: Contract, reads: list[ParsedRecord], extra: Any, event_types: Any) -> JudgedColumns:
    """The declared columns. Of a record that could not be read, or is passed over, nothing is asked."""
    judged = judge_columns(contract, extra, event_types)
    for row, each in enumerate(reads):
        if why_unread(each):
            judged.rejected[row], judged.counted[row] = [], []
    return judged


def _append_reasons(reasons: pa.ListArray, more: list[list[str]]) -> pa.ListArray:
    if not any(more):
        return reasons
    return pa.array([one + other for one, other in zip(reasons.to_pylist(), more, strict=True)], reasons.type)


def _reads(
    value: pa.Array, sizes: pa.Array, inherited: pa.Array, unopened: pa.Array, rules: Rules
) -> list[ParsedRecord]:
    by = record_reader(rules.mapping, rules.masks) if rules.mapping else read_json_record
    limit = rules.max_record_bytes
    if inherited.null_count == unopened.null_count == len(value):
        return [_read(each, size, by, limit) for each, size in zip(value.to_pylist(), sizes.to_pylist(), strict=True)]
    cells = (column.to_pylist() for column in (value, sizes, inherited, unopened))
    return [
        _unopened(why) if why else _read(each, size, partial(by, inherited=own) if own and rules.mapping else by, limit)
        for each, size, own, why in zip(*cells, strict=True)
    ]


def _unopened(why: str) -> ParsedRecord:
    return ParsedRecord(passed_over=EMPTY) if why == EMPTY else ParsedRecord(fault=Reason(why))


def _read(value: bytes | None, size: int | None, by: ReadRecord, limit: int) -> ParsedRecord:
    if value is None or size is None:
        return ParsedRecord(fault=Reason.NO_VALUE)  # in a compacted topic: "forget this key"
    return ParsedRecord(fault=Reason.TOO_LARGE) if size > limit else by(value)


def _fields(reads: list[ParsedRecord], event_id: pa.Array, inherited: pa.Array) -> dict[str, Any]:
    """The columns of the wire fields, as texts, and as sent."""
    names, texts = WIRE.names, [each.texts for each in reads]
    columns = zip(*texts, strict=True) if texts else [()] * len(names)
    fields = {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}
    if event_id.null_count < len(event_id):
        given = pa.array([_text(each) for each in event_id.to_pylist()], pa.string())
        given, own = unless_blank(given), fields["event_id"]
        own_first = pc.coalesce(unless_blank(own), given)
        fields["event_id"] = pc.if_else(pc.is_valid(inherited), own_first, pc.coalesce(given, own))
    return fields


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
