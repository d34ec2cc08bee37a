"""Confs for sessions that process few records: the tests' own, and those of the processes that tests start."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from clickstream_platform.jvm.session import FIRST_COMPILER, LOCAL_JVM

VARIABLE = "CLICKSTREAM_SPARK_CONF"
# Generated code pays off from some 100,000 rows on; a test has ten, and would wait for the compiler.
FEW = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
# On a cluster the engine leaves the compilers to Java; the second one pays off on a long run: docs/decisions/0025.
FEW_ON_CLUSTER = {
    **FEW,
    "spark.driver.extraJavaOptions": f"{LOCAL_JVM} {FIRST_COMPILER}",
    "spark.executor.extraJavaOptions": FIRST_COMPILER,
}


def told_of_few(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment for a process that is to process few records. What it says of Spark itself stays as it is."""
    confs = FEW_ON_CLUSTER if given.get("CLICKSTREAM_SPARK_MASTER", "").startswith("spark://") else FEW
    return {**given, VARIABLE: json.dumps({**confs, **json.loads(given.get(VARIABLE) or "{}")})}
