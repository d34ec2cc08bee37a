"""How often each thing happened: one row per everything that is said of an event, in a five-minute window."""

from __future__ import annotations

from datetime import timedelta

WINDOW = timedelta(minutes=5)

# Null keys are groups like any other: a page view has no product. `events` holds accepted types only.
PROCESSED_EVENTS = """
SELECT
    user_id,
    session_id,
    event_type,
    page_url,
    product_id,
    timestamp,
    device_type,
    window.start AS window_start,
    window.end AS window_end,
    count(*) AS event_count,
    window.end AS final_at
FROM {events}
GROUP BY
    user_id,
    session_id,
    event_type,
    page_url,
    product_id,
    timestamp,
    device_type,
    window(timestamp, '5 minutes')
"""
