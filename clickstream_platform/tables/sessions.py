"""``sessions``: one session after another."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from clickstream_platform.events.schema import Column
from clickstream_platform.events.session import SESSION_GAP, gap_in_words
from clickstream_platform.expectations import NonNegative, NotNull, UniqueKey
from clickstream_platform.queries.sessions import sessions
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Upsert
from clickstream_platform.streaming.contract.state import Recompute
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource


def sessions_table(settings: Settings) -> StreamingTable:
    """One row a session: a visitor's events of one session id, until a pause longer than the gap."""
    return StreamingTable(
        name="sessions",
        version=1,
        description=f"One session: a user's events of one session id, until {gap_in_words()} pass without one.",
        columns=(
            Column("user_id", "string", "The visitor."),
            Column("session_id", "string", "The session, as the client named it; null if it named none."),
            Column("session_start", "timestamp", "Time of the first event."),
            Column("session_end", "timestamp", "Time of the last event."),
            Column("events_in_session", "bigint", "Events in the session."),
            Column("event_sequence", "array<string>", "Types of the events in their order, up to a cap."),
            Column("purchases", "bigint", "Purchases in the session."),
            Column("session_duration_minutes", "double", "From the first event to the last."),
            Column("final_at", "timestamp", "Once the watermark has passed it, only a late event changes the row."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=partial(sessions, max_sequence_length=settings.max_sequence_length),
        state=Recompute(by=("user_id", "session_id"), reach=SESSION_GAP, joins_rows=True),
        watermark=Watermark("timestamp", delay=timedelta(minutes=30)),
        sink=Upsert("user_id", "session_id", "session_start", span=("session_start", "session_end")),
        expectations=(
            UniqueKey(("user_id", "session_id", "session_start")),
            NotNull(("user_id", "session_start", "session_end", "events_in_session")),
            NonNegative(("events_in_session", "purchases", "session_duration_minutes")),
        ),
        parameters={"max_sequence_length": settings.max_sequence_length},
    )
