"""A run as it is reported, by hand."""

from __future__ import annotations

from datetime import timedelta

from clickstream_platform.streaming.lake.entry import Entry, RecordCounts
from clickstream_platform.streaming.runtime.report import RunReport

ENTRY = Entry(
    table="events",
    generation=1,
    batch_id=0,
    run_id="by hand",
    start=None,
    end={"logOffset": 0},
    events_version=-1,
    rows_in=5,
    rows_out=3,
    late_rows=0,
    revisions=0,
    late_before_ms=0,
    committed_at_ms=0,
    duration_ms=1000,
    records=RecordCounts(quarantined=2, reasons={"malformed_json": 2}),
)
REPORT = RunReport(
    table="events",
    run_id="by hand",
    generation=1,
    batches=(ENTRY,),
    replayed=0,
    start=None,
    end={"logOffset": 0},
    watermark_ms=None,
    state_rows=None,
    dropped_by_watermark=0,
    rows=3,
    delta_version=1,
    duration=timedelta(seconds=2),
)
