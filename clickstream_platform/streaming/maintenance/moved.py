"""``moved``: the landing folder lies elsewhere now, and ``events`` goes on from there once that is shown."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime import fingerprint
from clickstream_platform.streaming.sources.files.moved import SameFolder, prove_same_folder
from clickstream_platform.streaming.sources.files.source import FileSource


def moved_source(sources: Sequence[FileSource], lake: Lake) -> FileSource:
    """The first source whose files were read from another place; the first of all if there is none."""
    known = [
        (each, generations.current_checkpoint(lake, "events", each.source_name).source_identity()) for each in sources
    ]
    return next((each for each, was in known if was and was != each.identity), sources[0])


def follow_moved_folder(events: StreamingTable, source: FileSource, lake: Lake) -> SameFolder:
    """Let a source of ``events`` go on from another folder, if every file there shows that it is the same one.

    Raises:
        SourceError: nothing was read yet, or it is not shown; or it was read from there all the time.
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
    """
    if not lake.events.exists:
        raise SourceError("events", "nothing was read yet", "run `clickstream run events`")
    with lease_all([events.name], lake, uuid.uuid4().hex[:12]):
        checkpoint = generations.current_checkpoint(lake, events.name, source.source_name)
        if checkpoint.source_identity() == source.identity:
            raise SourceError(str(source.folder), "events reads this folder already", "there is nothing to do")
        same = prove_same_folder(checkpoint, source.folder)
        source.follow(checkpoint)
        fingerprint.change_source_identity(checkpoint, source.identity)
        return same
