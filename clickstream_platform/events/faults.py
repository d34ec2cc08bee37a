"""What is wrong with records, by the names of ``Reason``: a column at a time, nothing is raised."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.json_record import ParsedRecord
from clickstream_platform.events.placeholders import TO_END, WHITE
from clickstream_platform.events.schema import IDS, Reason
from clickstream_platform.events.timestamps import are_ambiguous, null_unless

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Rules

_PASSED_OVER = "passed over"


def have_placeholders(sent: dict[str, Any]) -> Any:
    """Which records have an id that is none. A blank user_id is not meant: it is missing, and a fault of its own."""
    has_any = pa.scalar(False)
    for name in IDS:
        is_none, is_blank = pc.match_substring_regex(sent[name], TO_END), _is_blank(sent[name])
        is_faulty = pc.and_not(is_none, is_blank) if name == "user_id" else pc.or_(is_none, is_blank)
        has_any = pc.or_(has_any, _is_so(is_faulty))
    return has_any


def faults_of(
    reads: list[ParsedRecord], fields: dict[str, Any], time: Any, arrived_at: Any, rules: Rules
) -> dict[Reason, Any]:
    """Which records have which fault."""
    unread = pa.array([why_unread(each) for each in reads], pa.string())
    is_read = pc.is_null(unread)
    no_time, no_type = _is_missing(fields["timestamp"]), _is_missing(fields["event_type"])
    of_known = rules.event_types is None or pc.is_in(fields["event_type"], pa.array(rules.event_types, pa.string()))
    bad_time = pc.and_(pc.invert(no_time), pc.is_null(time))
    # Only `auto` asks what a number may mean; and few records are asked about.
    is_ambiguous = _of_those(bad_time, are_ambiguous, fields["timestamp"]) if rules.timestamp_unit == "auto" else False
    ahead = pc.subtract(pc.cast(time, pa.int64()), pc.cast(arrived_at, pa.int64()))
    of_read = {
        Reason.MISSING_USER_ID: pc.is_null(fields["user_id"]),
        Reason.MISSING_TIMESTAMP: no_time,
        Reason.BAD_TIMESTAMP: pc.and_not(bad_time, is_ambiguous),
        Reason.AMBIGUOUS_TIMESTAMP: pc.and_(bad_time, is_ambiguous),
        Reason.FUTURE_TIMESTAMP: _is_so(pc.greater(ahead, rules.future_tolerance // timedelta(microseconds=1))),
        Reason.MISSING_EVENT_TYPE: no_type,
        Reason.UNKNOWN_EVENT_TYPE: pc.and_not(pc.invert(no_type), of_known),
        Reason.WRONG_TYPE: pa.array([each.is_of_wrong_type for each in reads], pa.bool_()),
    }
    faults = {reason: pc.and_(is_read, has_it) for reason, has_it in of_read.items()}
    return {reason: faults.get(reason, _is_so(pc.equal(unread, reason.value))) for reason in Reason}


def why_unread(record: ParsedRecord) -> str | None:
    """The fault by which there is nothing to judge; also a text, but no reason, for what is passed over."""
    return record.fault.value if record.fault else record.passed_over and _PASSED_OVER


def reasons_of(faults: dict[Reason, Any]) -> pa.ListArray:
    """The names of the faults of each record, in the order of ``Reason``."""
    reasons: list[list[str]] = [[] for _ in range(len(faults[Reason.NO_VALUE]))]
    for reason, has_it in faults.items():
        for row in pc.indices_nonzero(has_it).to_pylist():
            reasons[row].append(reason.value)
    return pa.array(reasons, pa.list_(pa.string()))


def unless_blank(texts: Any) -> Any:
    """The texts, null in place of those of nothing but white space."""
    return null_unless(pc.invert(_is_blank(texts)), texts)


def _is_blank(texts: Any) -> Any:
    return pc.equal(pc.ascii_trim(texts, WHITE), "")


def _is_missing(texts: Any) -> Any:
    return pc.or_kleene(pc.is_null(texts), _is_blank(texts))


def _of_those(chosen: Any, predicate: Callable[[Any], Any], texts: Any) -> Any:
    """What holds for the chosen ones; false for the others."""
    return pc.replace_with_mask(pc.and_(chosen, False), chosen, predicate(texts.filter(chosen)))


def _is_so(holds: Any) -> Any:
    """False where nobody knows."""
    return pc.fill_null(holds, False)
