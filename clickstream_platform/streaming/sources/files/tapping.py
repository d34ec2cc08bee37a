"""Files as they come, for a query that shows them and writes no table."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.known_files import write_first_index
from clickstream_platform.streaming.sources.files.listing_result import Listing

log = logging.getLogger(__name__)


def feed_manifests(folder: Path, there: Listing | None, more: Callable[[Intake], None]) -> Intake:
    """The manifests of a tap. A thread looks for new files each second, until ``folder`` is gone.

    Args:
        folder: of the query alone.
        there: what is not to be shown, as it is there already; None to show all.
        more: writes manifests of what has come since.
    """
    intake = Intake(Checkpoint(folder, "tap", 0))
    write_first_index(intake.folder, {file.partition: file.size for file in there.files} if there else {})
    Thread(target=_feed, args=[intake, more], name="tap", daemon=True).start()
    return intake


def _feed(intake: Intake, more: Callable[[Intake], None]) -> None:
    try:
        while intake.folder.is_dir():
            more(intake)
            time.sleep(1)
    except (OSError, ClickstreamError) as failed:
        if intake.folder.is_dir():  # or the tap has ended
            log.warning("tap: %s; no more files are looked for", failed)
