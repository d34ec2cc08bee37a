"""The daily report as an asset: the page in the home folder, its plots on the asset's page. No Spark."""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

import base64
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.keys import DAILY_REPORT
from clickstream_platform.files import write_whole
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.tables import tables
from clickstream_platform.tables.events import QUARANTINE

if TYPE_CHECKING:
    from clickstream_platform.report.page import Report

DAYS = 7


def daily_report(settings: Settings) -> dg.AssetsDefinition:
    """The asset. It reads the tables as they are: run it after a ``refresh``, or by its schedule."""
    path = settings.home / "report.html"

    @dg.asset(
        name=DAILY_REPORT,
        deps=[*tables(settings), QUARANTINE.name],
        description=f"One page on the last {DAYS} days: visitors, sessions, purchases, alerts, data quality, cost.",
        group_name="reports",
        kinds={"duckdb", "html"},
        owners=[settings.owner],
        metadata={"dagster/uri": str(path)},
    )
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from clickstream_platform.report import page  # noqa: PLC0415 - loading the definitions need not wait for it

        with translate_errors(context.retry_number):
            layout.require_layout(lake := Lake(settings.lake_folder))
            report = page.report(lake, DAYS, datetime.now(timezone.utc))
            write_whole(path, report.html())
        return dg.MaterializeResult(metadata=_metadata(report, path))

    return asset


def _metadata(report: "Report", path: Path) -> dict[str, Any]:
    picture = base64.b64encode(report.png()).decode()
    return {
        "picture": dg.MetadataValue.md(f"![the first four plots](data:image/png;base64,{picture})"),
        "page": dg.MetadataValue.path(path),
        **report.totals,
    }
