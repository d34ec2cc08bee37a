"""Which jars Spark needs for Azure's Blob Storage: Hadoop's own client and what it loads.

Fetched only where it is used. What of Hadoop's list is never loaded (the client that this one has replaced) or comes
with Spark by itself is not among them.
"""

from __future__ import annotations

from clickstream_platform.jvm.maven import Artifact

AZURE_JARS = (
    Artifact(
        "org.apache.hadoop", "hadoop-azure", "3.5.0", 643_815,
        "220b5db238b82437960e4b81c7e3eefa4eff2a03ad502887497f11d0ad86e663",
    ),
    Artifact(
        "org.hdrhistogram", "HdrHistogram", "2.1.12", 173_763,
        "9b47fbae444feaac4b7e04f0ea294569e4bc282bc69d8c2ce2ac3f23577281e2",
    ),
    Artifact(
        "org.wildfly.openssl", "wildfly-openssl", "2.2.5.Final", 584_138,
        "71fb7932f99a727edb23c5a2cb8c6855ac7196fad41aa0669b3998e277165154",
    ),
)  # fmt: skip
"""``hadoop-azure`` is of the Hadoop that pyspark brings; the others are those that it was compiled with."""
