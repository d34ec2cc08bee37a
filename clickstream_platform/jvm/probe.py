"""What a task finds out about its worker.

It is the first thing to run there: what may be missing on a worker is imported only by the function that looks for it.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clickstream_platform.store.access import Access
    from clickstream_platform.store.place import StorePath

SHARED = 0.3  # seconds that a task stays, so that no other of its job finds the same core free


@dataclass(frozen=True)
class SharedPath:
    """A file that all must see as this process does, with its size; or a folder, which has none."""

    path: str
    size: int | None = None


@dataclass(frozen=True)
class WorkerRequest:
    """What every worker is asked for.

    Attributes:
        modules: what tasks import.
        distributions: of which the versions are wanted.
        shared: a file that was written into the lake.
        content: what is in it.
        samples: of what tasks read in folders.
        store: how the store is reached that the lake lies on; None for one in a folder.
        stores: where they read on a store.
    """

    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    shared: str = ""
    content: str = ""
    samples: tuple[SharedPath, ...] = ()
    store: Access | None = None
    stores: tuple[StorePath, ...] = ()


@dataclass(frozen=True)
class Worker:
    """What a task found on its worker.

    Attributes:
        host: its name.
        executor: the folder of its executor, which no other on that host has.
        python: the version of Python.
        executable: where that is.
        package: where this package was imported from.
        versions: of distributions, those that are there.
        missing: why which modules cannot be imported.
        unseen: what of the folders it does not see, or may not do there.
        wrote: the file that it wrote into the lake; empty if it wrote none.
        refused: what keeps it from the store that the lake lies on.
        unreached: why which places on a store cannot be read from there.
    """

    host: str
    executor: str
    python: str
    executable: str
    package: str
    versions: dict[str, str]
    missing: tuple[str, ...]
    unseen: tuple[str, ...]
    wrote: str
    refused: str = ""
    unreached: tuple[str, ...] = ()


def probe_worker(parts: Iterable[object], asked: WorkerRequest) -> Iterator[Worker]:
    """One task: what it finds, once."""
    del parts  # empty: what is asked is the same for all
    missing = tuple(dict.fromkeys(_missing(asked.modules)))
    wrote, unseen, refused = "", (), ""
    if asked.store is None:
        wrote, unseen = _lake(asked)
    elif not missing:  # or it has nothing to reach a store with
        wrote, refused = _store(asked, asked.store)
    yield Worker(
        socket.gethostname(),
        str(Path.cwd()),
        ".".join(map(str, sys.version_info[:3])),
        sys.executable,
        str(Path(__file__).parents[1]),
        dict(_versions(asked.distributions)),
        missing,
        (*unseen, *(finding for sample in asked.samples for finding in _unseen(sample))),
        wrote,
        refused,
        () if missing else tuple(_unreached(asked.stores)),
    )
    time.sleep(SHARED)


def _versions(distributions: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in distributions:
        try:
            installed = importlib.import_module(name).__version__ if name == "pyspark" else version(name)
        except (PackageNotFoundError, ImportError):
            continue
        yield name, installed


def _missing(modules: tuple[str, ...]) -> Iterator[str]:
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as failed:
            yield f"no {failed.name}" if isinstance(failed, ModuleNotFoundError) else str(failed)


def _lake(asked: WorkerRequest) -> tuple[str, tuple[str, ...]]:
    """The file that it wrote beside the one that is shared, and what is wrong with the lake."""
    if not asked.shared:
        return "", ()
    shared = Path(asked.shared)
    own = shared.with_name(f"{shared.name}-{_own()}")
    try:
        if shared.read_text() != asked.content:
            return "", (f"another folder at {shared.parent}",)
        own.write_text(asked.content)
    except OSError as failed:
        return "", (f"{failed.strerror}: {failed.filename}",)
    return str(own), ()


def _own() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"


def _store(asked: WorkerRequest, access: Access) -> tuple[str, str]:
    """As :func:`_lake`, for a lake on a store, with the credentials that this worker has; no answer holds them."""
    from clickstream_platform.errors import ClickstreamError  # noqa: PLC0415 - what is imported is looked for first
    from clickstream_platform.store.place import StorePath  # noqa: PLC0415
    from clickstream_platform.store.proof import require_store  # noqa: PLC0415

    shared: StorePath = StorePath.from_url(asked.shared, access)
    own = shared.with_name(f"{shared.name}-{_own()}")
    try:
        require_store(shared.parent)
        if shared.read_text() != asked.content:
            return "", f"there is another object at {shared}"
        own.write(asked.content.encode())
    except ClickstreamError as refused:
        return "", refused.finding
    except FileNotFoundError:
        return "", f"there is no {shared}"
    return str(own), ""


def _unseen(sample: SharedPath) -> Iterator[str]:
    place = Path(sample.path)
    try:
        if sample.size is None:
            os.scandir(place).close()
        elif (size := place.stat().st_size) != sample.size:
            yield f"{place} has {size} bytes there, and {sample.size} here"
        else:
            place.open("rb").close()
    except OSError as failed:
        yield f"{failed.strerror}: {place}"


def _unreached(stores: tuple[StorePath, ...]) -> Iterator[str]:
    from clickstream_platform.errors import ClickstreamError  # noqa: PLC0415 - once all that they import is there
    from clickstream_platform.store.proof import require_store  # noqa: PLC0415

    for place in stores:
        try:
            require_store(place)
        except ClickstreamError as failed:
            yield f"{place}: {failed.finding}"
