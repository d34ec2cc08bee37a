"""Hosts of a network of their own on this machine: each has an address, a name and processes that no other one sees.

They are namespaces of Linux, which takes the rights of root, and share the file system. All of it is in a network
namespace of its own, :func:`apart`, so that nothing of this machine's network is touched, and nothing is left of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clickstream_platform.simulator.cluster import Host, start_guarded

NETWORK = "10.99.0"
NOBODY = "02:00:00:00:00:01"  # a hardware address that no host has
NAMESPACES = ("unshare", "--net", "--pid", "--uts", "--mount-proc", "--fork")
TOOLS = ("ip", "mount", "nsenter", "unshare")


def lacking() -> str:
    """What keeps this machine from having such hosts; empty if nothing does."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"there is no {missing[0]}"
    tried = subprocess.run(
        [*NAMESPACES, "ip", "link", "add", "name", "switch", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip() and f"no right to make namespaces ({tried.stderr.strip().splitlines()[-1]})"


def apart(module: str, *arguments: str) -> int:
    """Run a module of Python where a network can be made; returns how it ended."""
    return subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-m", module, *arguments], check=False
    ).returncode


@dataclass
class Network:
    """Hosts by their names, at one switch, to which this process is connected too.

    Attributes:
        folder: for their files.
        hosts: those that are there.
    """

    folder: Path
    hosts: dict[str, Host] = field(default_factory=dict[str, Host])
    _inits: dict[str, int] = field(default_factory=dict[str, int])
    _guards: list[subprocess.Popen[bytes]] = field(default_factory=list["subprocess.Popen[bytes]"])

    def add(self, name: str) -> Host:
        """A host more."""
        address, table = f"{NETWORK}.{len(self.hosts) + 2}", self.folder / "hosts"
        # It ends when this process does: the guard's pipe, which it has as well, is closed then.
        init = [*NAMESPACES, "--kill-child", "/bin/sh", "-c"]
        init += ['hostname "$0" && mount --bind "$1" /etc/hosts && read -r _ <&3', name, str(table)]
        with table.open("a") as known:
            known.write(f"{address} {name}\n")
        guard = start_guarded(init, self.folder / f"{name}.host.log")
        self._guards.append(guard)
        self._inits[name] = pid = _apart_below(guard.pid)
        _ip("link", "add", "name", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _ip("link", "set", "dev", name, "master", "switch", "up")
        found = self.hosts[name] = Host(address, ("nsenter", "-t", str(pid), "-n", "-p", "-u", "-m", "--"))
        for setting in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            self._ip_of(name, setting)
        return found

    def cut(self, name: str, other: str) -> None:
        """Lose whatever a host sends to another one, without telling either."""
        self._ip_of(name, f"neigh replace {self.hosts[other].address} lladdr {NOBODY} dev eth0 nud permanent")

    def mend(self, name: str, other: str) -> None:
        """Let it through again."""
        self._ip_of(name, f"neigh del {self.hosts[other].address} dev eth0")

    def _ip_of(self, name: str, words: str) -> None:
        subprocess.run(["nsenter", "-t", str(self._inits[name]), "-n", "ip", *words.split()], check=True)

    def end(self) -> None:
        """End every host, with all that runs there."""
        for pid in self._inits.values():
            os.kill(pid, 9)
        for guard in self._guards:
            guard.wait(20)


@contextmanager
def network(folder: Path) -> Generator[Network]:
    """A network without hosts, in the namespace of :func:`apart`."""
    (folder / "hosts").write_text("127.0.0.1 localhost\n")
    _ip("link", "set", "lo", "up")
    _ip("link", "add", "name", "switch", "type", "bridge")
    _ip("addr", "add", f"{NETWORK}.1/24", "dev", "switch")
    _ip("link", "set", "switch", "up")
    found = Network(folder)
    try:
        yield found
    finally:
        found.end()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _apart_below(pid: int) -> int:
    """The first process below this one that has its own numbering of processes."""
    own, deadline = _numbering(os.getpid()), time.monotonic() + 20
    while time.monotonic() < deadline:
        known = [pid]
        for each in known:  # grows
            if _numbering(each) not in ("", own):
                return each
            known += _children(each)
        time.sleep(0.02)
    msg = "no host came up"
    raise RuntimeError(msg)


def _numbering(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
