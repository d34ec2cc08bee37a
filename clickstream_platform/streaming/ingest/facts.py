"""What the records of one batch are, counted."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.schema import EMPTY, Reason
from clickstream_platform.streaming.lake.hours import HOUR_US


@dataclass(frozen=True)
class Facts:
    """Counts of a batch's staged records.

    Attributes:
        records: how many there are.
        reasons: how many are rejected for what, by all the reasons of one record or event.
        times: the times of the events, in microseconds since 1970.
        placeholders: how many events have an id that is none, such as ``undefined``.
        passed_over: how many records were no events and not meant as such, by what told so.
        opened: how many of the records were envelopes that held events, or none.
        inside: how many events these held.
        violations: how many records or events that are not rejected break which rule of the contract.
    """

    records: int
    reasons: Counter[tuple[str, ...]]
    times: np.ndarray[Any, np.dtype[np.int64]]
    placeholders: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict[str, int])
    opened: int = 0
    inside: int = 0
    violations: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def rejected(self) -> int:
        """How many are rejected."""
        return sum(self.reasons.values())

    @property
    def hours(self) -> set[int]:
        """The hours since 1970 in which events lie."""
        return set(np.unique(self.times // HOUR_US).tolist())

    def until(self, moment_ms: int) -> int:
        """How many events are not later than a moment, in milliseconds since 1970."""
        return int((self.times <= moment_ms * 1000).sum())

    def by_reason(self, conflicting: int = 0) -> dict[str, int]:
        """How many records have which fault; one that has several counts for each. And how many conflict."""
        counts = Counter({Reason.CONFLICTING_DUPLICATE.value: conflicting} if conflicting else {})
        for several, count in self.reasons.items():
            counts.update(dict.fromkeys(several, count))
        return dict(sorted(counts.items()))


def facts_of(of_all: pa.Table) -> Facts:
    """Count staged records by seven of their columns."""
    times = of_all["timestamp"].drop_null().cast(pa.int64()).to_numpy()
    faulty = of_all.filter(pc.greater(pc.list_value_length(of_all["reasons"]), 0))["reasons"].to_pylist()
    placeholders = of_all.filter(pc.and_(of_all["has_placeholder"], pc.is_valid(of_all["timestamp"]))).num_rows
    passed = Counter[str](of_all["passed_over"].drop_null().to_pylist())
    empty = of_all.filter(pc.equal(of_all["inside"], 0)).num_rows
    passed -= Counter({EMPTY: empty})  # which a mapping may also pass over, as a value
    reasons = Counter(tuple(reasons) for reasons in faulty)
    records = of_all.filter(pc.equal(of_all["index"], 0))  # every record has a row of this index
    inside = records["inside"].drop_null()
    broken = Counter[str](pc.list_flatten(of_all.filter(pc.is_valid(of_all["timestamp"]))["violations"]).to_pylist())
    return Facts(
        records.num_rows,
        reasons,
        times,
        placeholders,
        dict(sorted(passed.items())),
        len(inside),
        of_all.filter(pc.is_valid(of_all["inside"])).num_rows - empty,
        dict(sorted(broken.items())),
    )
