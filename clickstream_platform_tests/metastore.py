"""A Hive metastore of its own, out of the jars that come with Spark: tables in an embedded Derby."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from clickstream_platform.jvm.machine import require_java
from clickstream_platform.simulator.ports import free_ports
from clickstream_platform_tests.waiting import wait_until

_OPENED = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "net", "util")]
_SITE = """<configuration>
  <property><name>javax.jdo.option.ConnectionURL</name><value>jdbc:derby:;databaseName={folder}/db;create=true</value></property>
  <property><name>hive.metastore.warehouse.dir</name><value>{folder}/warehouse</value></property>
  <property><name>datanucleus.schema.autoCreateAll</name><value>true</value></property>
  <property><name>hive.metastore.schema.verification</name><value>false</value></property>
  <property><name>hive.async.log.enabled</name><value>false</value></property>
</configuration>"""


@contextmanager
def metastore(folder: Path) -> Generator[str]:
    """Its address, once it listens."""
    (folder / "hive-site.xml").write_text(_SITE.format(folder=folder))
    (port,) = free_ports(1)
    jars = Path(pyspark.__file__).parent / "jars"
    java = [str(require_java().path), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_OPENED]
    command = [*java, "-cp", f"{folder}:{jars}/*", "org.apache.hadoop.hive.metastore.HiveMetaStore"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-p", str(port)], cwd=folder, stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(port), process, seconds=120, every=0.2)
        yield f"thrift://localhost:{port}"
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("localhost", port)) == 0
