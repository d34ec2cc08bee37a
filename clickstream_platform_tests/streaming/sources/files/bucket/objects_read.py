"""What is listed and read of the objects below a prefix."""

from __future__ import annotations

import pickle

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.files.manifest import (
    PlannedFile,
    plan_manifests,
    task_from_line,
    task_to_line,
)
from clickstream_platform.streaming.sources.files.manifest import write_manifest as write_manifest
from clickstream_platform.streaming.sources.files.reading import PartRead, read_task

NOW = 1_795_910_400_000_000  # as the small store says of its objects
LINES = b"".join(b'{"n": %d}\n' % n for n in range(1_000))


def names(place: Place) -> list[str]:
    return [file.partition for file in landing_at(place).list_files().files]


def read(place: Place, tasks: int = 2) -> tuple[dict[tuple[str, int], bytes], dict[str, str | None]]:
    """What is accepted of all that lies there, and the faults: by way of manifests, in tasks that are sent away."""
    values: dict[tuple[str, int], bytes] = {}
    faults: dict[str, str | None] = {}
    for manifest in plan_manifests(landing_at(place).list_files().files, NOW, 1):
        for task in manifest.tasks(place, tasks):
            take(pickle.loads(pickle.dumps(place)), task_from_line(task_to_line(task)), values, faults)
    return {where: value for where, value in values.items() if not faults[where[0]]}, faults


def take(
    place: Place, task: list[PlannedFile], values: dict[tuple[str, int], bytes], faults: dict[str, str | None]
) -> None:
    for each in read_task(place, task, 1_000_000):
        if isinstance(each, PartRead):
            faults[each.partition] = faults.get(each.partition) or each.fault
        else:
            for row in each.to_pylist():
                assert (row["partition"], row["offset"]) not in values
                values[row["partition"], row["offset"]] = row["value"]
