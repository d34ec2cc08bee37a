"""The only builder of a SparkSession.

A session costs 5-8 s and a JVM of 600 MB: one a run, one per test session.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from clickstream_platform.doctor import require_java
from clickstream_platform.jars import jar_paths

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.settings import Settings

# What the engine needs, wherever Spark runs.
ENGINE_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # Off by default in Spark: a second start would stop the first query without an exception.
    "spark.sql.streaming.stopActiveRunOnRestart": "false",
    # The default of 100 loses the first batches of a long run.
    "spark.sql.streaming.numRecentProgressUpdates": "100000",
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # Default INT96 counts nanoseconds: year 1 and year 9999 overflow in every reader but Spark.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A batch that is replayed after a week reads `events` as of a week ago.
    "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
    # 50 tasks by default to replay a log of some kilobytes.
    "spark.databricks.delta.snapshotPartitions": "1",
    # Of an object with one key twice, the last one counts, as in Python and JavaScript.
    "spark.sql.variant.allowDuplicateKeys": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}

# Both save process forks, about 40 a MERGE, and hold for local paths and one writer only (the lease sees to that).
LOCAL_CONF = {
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
}


def spark_conf(settings: Settings) -> dict[str, str]:
    """Every conf of the session, the user's own ``spark_conf`` last. Resolves the jars: 7 s once, then milliseconds."""
    jars = ":".join(str(path) for path in jar_paths(settings.cache))
    local = "://" not in settings.lake_url
    warehouse = str(settings.home / "spark-warehouse")
    return {
        **ENGINE_CONF,
        **(LOCAL_CONF if local else {}),
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        "spark.sql.warehouse.dir": warehouse,
        # On the class path, not in spark.jars: class-data sharing covers only the class path.
        "spark.driver.extraClassPath": jars,
        "spark.executor.extraClassPath": jars,
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        **settings.spark_conf,
    }


def build_session(settings: Settings, app_name: str = "clickstream") -> SparkSession:
    """Start a SparkSession, or return the one this process has.

    Raises:
        SetupError: no Java 17, or the jars cannot be had.
    """
    require_java()
    # Without it, Python workers are the first `python3` on the PATH, which fails late and obscurely.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession  # noqa: PLC0415 - a CLI that only reads files does not pay for the import

    builder = SparkSession.builder.appName(app_name)
    for key, value in spark_conf(settings).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
