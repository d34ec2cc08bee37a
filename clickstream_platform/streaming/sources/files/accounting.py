"""What a batch has read of its files, from what the tasks say of them."""

from __future__ import annotations

from collections.abc import Sequence

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.lake.entry import Account
from clickstream_platform.streaming.sources.files.landing import Landing
from clickstream_platform.streaming.sources.files.unreadable import OF_THE_READER
from clickstream_platform.streaming.sources.source import PartRead


def account(landing: Landing, parts: Sequence[PartRead]) -> Account:
    """Every file of the batch, with its bytes and records; those that could not be read to their end.

    Raises:
        SourceError: a file that a task did not see, or might not open, is one that this process can.
    """
    files: dict[str, list[int]] = {}
    faults = {part.partition: part.fault for part in parts if part.fault}
    for partition, fault in faults.items():
        if fault in OF_THE_READER and landing.can_read(partition):
            remedy = "all workers must see the landing folder, and may read what is in it; then run it again"
            raise SourceError(partition, f"a task found it {fault}, but here it can be read", remedy)
    for part in parts:
        counted = files.setdefault(part.partition, [0, 0])
        counted[0] += part.bytes
        counted[1] += 0 if part.partition in faults else part.records
    formats = {part.partition: part.format for part in parts if part.format not in ("", "lines")}
    return Account(dict(sorted(files.items())), dict(sorted(faults.items())), dict(sorted(formats.items())))
