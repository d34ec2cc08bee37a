"""``clickstream skip``: go on without a file of a landing folder, at which runs stop."""

from __future__ import annotations

from collections.abc import Mapping

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.known_files import unread_files
from clickstream_platform.streaming.sources.files.landing import landing_at


def skip(file: str, folders: Mapping[Place, Checkpoint]) -> str:
    """Go on without a file: the next run books it as refused, and does not open it.

    Args:
        file: its path within its folder, or a whole path.
        folders: where it may lie, each with the checkpoint of ``events`` for it; at least one.

    Returns:
        Its path within its folder, as it is booked.

    Raises:
        SourceError: there is no such file in any of them, or it was read already.
        SettingsError: it waits in several.
    """
    looked_in = {folder: folders[folder] for folder in folders if landing_at(folder).has(file)} or folders
    waiting = [folder for folder, checkpoint in looked_in.items() if _waits(file, folder, checkpoint)]
    if len(waiting) > 1:
        paths = " or ".join(str(folder / file) for folder in waiting)
        raise SettingsError("FILE", f"{file} waits in {len(waiting)} folders", f"say which: {paths}")
    if not waiting:
        raise _not_there(file, looked_in)
    partition = _partition_within(file, waiting[0])
    Intake(folders[waiting[0]]).skip(partition, "left out by `clickstream skip`")
    return partition


def _waits(file: str, folder: Place, checkpoint: Checkpoint) -> bool:
    intake = Intake(checkpoint)
    there = {each.partition for each in unread_files(landing_at(folder).list_files(), intake.known_files(folder))}
    return _partition_within(file, folder) in there | intake.uncommitted(folder)


def _not_there(file: str, looked_in: Mapping[Place, Checkpoint]) -> SourceError:
    was_read = any(
        _partition_within(file, each) in Intake(of).known_files(each).sizes for each, of in looked_in.items()
    )
    finding = "it was read already" if was_read else "no such file waits to be read"
    places = " or ".join(map(str, looked_in))
    return SourceError(file, finding, f"name a file as it lies in {places}")


def _partition_within(file: str, folder: Place) -> str:
    return landing_at(folder).partition_of(file)
