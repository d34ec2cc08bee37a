"""Which jar Spark needs for Google's Cloud Storage: Google's client of Hadoop, with all that it loads in it.

Fetched only where it is used, 39 MB. Hadoop's own ``hadoop-gcp`` knows no address but Google's: no emulator tries it.
"""

from __future__ import annotations

from clickstream_platform.jvm.maven import Artifact

GOOGLE_JARS = (
    Artifact(
        "com.google.cloud.bigdataoss", "gcs-connector", "hadoop3-2.2.33", 38_604_231,
        "cd47e5ef4d18a97576e0421b74812b87b2cb0d580c59bbc7113f5f526d46e48b", classifier="shaded",
    ),
)  # fmt: skip
"""Of the newest for Hadoop 3 that comes in one jar; those of 3.x and 4.x come as some fifty."""
