"""What the command line ran, told to Dagster: its asset pages then show every run, whoever started it."""

from __future__ import annotations

import logging
import os

from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.report import RunReport

log = logging.getLogger(__name__)


def report_run(table: StreamingTable, report: RunReport, lake: Lake) -> None:
    """Report a finished run to the instance that ``DAGSTER_HOME`` names, with the metadata of a run of the asset.

    Does nothing without ``DAGSTER_HOME``, and does not import Dagster then, which takes as long as a small table.
    Raises nothing: the tables are right whether Dagster knows of it or not.
    """
    if not os.environ.get("DAGSTER_HOME"):
        return
    try:
        import dagster as dg  # noqa: PLC0415

        from clickstream_platform.defs.metadata import materializations  # noqa: PLC0415

        with dg.DagsterInstance.get() as instance:
            for made in materializations(table, report, lake):
                instance.report_runless_asset_event(made.event(instance))
    except Exception as failure:  # whatever a database, a disk or a dagster.yaml can do
        log.warning("%s: the run was not reported to Dagster: %s", table.name, failure)
