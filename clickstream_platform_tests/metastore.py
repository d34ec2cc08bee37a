"""A Hive metastore of its own, out of the jars that come with Spark: tables in an embedded Derby."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from clickstream_platform.jvm.machine import require_java

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
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    jars = Path(pyspark.__file__).parent / "jars"
    java = str(require_java().path)
    command = [java, *_OPENED, "-cp", f"{folder}:{jars}/*", "org.apache.hadoop.hive.metastore.HiveMetaStore"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-p", str(port)], cwd=folder, stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "log")
        yield f"thrift://localhost:{port}"
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        with socket.socket() as trial:
            if trial.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(log.read_text()[-2000:])
