"""What lies in ``quarantine``, by reason. Reads the table without a JVM; costs one pass over it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clickstream_platform.streaming.lake.tables import LakeTable, query_rows

if TYPE_CHECKING:
    from clickstream_platform.events.timestamps import Unit


@dataclass(frozen=True)
class RejectedSample:
    """One rejected record.

    Attributes:
        partition: where it was.
        offset: where there.
        value: its bytes.
        why: if its time is the fault, that time and what is wrong with it.
    """

    partition: str
    offset: int
    value: bytes
    why: str = ""


@dataclass(frozen=True)
class Rejection:
    """The records that have one fault; a record with several is counted for each.

    Attributes:
        reason: the fault.
        records: how many have it.
        first: when the first of them arrived.
        last: when the last one did.
        samples: the newest few.
    """

    reason: str
    records: int
    first: datetime
    last: datetime
    samples: tuple[RejectedSample, ...]


def rejections(quarantine: LakeTable, samples: int = 2, unit: Unit = "auto", mapping: str = "") -> list[Rejection]:
    """The reasons in the table of rejected records, the most frequent first; empty if there is none, or no table."""
    held = quarantine.open()
    if held is None:
        return []
    counted = query_rows(
        held,
        f"select reason, count(*) as records, min(arrived_at) as first, max(arrived_at) as last from {_FAULTS} "
        "group by reason order by records desc, reason",
    )
    newest = query_rows(
        held,
        'select reason, "partition", "offset", value from (select *, row_number() over '
        '(partition by reason order by arrived_at desc, "partition", "offset") as n '
        f"from {_FAULTS}) where n <= {samples:d} order by n",
    )
    shown: dict[str, list[RejectedSample]] = defaultdict(list)
    for row in newest:
        reason = row.pop("reason")
        shown[reason].append(RejectedSample(**row, why=_why(reason, row["value"], unit, mapping)))
    return [Rejection(**row, samples=tuple(shown[row["reason"]])) for row in counted]


def _why(reason: str, value: bytes, unit: Unit, mapping: str) -> str:
    if not reason.endswith("_timestamp"):
        return ""
    from clickstream_platform.events.time_faults import OF_TIME, time_fault  # noqa: PLC0415 - the others need none

    return time_fault(value, unit, mapping) if reason in OF_TIME else ""


_FAULTS = "(select *, unnest(reasons) as reason from held)"
