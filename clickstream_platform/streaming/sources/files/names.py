"""A file's path within the source as text, and back. The same under every locale.

The system takes a path as bytes, the column ``partition`` as text. Nearly all paths are UTF-8 and stay as they are;
any other is written in percent escapes behind two slashes, with which no path within a folder begins.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_ESCAPED = "//"
_SEPARATED = re.compile(r"\.(csv|tsv)(\.[a-z0-9]{2,8})?\Z", re.IGNORECASE)  # the second ending is a codec's, if any


def partition_of(name: bytes) -> str:
    """The partition of the file at a path within the source."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return _ESCAPED + quote_from_bytes(name)


def name_of(partition: str) -> bytes:
    """The path within the source that a partition stands for."""
    if partition.startswith(_ESCAPED):
        return unquote_to_bytes(partition.removeprefix(_ESCAPED))
    return partition.encode("utf-8")


def path_of(folder: Path, partition: str) -> Path:
    """Where the file of a partition lies."""
    return folder / os.fsdecode(name_of(partition))


def declared_by_name(declared: str, partition: str) -> str:
    """How a text is to be read, its name considered: ``named csv`` and ``named tsv`` say that its content decides.

    Args:
        declared: how its source says that texts are to be read. The name counts only if that is ``auto``.
        partition: the file.
    """
    ending = _SEPARATED.search(partition) if declared == "auto" else None
    return f"named {ending[1].lower()}" if ending else declared


# Who writes a file under such a name renames it when it is done: Hadoop, rsync, browsers, WinSCP, Flink, many a script.
UNFINISHED = (b"._copying_", b".tmp", b".part", b".partial", b".filepart", b".crdownload", b".inprogress")


def is_visible(name: bytes) -> bool:
    """Whether a file or folder of that name is looked at."""
    # "_a=1" is a folder of a partitioned data set.
    is_hidden = name.startswith(b".") or (name.startswith(b"_") and b"=" not in name)
    return not (is_hidden or name.lower().endswith(UNFINISHED))


def is_marker(name: bytes) -> bool:
    """Whether a hidden name is one that tools leave beside data: Hadoop's checksums, or a desktop's notes."""
    return name.endswith(b".crc") or name in (b".DS_Store", b"_SUCCESS", b".gitkeep", b".keep")
