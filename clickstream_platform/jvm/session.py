"""The only builder of a SparkSession.

A session costs 5-8 s and a JVM of 600 MB: one a run, one per test session.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm import class_data
from clickstream_platform.jvm.cluster import cluster_conf, start_refusal
from clickstream_platform.jvm.jars import jar_paths
from clickstream_platform.jvm.machine import jvm_reason, require_java
from clickstream_platform.jvm.store import store_conf, store_jar_paths
from clickstream_platform.store.place import is_on_store
from clickstream_platform.streaming.observe import journal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.jvm.machine import Java
    from clickstream_platform.settings import Settings
    from clickstream_platform.store.access import Access

log = logging.getLogger(__name__)

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
    # Every batch leaves a snapshot of its state. With a changelog they are left to a thread that wakes once a minute,
    # later than most runs last: each run would replay all changes since the first. See docs/decisions/0015.
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "false",
    # The same thread deletes the snapshots that nobody needs.
    "spark.sql.streaming.stateStore.maintenanceInterval": "2s",
    # Default INT96 counts nanoseconds: year 1 and year 9999 overflow in every reader but Spark.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A batch that is replayed after a week reads `events` as of a week ago.
    "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
    # Planning anew after every shuffle makes each a job of its own: 36 instead of 17 for a batch of sessions.
    "spark.sql.adaptive.enabled": "false",
    # 50 tasks by default to replay a log of some kilobytes.
    "spark.databricks.delta.snapshotPartitions": "1",
    # More than 32 files by default become a job of their own to list them. They lie here, and the log names them.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    # What a batch keeps for its second look it keeps for seconds: compressing it took a fifth of parsing it.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Which line of Python made an expression is told to the JVM by some ten calls for each: two thirds of all calls of
    # a run. Only errors in the midst of a query, as a division by zero, name that line: docs/operations.md.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # Both save process forks, some in every batch. Right for local paths and one writer, which the lease sees to.
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
    # What no page shows need not be kept: a thousand plans fill half the heap of a long process.
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "200",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}

# No collector that works beside the tasks: there is no core to spare, and no pause that anybody would notice.
LOCAL_JVM = "-XX:ReservedCodeCacheSize=256m -XX:+UseParallelGC"
# The first compiler halves the processor time of a short run, the second one pays on a long one: docs/decisions/0025.
# Alone, the first comes with a code cache of 48 MB, which some hundred batches fill; from then on it mostly sweeps it.
FIRST_COMPILER = "-XX:TieredStopAtLevel=1"
LONG = 300_000  # records or events, from which on a run is long
# What PySpark asks the JVM for by its name at every expression and every schema, and what it calls of it. A name of
# one word is looked for in each package that is imported, and there in every jar.
ASKED_FOR = {
    "functions": (),
    "org.apache.spark.sql.functions": ("col", "lit"),
    "PythonSQLUtils": ("ddlToJson",),
    "PythonUtils": ("toSeq",),
    "org.apache.spark.sql.classic.SparkSession": ("getActiveSession",),
}


def spark_conf(settings: Settings, java: Java, records: int = 0, store: Access | None = None) -> dict[str, str]:
    """Every conf of the session, the user's own ``spark_conf`` last. Resolves the jars: 7 s once, then milliseconds."""
    jars = store_jar_paths(settings.cache, store) if store else jar_paths(settings.cache)
    if settings.on_one_machine:
        place = _one_machine(settings, java, records, jars, client=store.hadoop_module if store else "")
    else:
        place = cluster_conf(settings, jars)
    # Nothing is ever in it, but Spark makes it: where the tables can be written, so can it.
    lake = settings.lake_folder
    warehouse = (settings.home if store or is_on_store(lake) else lake) / "_spark-warehouse"
    return {
        **ENGINE_CONF,
        **(store_conf(store) if store else {}),
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        "spark.sql.warehouse.dir": str(warehouse),
        journal.CONF: str(settings.queries_folder),
        **place,
        **settings.spark_conf,
    }


def _one_machine(settings: Settings, java: Java, records: int, jars: Sequence[Path], *, client: str) -> dict[str, str]:
    """The confs of a session whose tasks are threads of its own JVM."""
    compilers = () if records >= LONG else (FIRST_COMPILER,)
    kept = class_data.to_use_or_leave(java, settings.cache, client=client)
    return {
        "spark.driver.extraJavaOptions": " ".join([LOCAL_JVM, *compilers, kept]),
        # On the class path, not in spark.jars: class-data sharing covers only the class path.
        "spark.driver.extraClassPath": ":".join(str(jar) for jar in jars),
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
    }


