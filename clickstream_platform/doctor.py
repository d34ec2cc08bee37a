"""What this machine lacks, found before it costs a run: the sentences that a run would fail with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.errors import ClickstreamError, SetupError
from clickstream_platform.events.registry.model import registry_from
from clickstream_platform.jvm import class_data
from clickstream_platform.jvm.cluster import own_address
from clickstream_platform.jvm.jars import SPARK_JARS, require_packages
from clickstream_platform.jvm.machine import require_folder, require_java, require_room
from clickstream_platform.jvm.maven import damaged_from, missing_from
from clickstream_platform.jvm.store import JARS_OF_CLIENTS, store_of
from clickstream_platform.settings import Settings
from clickstream_platform.store.place import is_on_store
from clickstream_platform.store.proof import MANY, require_conditional_put, require_store
from clickstream_platform.streaming.sources.named import sources_from

OLDEST_PYTHON, FIRST_UNTRIED_PYTHON = (3, 10), (3, 14)
ROOM = 1_000_000_000  # the demo takes 50 MB; Spark's shuffles and state want room to breathe
BESIDE_THE_HEAP = 700_000_000  # measured: 600 MB of JVM beside the heap and Python on top


@dataclass(frozen=True)
class Finding:
    """What one look at the machine found. ``remedy`` is empty when all is well."""

    name: str
    ok: bool
    finding: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line, in the words of the error that a run would raise."""
        return f"{self.name}: {self.finding}" + (f"; {self.remedy}" if self.remedy else "")


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything a run needs. Raises nothing, changes nothing; about 0.2 s, or 3 s with a silent Kafka."""
    is_local = not is_on_store(settings.lake_folder)
    spared = [*([_store] if is_local else []), *([] if settings.registry else [_registry])]
    return [_look(name, check, settings) for name, check in CHECKS.items() if check not in spared]


def _look(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, check(settings))
    except ClickstreamError as error:
        finding = error.finding if error.subject == name else f"{error.subject}: {error.finding}"
        return Finding(name, False, finding, error.remedy)


def _python(_: Settings) -> str:
    running = ".".join(map(str, sys.version_info[:3]))
    if not OLDEST_PYTHON <= sys.version_info[:2] < FIRST_UNTRIED_PYTHON:
        raise SetupError("python", f"{running} is not supported", "use Python 3.10 to 3.13")
    return f"{running} at {sys.executable}"


def _java(settings: Settings) -> str:
    java = require_java()
    obstacle = class_data.obstacle(settings.cache)
    kept = f"cannot be kept, so runs start later: {obstacle}" if obstacle else "are kept by the first run, as it ends"
    if class_data.archive(java, settings.cache).is_file():
        kept = "are kept"
    return f"{java.version} at {java.path}; its classes {kept}"


def _memory(settings: Settings) -> str:
    free, needed = _free_memory(), _bytes(settings.spark_driver_memory) + BESIDE_THE_HEAP
    if free < needed:
        finding = f"{free // 1_000_000} MB are free, a run may take {needed // 1_000_000} MB"
        raise SetupError("memory", finding, "close something, or set CLICKSTREAM_SPARK_DRIVER_MEMORY lower")
    return f"{free // 1_000_000} MB free, a run takes up to {needed // 1_000_000} MB"


def _disk(settings: Settings) -> str:
    free = require_room(settings.home, ROOM, "tables and Spark's shuffles", "CLICKSTREAM_HOME")
    return f"{free // 1_000_000} MB free at {settings.home}"


def _home(settings: Settings) -> str:
    require_folder(settings.home, "CLICKSTREAM_HOME")
    if not is_on_store(lake := settings.lake_folder):
        require_folder(lake, "CLICKSTREAM_LAKE")
    return f"{settings.home} is writable" if settings.home.exists() else f"{settings.home} will be made"


def _jars(settings: Settings) -> str:
    require_packages()
    store = store_of(settings)
    wanted = (*SPARK_JARS, *(JARS_OF_CLIENTS[store.hadoop_module] if store else ()))
    if altered := damaged_from(settings.cache, wanted):
        remedy = "delete it, and the next run fetches it again"
        raise SetupError("jars", f"{altered[0]} is not what was fetched", remedy)
    if to_fetch := missing_from(settings.cache, wanted):
        require_folder(settings.cache, "CLICKSTREAM_CACHE")
        size = sum(artifact.size for artifact in to_fetch)
        require_room(settings.cache, 3 * size, "the jars", "CLICKSTREAM_CACHE")
        return f"{len(to_fetch)} of {len(wanted)} are not in {settings.cache} yet; the next run fetches them"
    return f"all {len(wanted)} in {settings.cache}"


def _spark(settings: Settings) -> str:
    if settings.on_one_machine:
        return f"{settings.spark_master}, on this machine"
    own = own_address(settings.spark_master)
    if not own:
        return f"{settings.spark_master}, not asked; `clickstream workers` starts a session there"
    here = settings.spark_driver_host or own
    return f"{settings.spark_master} listens, and will find this process at {here}; `clickstream workers` asks the rest"


def _source(settings: Settings) -> str:
    sources = [source.describe_availability(is_named=bool(settings.source)) for source in sources_from(settings)]
    return "; ".join(sources)


def _registry(settings: Settings) -> str:
    from clickstream_platform.events.registry.client import describe_registry  # noqa: PLC0415 - only who has one pays for it

    registry = registry_from(settings)
    return describe_registry(registry) if registry else "none is named"


def _store(settings: Settings) -> str:
    lake = settings.lake_folder
    assert is_on_store(lake)  # or nobody asks
    require_store(lake)
    require_conditional_put(lake, MANY)
    return f"{lake} at {lake.access.display_name}; of {MANY} writers of one object one wins"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "java": _java,
    "memory": _memory,
    "disk": _disk,
    "home": _home,
    "store": _store,
    "jars": _jars,
    "spark": _spark,
    "source": _source,
    "registry": _registry,
}


def _free_memory() -> int:
    """Free bytes, within a container's limit if there is one."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # no Linux: what is free cannot be asked without a further package
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit, used = (int(Path("/sys/fs/cgroup", name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or "max"
        return free
    return min(free, limit - used)


def _bytes(heap: str) -> int:
    """2,147,483,648 of ``2g``."""
    return int(heap[:-1]) << {"k": 10, "m": 20, "g": 30, "t": 40}[heap[-1]]
