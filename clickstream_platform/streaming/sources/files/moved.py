"""A landing folder that was copied or moved: is it the one that a checkpoint has read?"""

from __future__ import annotations

from dataclasses import dataclass

from clickstream_platform.errors import SourceError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.known_files import replaced_files, resized_files, unread_files
from clickstream_platform.streaming.sources.files.landing import landing_at, place_read


@dataclass(frozen=True)
class SameFolder:
    """What shows that a folder is the one that was read.

    Attributes:
        same: files that were read and lie there under their old paths, with their old sizes.
        gone: files that were read and do not lie there: landing files may be deleted once they are read.
        unread: files that lie there and that no batch has read.
    """

    same: int
    gone: int
    unread: int


def prove_same_folder(checkpoint: Checkpoint, folder: Place) -> SameFolder:
    """Show that a folder is the one that a checkpoint has read, by every file that lies in it. Opens none.

    Of one of which no file was read yet, any folder takes the place: none can be read twice, or left out.

    Raises:
        SourceError: a file that was read has another size there; or none of them lies there, so that nothing is shown;
            or one that a batch has still to read does not.
    """
    if not folder.is_dir():
        raise SourceError(str(folder), "there is no such folder", "set CLICKSTREAM_SOURCE to where the files lie now")
    landing, intake = landing_at(folder), Intake(checkpoint)
    listing = landing.list_files()
    is_other_kind = place_read(landing, checkpoint) is None
    if not intake.folder.is_dir() or (is_other_kind and intake.has_files_in_log()):
        finding = "its checkpoint is of a version that names files by their whole paths"
        raise SourceError(
            str(folder), finding, "move the folder back, run `clickstream run events`, then move it again"
        )
    known = intake.known_files(folder)
    here = {file.partition: file.size for file in listing.files}
    if others := resized_files(listing, known):
        name, (before, now) = next(iter(others.items()))
        finding = f"{name} had {before:,} bytes when it was read, and has {now:,} here"
        raise _another(folder, finding)
    planned = intake.uncommitted(folder)
    if lacking := sorted(planned - here.keys()):
        raise _another(folder, f"{lacking[0]} is planned to be read, and is not here")
    if others := sorted(planned.intersection(replaced_files(listing, known))):
        raise _another(folder, f"{others[0]} is planned to be read, and another one of its size is here")
    read = known.sizes.keys()
    same = [name for name in read if name in here]
    if read and not any(here[name] and known.sizes[name] >= 0 for name in same):
        raise _another(folder, f"of the {len(read):,} files that were read none is here, so nothing shows that it is")
    return SameFolder(len(same), len(read) - len(same), len(unread_files(listing, known)))


def _another(folder: Place, finding: str) -> SourceError:
    remedy = "set CLICKSTREAM_SOURCE to the folder that was read, or begin anew with `clickstream reset`"
    return SourceError(f"{folder} is not known to be the folder that was read", finding, remedy)