def build_session(
    settings: Settings,
    app_name: str = "clickstream",
    *,
    records: int = 0,
    store: Access | None = None,
    jvm_log: Path | None = None,
    jvm_stdout: int | None = None,
) -> SparkSession:
    """Start a SparkSession, or return the one this process has. On a cluster, make its workers ready.

    Args:
        settings: the settings.
        app_name: the name of the application.
        records: about how many records or events are to be processed: it decides which compilers the JVM has.
        store: how the object store is reached that holds the tables and checkpoints; None if they lie in a folder. A
            session has one kind of place: with a store, it reads files of a folder, but keeps no checkpoint there.
        jvm_log: a file for what the JVM prints as long as it lives: some lines at every start, Java stacks when a query
            fails. Without it, or if it cannot be written, that goes where this process's own output goes.
        jvm_stdout: a file descriptor for the JVM's stdout alone, where Spark's console sink prints.

    Raises:
        SetupError: no Java 17, the jars cannot be had, the JVM does not start, or a worker lacks something.
        UnreachableError: the cluster's master does not answer, or has no worker for this session.
    """
    java = require_java()
    # Without it, Python workers are the first `python3` on the PATH, which fails late and obscurely.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if not settings.on_one_machine and settings.spark_worker_python:
        os.environ["PYSPARK_PYTHON"] = settings.spark_worker_python
    from py4j.protocol import Py4JError  # noqa: PLC0415 - a CLI that only reads files does not pay for the imports
    from pyspark.sql import SparkSession  # noqa: PLC0415

    builder = SparkSession.builder.appName(app_name)
    for key, value in spark_conf(settings, java, records, store).items():
        builder = builder.config(key, value)
    try:
        session = _start(builder, jvm_log if jvm_log and _is_writable(jvm_log) else None, jvm_stdout)
    except Py4JError as failed:
        if settings.on_one_machine:
            raise
        raise start_refusal(settings.spark_master, failed) from failed
    session.sparkContext.setLogLevel("ERROR")
    _keep_names(session)
    if not settings.on_one_machine:
        _with_workers(session, settings)
    return session


def _keep_names(session: SparkSession) -> None:
    """Ask the JVM once for what PySpark asks for again and again: nearly nine of ten of its lookups by name."""
    jvm: Any = session.sparkContext._jvm  # pyright: ignore[reportPrivateUsage] - as PySpark's own does
    for name, members in ASKED_FOR.items():
        found = getattr(jvm, name)
        for member in members:
            setattr(found, member, getattr(found, member))
        setattr(jvm, name, found)


def _with_workers(session: SparkSession, settings: Settings) -> None:
    from clickstream_platform.jvm.workers import make_ready  # noqa: PLC0415 - only who has a cluster pays for it

    try:
        make_ready(session.sparkContext, settings)
    except BaseException:
        session.stop()
        raise


def _is_writable(file: Path) -> bool:
    """Whether a file can be written; warns if it cannot."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as failed:
        remedy = "what the JVM says is printed here; make CLICKSTREAM_HOME a folder that can be written"
        log.warning("%s: it cannot be written (%s); %s", file, failed.strerror, remedy)
        return False
    return True


def _start(builder: SparkSession.Builder, jvm_log: Path | None, jvm_stdout: int | None) -> SparkSession:
    from pyspark.errors import PySparkRuntimeError  # noqa: PLC0415

    try:
        with _output_to(jvm_log, jvm_stdout) if jvm_log else nullcontext():
            return builder.getOrCreate()
    except PySparkRuntimeError as failed:
        reason = jvm_reason(jvm_log.read_text(errors="replace")) if jvm_log else str(failed)
        remedy = "mend CLICKSTREAM_SPARK_MASTER, CLICKSTREAM_SPARK_DRIVER_MEMORY or CLICKSTREAM_SPARK_CONF"
        raise SetupError("spark", f"its JVM does not start ({reason})", remedy) from failed


@contextmanager
def _output_to(file: Path, stdout: int | None) -> Generator[None]:
    """A process started in this block inherits the file, begun anew, as its stderr and, without another, its stdout.

    A logging configuration alone would not do: a JVM says that it uses incubator modules, or why it cannot start,
    before it reads any.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    before, log = [os.dup(1), os.dup(2)], os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(log if stdout is None else stdout, 1)
    os.dup2(log, 2)
    try:
        yield
    finally:
        for stream, own in enumerate(before, start=1):
            os.dup2(own, stream)
            os.close(own)
        os.close(log)
