"""The SparkSession as a Dagster resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field, PrivateAttr

from clickstream_platform.settings import Settings, from_env
from clickstream_platform.spark import build_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class SparkResource(LazyPySparkResource):
    """One SparkSession for all steps of a run, started by the first that asks for it.

    It ends with the process: a run worker is one run. Queries that an interrupted step left behind are stopped before.
    """

    spark_config: dict[str, Any] = Field(default_factory=dict, description="Unused: build_session decides every conf.")
    _spark_session: SparkSession | None = PrivateAttr(default=None)
    settings: dict[str, Any] = Field(description="The settings, but spark_conf, which may hold secrets.")

    @classmethod
    def of(cls, settings: Settings) -> SparkResource:
        """The resource of a deployment. Starts nothing."""
        return cls(settings=settings.model_dump(mode="json", exclude={"spark_conf"}))

    @property
    def spark_session(self) -> SparkSession:
        """The session, which :func:`~clickstream_platform.spark.build_session` makes."""
        return super().spark_session

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Stop the streaming queries of this run, and of no other that shares the process."""
        if self._spark_session is not None:
            for query in self._spark_session.streams.active:
                if query.name and query.name.endswith(f"-{context.run_id}"):
                    query.stop()

    def _init_session(self) -> None:
        if self._spark_session is None:
            # What Dagster is given it shows to everyone, so the confs are read where they are used.
            settings = Settings.model_validate({**self.settings, "spark_conf": from_env().spark_conf})
            self._spark_session = build_session(settings, "dagster")
