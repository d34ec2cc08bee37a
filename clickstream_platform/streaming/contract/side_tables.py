"""Tables that another table's batches write beside it."""

from __future__ import annotations

QUARANTINE = "quarantine"
LATE_EVENTS = "late_events"
