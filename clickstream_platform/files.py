"""Small files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: str | bytes, not_before_ns: int = 0) -> None:
    """Write a file so that whoever reads it finds the old content or the new one, whenever the writer was killed.

    Written beside it under a name that begins with a dot, synced, and renamed. A full disk leaves the old file as it
    was. Makes the folder, if there is none.

    Args:
        path: the file.
        content: what is to be in it.
        not_before_ns: the earliest modification time that it may have, in nanoseconds since 1970.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    try:
        with hidden.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if os.fstat(file.fileno()).st_mtime_ns < not_before_ns:
                os.utime(file.fileno(), ns=(not_before_ns, not_before_ns))
            os.fsync(file.fileno())
        hidden.replace(path)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or the name may be lost with the power
    finally:
        os.close(folder)
