"""What `docker/compose.yaml` says, as processes of this machine: commands, health checks, variables, secrets, volumes.

Read from the file, and changed only where one machine is not several: names of services are the loopback address, ports
are free ones, and the folders of containers lie below one folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clickstream_platform.settings import from_env
from clickstream_platform.simulator.ports import free_ports
from clickstream_platform.simulator.seaweed import GRPC
from clickstream_platform_tests.waiting import wait_until

DOCKER = Path(__file__).parents[2] / "docker"
OWN_IMAGE = "clickstream-platform"
# Beside the file's own words: what its images and configuration take for granted.
PORTS = (3000, 4000, 5432, 7077, 8080, 8180, 8181, 8333, 8888, 9092, 9093, 9094, 9333)


def compose() -> dict[str, Any]:
    """The file, with the values that variables have when nobody sets them."""
    text = (DOCKER / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))


def of_the_image(name: str) -> str:
    """What an instruction of the Dockerfile says, the last one of its name."""
    lines = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [line.removeprefix(name) for line in lines if line.startswith(f"{name} ")][-1].strip()


@dataclass(frozen=True)
class Container:
    """A service as this machine would run it.

    Attributes:
        command: its program and arguments, the entrypoint first.
        check: its health check; without the entrypoint, as a container engine runs it.
        environment: all of its variables.
        log: the file that takes what it says.
    """

    command: list[str]
    check: list[str]
    environment: dict[str, str]
    log: Path

    def is_healthy(self) -> bool:
        """What its health check says now."""
        asked = subprocess.run(self.check, env=self.environment, capture_output=True, check=False, cwd=self.log.parent)
        return asked.returncode == 0

    def begin(self) -> subprocess.Popen[bytes]:
        """Start it."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, cwd=self.log.parent, start_new_session=True
            )

    @contextmanager
    def running(self) -> Generator[subprocess.Popen[bytes]]:
        """It, healthy by its own check, for as long as a block lasts."""
        process = self.begin()
        try:
            wait_until(self.is_healthy, process, seconds=120, every=0.2)
            yield process
        except AssertionError:
            print(self.log.read_text(errors="replace")[-5000:])
            raise
        finally:
            process.terminate()
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class Composed:
    """The services of the file, in one folder."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        """Args: its folder; variables that the shell has, by which settings are set."""
        self.folder = folder
        self.services: dict[str, Any] = compose()["services"]
        self.ports = dict(zip(map(str, PORTS), map(str, free_ports(len(PORTS), beside=GRPC)), strict=True))
        self._variables = dict(variables or {})
        self.secrets = folder / "secrets"
        subprocess.run([DOCKER / "make-secrets", self.secrets], check=True, capture_output=True)

    def container(self, name: str) -> Container:
        """One of them, ready to begin."""
        service = self.services[name]
        (own := self.folder / name).mkdir(exist_ok=True)
        entrypoint = service.get("entrypoint", self._entrypoint(service))
        said = [str(each) for each in [*entrypoint, *service.get("command", [])]]
        check = service.get("healthcheck", {}).get("test", ["CMD", "false"])
        assert check[0] == "CMD", f"{name}: a health check that a shell reads is not tried"
        environment = {**self._of_the_machine(), **self._of_the_image(service), **self._given(service)}
        here = {key: self.here(value, name) for key, value in environment.items()}
        return Container(
            [self.here(each, name) for each in said], [self.here(each, name) for each in check[1:]], here, own / "log"
        )

    def here(self, text: str, name: str) -> str:
        """What a service says, with the folders, names and ports of this machine."""
        folders = self._folders(name)
        place = rf"(?<![\w/])(?P<folder>{'|'.join(map(re.escape, folders))})(?![\w.-])"
        service = rf"(?<![\w.-])(?P<service>{'|'.join(self.services)})(?![\w./-]|://)"
        port = rf"(?<![\w.])(?P<port>{'|'.join(self.ports)})(?![\w.])"

        def of_this_machine(found: re.Match[str]) -> str:
            if found["folder"]:
                return str(folders[found["folder"]])
            return self.ports[found["port"]] if found["port"] else "127.0.0.1"

        return re.sub(f"{place}|{service}|{port}", of_this_machine, text)

    def _folders(self, name: str) -> dict[str, Path]:
        """Where the folders of a container are here, the deepest first."""
        mounted: list[list[str]] = [each.split(":") for each in self.services[name].get("volumes", [])]
        found = {place: self.folder / "volumes" / volume for volume, place in mounted}
        for folder in found.values():
            folder.mkdir(parents=True, exist_ok=True)
        found["/run/secrets"] = self._secrets_of(name)
        found |= {"/opt/dagster": self.folder / "dagster", "/opt/clickstream/cache": from_env().cache}
        found["/tmp/spark-work"] = self.folder / name / "spark-work"
        return dict(sorted(found.items(), key=lambda item: -len(item[0])))

    def _secrets_of(self, name: str) -> Path:
        """A folder with the secrets that the service is given, and no others."""
        (folder := self.folder / name / "run-secrets").mkdir(parents=True, exist_ok=True)
        for secret in self.services[name].get("secrets", []):
            (folder / secret).write_bytes((self.secrets / secret).read_bytes())
        return folder

    def _given(self, service: Mapping[str, Any]) -> dict[str, str]:
        """Its variables: those without a value are the shell's, and not set if it has none."""
        told: Mapping[str, Any] = service.get("environment", {})
        values = {key: self._variables.get(key) if value is None else str(value) for key, value in told.items()}
        return {key: value for key, value in values.items() if value is not None}

    def _entrypoint(self, service: Mapping[str, Any]) -> list[str]:
        return yaml.safe_load(of_the_image("ENTRYPOINT")) if service["image"] == OWN_IMAGE else []

    def _of_the_image(self, service: Mapping[str, Any]) -> dict[str, str]:
        pairs = [pair.split("=", 1) for pair in of_the_image("ENV").split()]
        return dict(pairs) if service["image"] == OWN_IMAGE else {}

    def _of_the_machine(self) -> dict[str, str]:
        """Programs are found as in the image: those of the packages, and the scripts beside the Dockerfile."""
        path = f"{Path(sys.executable).parent}:{DOCKER}:{os.environ['PATH']}"
        kept = {key: os.environ[key] for key in ("HOME", "JAVA_HOME", "PYTHONPATH", "LANG") if key in os.environ}
        return {**kept, "PATH": path}
