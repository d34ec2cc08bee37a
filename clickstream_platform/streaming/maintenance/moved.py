"""``moved``: the landing folder lies elsewhere now, and ``events`` goes on from there once that is shown."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import all_leased
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform.streaming.sources.files.moved import SameFolder, proved
from clickstream_platform.streaming.sources.files.source import FileSource


def elsewhere(sources: Sequence[FileSource], lake: Lake) -> FileSource:
    """Of several folders the first that was read from another place; if there is none, the first of all."""
    known = [(each, generations.current(lake, "events", each.source_name).made_for()) for each in sources]
    return next((each for each, was in known if was and was != each.identity), sources[0])


def moved(events: StreamingTable, source: FileSource, lake: Lake) -> SameFolder:
    """Let a source of ``events`` go on from another folder, if every file there shows that it is the same one.

    Raises:
        SourceError: nothing was read yet, or it is not shown; or it was read from there all the time.
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
    """
    if not lake.events.exists:
        raise SourceError("events", "nothing was read yet", "run `clickstream run events`")
    with all_leased([events.name], lake, uuid.uuid4().hex[:12]):
        checkpoint = generations.current(lake, events.name, source.source_name)
        if checkpoint.made_for() == source.identity:
            raise SourceError(str(source.folder), "events reads this folder already", "there is nothing to do")
        found = proved(checkpoint, source.folder)
        source.follow(checkpoint)
        fingerprint.move(checkpoint, source.identity)
        return found
