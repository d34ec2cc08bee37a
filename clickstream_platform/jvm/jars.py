"""Which jars Spark needs beside its own, fetched once into the user's cache.

``spark.jars.packages`` would ask the network at every session start (9 s) and fails on a Maven cache that holds a pom
without its jar.

The jars belong to one version of pyspark and one of delta-spark. Beside another Spark they would load, and fail in the
middle of a run; so that is refused before a JVM starts.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.maven import Artifact, resolve

MADE_FOR = {"pyspark": "4.2.0", "delta-spark": "4.4.0"}
"""The packages that the jars belong to. Who takes another version takes its jars, with their checksums, here."""

_SPARK, _DELTA = MADE_FOR["pyspark"], MADE_FOR["delta-spark"]
_MINOR = _SPARK.rpartition(".")[0]  # Delta's jar names the Spark it is compiled for

SPARK_JARS = (
    Artifact(
        "io.delta", f"delta-spark_{_MINOR}_2.13", _DELTA, 9_515_916,
        "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    ),
    Artifact(
        "io.delta", "delta-storage", _DELTA, 113_863,
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
    Artifact(
        "org.apache.spark", "spark-sql-kafka-0-10_2.13", _SPARK, 494_879,
        "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
    ),
    Artifact(
        "org.apache.spark", "spark-token-provider-kafka-0-10_2.13", _SPARK, 66_617,
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
        SetupError: an installed package is of another version than the jars, or as ``resolve``.
    """
    require_packages()
    return resolve(SPARK_JARS, cache)


def require_packages() -> None:
    """Compare the packages that are installed with those that the jars were made for: milliseconds, no import.

    Raises:
        SetupError: one is of another version, or missing.
    """
    for package, wanted in MADE_FOR.items():
        installed = _installed(package)
        if installed != wanted:
            jar = next(jar.file_name for jar in SPARK_JARS if jar.version == wanted)
            finding = f"{installed} is installed, the jars belong to {wanted}, as {jar}"
            raise SetupError(package, finding, "run make setup")


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "no version"
