"""What a lake says became of all records that have landed, to be compared with what had landed."""

from __future__ import annotations

from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake


def counts_of_records(lake: Lake) -> dict[str, int]:
    """Rows of ``events`` and ``quarantine``; by the ledger, records that were read and duplicates among them."""
    booked = list(entries(lake.events))
    return {
        "events": lake.events.rows(),
        "duplicates": sum(entry.copies.duplicates for entry in booked),
        "quarantine": lake.table("quarantine").rows(),
        "read": sum(entry.rows_in for entry in booked),
    }
