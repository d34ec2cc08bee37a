"""The workers of a cluster, made ready for a session: they get the package, and are asked what else they have.

A worker that lacks something would show it in the middle of a batch, or not at all: a landing file that it does not see
looks to it like one that was deleted. So every executor that the session has is asked by a small job, some seconds, as
the session starts. One that comes later is not asked.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from clickstream_platform.errors import SetupError, UnreachableError
from clickstream_platform.files import write_whole
from clickstream_platform.jvm.executors import Watch, await_executors, failures, watch_executors
from clickstream_platform.jvm.package import package_zip
from clickstream_platform.jvm.probe import SharedPath, Worker, WorkerRequest, probe_worker
from clickstream_platform.store.place import StorePath, is_on_store
from clickstream_platform.streaming.sources.named import sources_from

if TYPE_CHECKING:
    from pyspark import SparkContext

    from clickstream_platform.settings import Settings
    from clickstream_platform.store.place import Place

# What tasks import first; with these, all that they import.
TASKS = (
    "clickstream_platform.streaming.ingest.staging",
    "clickstream_platform.events.registry.avro",
    "clickstream_platform.events.registry.client",
    "clickstream_platform.streaming.sources.files.source",
    "clickstream_platform.streaming.sources.files.reading",
    "clickstream_platform.streaming.sources.files.shape",
    "clickstream_platform.streaming.sources.kafka.source",
    "clickstream_platform.streaming.maintenance.erasure",
    "clickstream_platform.streaming.maintenance.other_ids",
    "clickstream_platform.queries.user_patterns",
    "clickstream_platform.queries.pattern_processor",
)
# Those of which another version may read or write something else.
COMPARED = ("pyspark", "pyarrow", "pandas", "numpy", "msgspec", "fastavro")
FOR_A_STORE = ("obstore",)  # tasks import it where they need it
INSTALL = "install what requirements.lock lists on every worker"


def make_ready(context: SparkContext, settings: Settings) -> list[Worker]:
    """Give the workers the package, and ask each executor what it has; returns their answers.

    From then on, jobs that wait for a worker longer than ``spark_wait`` are ended, as long as the session lasts.

    Args:
        context: of a session on a cluster.
        settings: the settings.

    Raises:
        SetupError: a worker lacks something, has another version, or sees another folder.
        UnreachableError: no worker has a core.
    """
    watch = watch_executors(context, settings.spark_wait)
    context.addPyFile(str(package_zip(settings.cache)))
    places = [place for source in sources_from(settings) for place in source.read_by_tasks]
    stores = tuple(place for place in places if is_on_store(place))
    with _shared_file(settings.lake_folder) as (shared, content):
        samples = tuple(_samples(place for place in places if not is_on_store(place)))
        request = _worker_request(settings.lake_folder, shared, content, samples, stores)
        _answers(context, settings, request, 1, watch)  # alone: an executor may only come once there is something to do
        await_executors(context)
        workers = _answers(context, settings, request, context.defaultParallelism, watch)
        for worker in workers:
            require_worker(worker, request, settings)
    return workers


def _worker_request(
    lake: Place, shared: str, content: str, samples: tuple[SharedPath, ...], stores: tuple[StorePath, ...]
) -> WorkerRequest:
    is_there = is_on_store(lake)
    modules = (*TASKS, *(FOR_A_STORE if is_there or stores else ()))
    store = lake.access if is_there else None
    return WorkerRequest(modules, COMPARED, shared, content, samples, store, stores)


def require_worker(worker: Worker, request: WorkerRequest, settings: Settings) -> None:
    """Refuse a worker that lacks something.

    Raises:
        SetupError: names its host, the first thing that is wrong, and what to do.
    """
    own_versions = {name: version(name) for name in request.distributions}
    python = f"its Python {worker.python} ({worker.executable})"
    if worker.missing:
        raise _worker_error(worker, f"{python} has {worker.missing[0]}", INSTALL)
    if not worker.package.endswith(f".zip/{Path(worker.package).name}"):
        finding = f"it imports another clickstream_platform, from {worker.package}"
        raise _worker_error(worker, finding, "take it out of what comes first on the path of that Python")
    for name, own in own_versions.items():
        if (its := worker.versions.get(name, own)) != own:
            raise _worker_error(worker, f"{python} has {name} {its}, this one has {own}", INSTALL)
    if worker.unseen:
        remedy = "lake and landing folders must be in a file system that all workers have at the same path"
        raise _worker_error(worker, f"it does not see what is here ({worker.unseen[0]})", remedy)
    if worker.refused:
        raise _worker_error(worker, f"it does not reach the lake ({worker.refused})", _remedy(settings.lake_folder))
    if worker.unreached:
        raise _worker_error(worker, f"it does not reach the source ({worker.unreached[0]})", _remedy(request.stores[0]))
    wrote = _place(worker.wrote, settings.lake_folder)
    if worker.wrote and not wrote.is_file():
        finding = f"what it writes into {wrote.parent} is not seen here"
        raise _worker_error(worker, finding, "the lake must be in a file system that all workers have at the same path")


def _place(path: str, lake: Place) -> Place:
    return StorePath.from_url(path, lake.access) if is_on_store(lake) else Path(path)


def _remedy(place: Place) -> str:
    assert is_on_store(place), f"no worker asks a store for {place}"
    return f"start the worker with {place.access.credentials} of its own, or on a host with {place.access.identity}"


def _worker_error(worker: Worker, finding: str, remedy: str) -> SetupError:
    return SetupError(f"worker {worker.host}", finding, remedy)


def worker_failure(failure: str, host: str, settings: Settings) -> SetupError:
    """What kept a task from answering, told from what Spark says of its failure."""
    subject, python = f"worker {host}", settings.spark_worker_python or "that of this process"
    other = "set CLICKSTREAM_SPARK_WORKER_PYTHON to one that is there"
    if match := re.search(r'Cannot run program "([^"]+)"', failure):
        return SetupError(subject, f"it has no Python at {match[1]}", f"install one there, or {other}")
    if match := re.search(r"Python in worker has different version: (\S+) than that in driver: (\d+\.\d+)", failure):
        finding = f"its Python ({python}) is {match[1]}, this one is {match[2]}"
        return SetupError(subject, finding, f"have the same minor version on all, or {other}")
    if match := re.search(r"ModuleNotFoundError: (No module named \S+)", failure):
        return SetupError(subject, f"its Python ({python}): {match[1]}", INSTALL)
    lines = [line.strip() for line in failure.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    return SetupError(subject, f"its first task failed ({lines[-1] if lines else failure})", "see the worker's log")


def _answers(
    context: SparkContext, settings: Settings, request: WorkerRequest, tasks: int, watch: Watch
) -> list[Worker]:
    """One job of so many tasks, each on a core of its own; the answer of each executor, once.

    Spark tries a task that failed on another worker again, so that the job may end well all the same. What the failed
    ones said counts.
    """
    group = f"workers-{uuid.uuid4().hex}"
    context.setJobGroup(group, "what the workers have")
    try:
        workers: list[Worker] = (
            context.parallelize(range(tasks), tasks).mapPartitions(partial(probe_worker, asked=request)).collect()
        )
    except (Py4JError, PySparkException) as failed:
        if watch.gave_up:
            raise _without_workers(settings) from failed
        for host, failure in failures(context, group):
            raise worker_failure(failure, host, settings) from failed
        raise worker_failure(str(failed), settings.spark_master, settings) from failed
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)  # pyright: ignore[reportArgumentType] - takes it away
    for host, failure in failures(context, group):
        raise worker_failure(failure, host, settings)
    return [*{(each.host, each.executor): each for each in workers}.values()]


def _without_workers(settings: Settings) -> UnreachableError:
    finding = f"no worker had a core for this run within {settings.spark_wait}"
    remedy = "see on the master's page whether workers have cores and memory free, or raise CLICKSTREAM_SPARK_WAIT"
    return UnreachableError(settings.spark_master, finding, remedy)


@contextmanager
def _shared_file(lake: Place) -> Generator[tuple[str, str]]:
    """A file in the lake and its content, for as long as the block lasts; and whatever lies beside it by its name."""
    shared, content = lake / f"_probe-{uuid.uuid4().hex}", uuid.uuid4().hex
    try:
        write_whole(shared, content)
    except OSError as failed:
        remedy = "on a cluster every worker must be able to write there, and so must this process"
        raise SetupError(str(lake), f"it cannot be written ({failed.strerror})", remedy) from failed
    try:
        yield str(shared), content
    finally:
        for file in lake.glob(f"{shared.name}*"):
            file.unlink(missing_ok=True)


def _samples(paths: Iterable[Path]) -> Iterator[SharedPath]:
    """What to look for: each file that is there, and of each folder one file in it."""
    for path in paths:
        files = [path] if path.is_file() else path.rglob("*")
        if first := next((file for file in files if file.is_file()), None):
            yield SharedPath(str(first), first.stat().st_size)
        elif path.is_dir():
            yield SharedPath(str(path))
