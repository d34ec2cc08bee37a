"""Which jars Spark needs beside its own, fetched once into the user's cache.

``spark.jars.packages`` would ask the network at every session start (9 s) and fails on a Maven cache that holds a pom
without its jar.
"""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.jvm.maven import Artifact, missing_from, resolve, sha256

SPARK_JARS = (
    Artifact(
        "io.delta", "delta-spark_4.2_2.13", "4.4.0", 9_515_916,
        "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    ),
    Artifact(
        "io.delta", "delta-storage", "4.4.0", 113_863,
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
    Artifact(
        "org.apache.spark", "spark-sql-kafka-0-10_2.13", "4.2.0", 494_879,
        "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
    ),
    Artifact(
        "org.apache.spark", "spark-token-provider-kafka-0-10_2.13", "4.2.0", 66_617,
        "641c7947afc8aa1189e433b7c2d305293993c8691bc1c2062d6d4f513b12518c",
    ),
    Artifact(
        "org.apache.kafka", "kafka-clients", "3.9.2", 9_220_052,
        "014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8",
    ),
    Artifact(
        "org.apache.commons", "commons-pool2", "2.13.1", 156_457,
        "f77a5060d6936a9144023584232f9de3f2248f1abfe156e9d31795f18770674f",
    ),
)  # fmt: skip
"""Delta, and Spark's Kafka source with the three jars it needs; everything else is in the pip package."""


def jar_paths(cache: Path) -> tuple[Path, ...]:
    """The jars for a SparkSession's class path, fetched into ``cache`` if they are not there yet.

    Raises:
        SetupError: as ``resolve``.
    """
    return resolve(SPARK_JARS, cache)


def missing(cache: Path) -> tuple[Artifact, ...]:
    """The jars that ``cache`` lacks: the next ``jar_paths`` will fetch them."""
    return missing_from(cache, SPARK_JARS)


def damaged(cache: Path) -> tuple[Path, ...]:
    """The cached jars whose content is not what was fetched. Reads them all, 19 MB."""
    paths = {cache / "jars" / artifact.file_name: artifact for artifact in SPARK_JARS}
    return tuple(path for path, artifact in paths.items() if path.is_file() and sha256(path) != artifact.sha256)
