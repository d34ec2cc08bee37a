"""The SparkSession as a Dagster resource."""

# No `from __future__ import annotations`: Dagster looks at the types of a resource's fields, not at their text.

import logging
import time
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field, PrivateAttr
from pyspark.sql import SparkSession

from clickstream_platform.jvm.session import build_session
from clickstream_platform.jvm.store import store_of
from clickstream_platform.settings import Settings


class SparkResource(LazyPySparkResource):
    """One SparkSession for all steps of a run, started by the first that asks for it.

    It ends with the process: a run worker is one run. Queries that an interrupted step left behind are stopped before.
    """

    spark_config: dict[str, Any] = Field(default_factory=dict, description="Unused: build_session decides every conf.")
    _spark_session: SparkSession | None = PrivateAttr(default=None)
    _records: int = PrivateAttr(default=0)
    settings: dg.ResourceDependency[Settings]  # not config: a run that changed it there would change half of it

    @property
    def spark_session(self) -> SparkSession:
        """The session, which :func:`~clickstream_platform.jvm.session.build_session` makes."""
        return super().spark_session

    def session_for(self, records: Callable[[], int]) -> SparkSession:
        """The session; if nobody has asked for it yet, one for so many records or events.

        They decide which compilers its JVM has. Only then are they counted.
        """
        if self._spark_session is None:
            self._records = records()
        return self.spark_session

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Stop the streaming queries of this run, and of no other that shares the process."""
        if self._spark_session is not None:
            for query in self._spark_session.streams.active:
                if query.name and query.name.endswith(f"-{context.run_id}"):
                    query.stop()

    def _init_session(self) -> None:
        if self._spark_session is None:
            log, began = self.get_resource_context().log or logging.getLogger(__name__), time.monotonic()
            log.info(
                f"starting a JVM with a heap of {self.settings.spark_driver_memory} at {self.settings.spark_master}"
            )
            store = store_of(self.settings)
            self._spark_session = build_session(self.settings, "dagster", records=self._records, store=store)
            log.info(f"the JVM is up after {time.monotonic() - began:.1f} s")
