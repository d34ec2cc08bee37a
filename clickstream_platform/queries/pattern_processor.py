"""What Spark's state store remembers of visitors between two batches of ``user_patterns``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from clickstream_platform.queries.pattern_fold import Event, Memory, Pattern, Thresholds

Users = dict[str, tuple[int, str]]  # when there is something to do for them, in milliseconds; what is remembered


class UpdateUserState(StatefulProcessor):
    """Remembers, for each bucket of users, their visits and the events that the watermark has not passed.

    An event at or before the watermark of its batch is late and left out: whoever lands the batch lists it. Every other
    event waits until the watermark passes it; so events are handled in their order, however they came.

    A call costs the same for one user as for a thousand: round trips to the JVM to read, to write, to move a timer,
    and an Arrow batch of rows. Hence buckets, with one value and one timer each. The value has every user's memory as a
    text of its own, so that only those are unpacked that have something to do.
    """

    def __init__(self, limits: Thresholds, handled_ms: int = 0) -> None:
        self._limits = limits
        self._handled_ms = handled_ms

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Called once a batch and partition."""
        self._handle = handle
        self._state = handle.getValueState("users", "memories string")
        self._row = Row("user_id", *Pattern._fields)

    def handleInputRows(self, key: Any, rows: Iterator[Any], timerValues: Any) -> Iterator[Row]:  # noqa: N802, N803
        """New events of a bucket, in any order."""
        watermark = timerValues.getCurrentWatermarkInMs()
        new: dict[str, list[Event]] = defaultdict(list)
        for event in json.loads(f"[{','.join(row.event for row in rows)}]"):
            if event["at"] > watermark * 1000:
                new[event["user_id"]].append((event["at"], event["what"]))
        # Only the first batch of a generation has a watermark before `handled_ms`.
        return self._advance(new, max(watermark, self._handled_ms))

    def handleExpiredTimer(self, key: Any, timerValues: Any, expiredTimerInfo: Any) -> Iterator[Row]:  # noqa: N802, N803
        """The watermark has passed an event that waits, or the end of a visit."""
        return self._advance({}, timerValues.getCurrentWatermarkInMs())

    def _advance(self, new: Mapping[str, Sequence[Event]], to_ms: int) -> Iterator[Row]:
        timer, users = self._remembered()
        rows: list[Row] = []
        for user in dict.fromkeys([*new, *(user for user, (due_ms, _) in users.items() if due_ms <= to_ms)]):
            memory = Memory.from_text(users.pop(user)[1]) if user in users else Memory()
            patterns = memory.advance(new.get(user, ()), to_ms * 1000, self._limits)
            rows.extend(self._row(user, *pattern) for pattern in patterns)
            if memory.due_ms is not None:
                users[user] = memory.due_ms, memory.to_text()
        self._remember(timer if timer is None or timer > to_ms else None, users)  # an expired one Spark deletes itself
        return iter(rows)

    def _remembered(self) -> tuple[int | None, Users]:
        held = self._state.get()
        return json.loads(held[0]) if held else (None, {})

    def _remember(self, before: int | None, users: Users) -> None:
        timer = min((due_ms for due_ms, _ in users.values()), default=None)
        if before is not None and before != timer:
            self._handle.deleteTimer(before)
        if timer is not None and before != timer:
            self._handle.registerTimer(timer)
        if users:
            self._state.update((json.dumps([timer, users], separators=(",", ":")),))
        else:
            self._state.clear()
