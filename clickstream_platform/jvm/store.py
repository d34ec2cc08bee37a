"""Spark on an object store that speaks S3: which jars a session needs then, and which confs.

Nothing of it is asked for by a lake in a folder. Credentials are in none of the confs: Hadoop's client takes them from
the environment as Amazon's own tools do (``AWS_ACCESS_KEY_ID`` and the like), or from the machine's role.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.jars import jar_paths
from clickstream_platform.jvm.maven import resolve, sha256
from clickstream_platform.jvm.s3_jars import S3_JARS
from clickstream_platform.store.place import is_on_store

if TYPE_CHECKING:
    from clickstream_platform.settings import Settings
    from clickstream_platform.store.access import Access

OWN_JAR = Path(__file__).with_name("put_if_absent.jar")
OWN_SHA256 = "d2edcc06699ec5c0088d6496807bbd1d6af03c669983e9eb5263d9c4d30a4824"
"""What ``make jar`` makes of the sources in ``java/``, and says."""

_CREDENTIALS = (
    "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
    "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
    "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider",
)


def store_conf(access: Access) -> dict[str, str]:
    """The confs of a session whose tables and checkpoints have addresses ``s3://bucket/...``."""
    return {
        # A store may keep folders whose files `reset` took, and Spark would not begin where there is one. Whether a run
        # may begin in a checkpoint is asked before: `streaming.runtime.admission`.
        "spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart": "false",
        # One scheme for everybody: delta-rs writes s3://, for which Hadoop has no class by default.
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "spark.hadoop.fs.s3a.aws.credentials.provider": ",".join(_CREDENTIALS),
        "spark.hadoop.fs.s3a.path.style.access": str(access.path_style).lower(),
        # The default of Hadoop 3.5 reads ahead for large scans; most files of a batch are small.
        "spark.hadoop.fs.s3a.input.stream.type": "classic",
        **({"spark.hadoop.fs.s3a.endpoint": access.endpoint} if access.endpoint else {}),
        **({"spark.hadoop.fs.s3a.endpoint.region": access.region} if access.region else {}),
        # What comes with Spark and Delta loses one of two writers' files on s3a: docs/decisions/0028.
        "spark.delta.logStore.s3.impl": "io.clickstream.PutIfAbsentLogStore",
        "spark.sql.streaming.checkpointFileManagerClass": "io.clickstream.PutIfAbsentCheckpointFileManager",
    }


def store_of(settings: Settings) -> Access | None:
    """How Spark reaches the store that the lake lies on; None if it lies in a folder."""
    lake = settings.lake_folder
    return lake.access if is_on_store(lake) else None


def store_jar_paths(cache: Path) -> tuple[Path, ...]:
    """The jars of a session on a store: those of every session, Hadoop's client, our own classes.

    Raises:
        SetupError: our jar is not the one that belongs to this version, or as ``jar_paths``.
    """
    return (*jar_paths(cache), *resolve(S3_JARS, cache), own_jar())


def own_jar() -> Path:
    """The jar of our classes that put if absent, which comes with the package. Reads it: 8 kB.

    Raises:
        SetupError: it is missing, or altered. Two drivers could then overwrite each other's commits.
    """
    if not OWN_JAR.is_file() or sha256(OWN_JAR) != OWN_SHA256:
        raise SetupError(str(OWN_JAR), "it is not the jar that belongs to this version", "install the package anew")
    return OWN_JAR
