"""``moved``: the landing folder lies elsewhere now, and ``events`` goes on from there once that is shown."""

from __future__ import annotations

import uuid

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform.streaming.sources.files.moved import SameFolder, proved
from clickstream_platform.streaming.sources.files.source import FileSource


def moved(events: StreamingTable, source: FileSource, lake: Lake) -> SameFolder:
    """Let ``events`` go on from another folder, if every file that lies there shows that it is the same one.

    Raises:
        SourceError: nothing was read yet, or it is not shown; or it was read from there all the time.
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
    """
    if not lake.events.exists:
        raise SourceError("events", "nothing was read yet", "run `clickstream run events`")
    with all_leased([events.name], lake, uuid.uuid4().hex[:12]):
        checkpoint = generations.current(lake, events.name)
        if fingerprint.source_of(checkpoint) == source.identity:
            raise SourceError(str(source.folder), "events reads this folder already", "there is nothing to do")
        found = proved(checkpoint, source.folder)
        fingerprint.move(checkpoint, source.identity)
        return found
