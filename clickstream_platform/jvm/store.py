"""Spark on an object store: which jars a session needs then, and which confs.

Nothing of it is asked for by a lake in a folder. Credentials are in none of the confs: Hadoop's client takes them from
the environment as the cloud's own tools do (``AWS_ACCESS_KEY_ID`` and the like), or from the machine's role.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.azure_jars import AZURE_JARS
from clickstream_platform.jvm.google_jars import GOOGLE_JARS
from clickstream_platform.jvm.jars import jar_paths
from clickstream_platform.jvm.maven import resolve, sha256
from clickstream_platform.jvm.s3_jars import S3_JARS
from clickstream_platform.store.place import is_on_store

if TYPE_CHECKING:
    from clickstream_platform.settings import Settings
    from clickstream_platform.store.access import Access

OWN_JAR = Path(__file__).with_name("put_if_absent.jar")
OWN_SHA256 = "0659dc53c27e5ccfe525c730d8af894fa684faa80b8c843f86820fc0a7ae6a8b"
"""What ``make jar`` makes of the sources in ``java/``, and says."""

JARS_OF_CLIENTS = {"hadoop-aws": S3_JARS, "hadoop-azure": AZURE_JARS, "gcs-connector": GOOGLE_JARS}
"""By the name of Hadoop's client of a kind of store: the jars that it needs."""


def store_conf(access: Access) -> dict[str, str]:
    """The confs of a session whose tables and checkpoints are on a store."""
    return {
        # A store may keep folders whose files `reset` took, and Spark would not begin where there is one. Whether a run
        # may begin in a checkpoint is asked before: `streaming.runtime.admission`.
        "spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart": "false",
        **{f"spark.hadoop.{name}": value for name, value in access.hadoop_conf().items()},
        # What comes with Spark and Delta loses one of two writers' files on a store: docs/decisions/0028.
        f"spark.delta.logStore.{access.scheme}.impl": "io.clickstream.PutIfAbsentLogStore",
        "spark.sql.streaming.checkpointFileManagerClass": "io.clickstream.PutIfAbsentCheckpointFileManager",
    }


def store_of(settings: Settings) -> Access | None:
    """How Spark reaches the store that the lake lies on; None if it lies in a folder."""
    lake = settings.lake_folder
    return lake.access if is_on_store(lake) else None


def store_jar_paths(cache: Path, access: Access) -> tuple[Path, ...]:
    """The jars of a session on a store: those of every session, Hadoop's client, our own classes.

    Raises:
        SetupError: our jar is not the one that belongs to this version, or as ``jar_paths``.
    """
    return (*jar_paths(cache), *resolve(JARS_OF_CLIENTS[access.hadoop_module], cache), own_jar())


def own_jar() -> Path:
    """The jar of our classes that put if absent, which comes with the package. Reads it: 8 kB.

    Raises:
        SetupError: it is missing, or altered. Two drivers could then overwrite each other's commits.
    """
    if not OWN_JAR.is_file() or sha256(OWN_JAR) != OWN_SHA256:
        raise SetupError(str(OWN_JAR), "it is not the jar that belongs to this version", "install the package anew")
    return OWN_JAR
