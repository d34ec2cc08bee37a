"""The services that `docker/compose.yaml` has behind profiles, all at once and as processes: Kafka, a store, Spark."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from clickstream_platform.jvm.machine import require_java
from clickstream_platform.jvm.maven import resolve
from clickstream_platform.settings import from_env
from clickstream_platform.simulator.broker_jars import BROKER_JARS
from clickstream_platform.simulator.seaweed import program
from clickstream_platform_tests.deploy.composed import Composed, Container
from clickstream_platform_tests.few_records import FEW_ON_CLUSTER

SHELL = {
    "CLICKSTREAM_SOURCE": "kafka://kafka:9092/clicks",
    "CLICKSTREAM_LAKE": "s3://clickstream/lake",
    "CLICKSTREAM_STORE_ENDPOINT": "http://store:8333",
    "CLICKSTREAM_STORE_ALLOW_HTTP": "true",
    "CLICKSTREAM_SPARK_MASTER": "spark://spark-master:7077",
    "CLICKSTREAM_SPARK_CONF": json.dumps(FEW_ON_CLUSTER),
}


def of_kafkas_image(kafka: Container) -> Container:
    """The broker as its image begins it: a variable ``KAFKA_A_B`` is the property ``a.b``, and there are no others.

    So says ``KafkaDockerWrapper`` of Apache Kafka 3.9, which formats the folder of the data, too.
    """
    told = {key.removeprefix("KAFKA_"): value for key, value in kafka.environment.items() if key.startswith("KAFKA_")}
    assert "__" not in "".join(told)  # which would be an underscore or a dash
    properties = {key.lower().replace("_", "."): value for key, value in told.items()}
    (config := kafka.log.parent / "server.properties").write_text("\n".join(f"{k}={v}" for k, v in properties.items()))
    cluster = "5L6g3nShT-eMCtK--X86sw"  # the image's, where CLUSTER_ID is not set
    formatted = f"version=1\ncluster.id={cluster}\nnode.id={properties['node.id']}\n"
    (Path(properties["log.dirs"]) / "meta.properties").write_text(formatted)
    jars = ":".join(map(str, resolve(BROKER_JARS, from_env().cache)))
    return replace(kafka, command=[str(require_java().path), "-Xmx512m", "-cp", jars, "kafka.Kafka", str(config)])


@pytest.fixture
def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Composed]:
    """All of them, healthy by their own checks, and settings in the shell that use them all."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{Path(program()).parent}:{os.environ['PATH']}")
    made = Composed(tmp_path, SHELL)
    services = {name: made.container(name) for name in ("kafka", "store", "spark-master", "spark-worker")}
    services["kafka"] = of_kafkas_image(services["kafka"])
    with ExitStack() as running:
        for service in services.values():
            assert not service.is_healthy()
            running.enter_context(service.running())
        with made.container("bucket").begin() as bucket:
            assert bucket.wait(60) == 0
        yield made


def clickstream(composed: Composed, *arguments: str) -> str:
    """What the command line says in the container `code`: ``docker compose exec code with-secrets clickstream ...``."""
    code = composed.container("code")
    entrypoint = code.command[: code.command.index("dagster")]
    asked = subprocess.run(
        [*entrypoint, "clickstream", *arguments],
        env=code.environment,
        cwd=code.log.parent,
        capture_output=True,
        check=False,
        text=True,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    return asked.stdout


@pytest.mark.spark
def test_events_go_from_the_topic_through_the_workers_to_the_store(composed: Composed) -> None:
    clickstream(composed, "simulate", "--kafka", "--events", "500")

    clickstream(composed, "run", "events")

    counted = re.search(r"(\d+) records counted", clickstream(composed, "verify", "--source"))
    assert counted
    assert int(counted[1]) >= 500
