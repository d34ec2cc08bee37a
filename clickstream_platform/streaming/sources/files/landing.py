"""The landing folder as plain files: what is there, what a checkpoint has planned, what cannot be read. No JVM."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clickstream_platform.streaming.checkpoint import Checkpoint

DELETED = "deleted before it was read"


def listed(folder: Path) -> set[Path]:
    """Every file that the source would read: none whose name, or a folder's, begins with ``_`` or ``.``."""
    found: set[Path] = set()
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _is_visible(name)]
        found.update(Path(parent, name) for name in files if _is_visible(name))
    return found


def _is_visible(name: str) -> bool:
    # Spark takes "_a=1" for a partition's folder.
    return not (name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_"))


def planned(checkpoint: Checkpoint, start: dict[str, int] | None, end: dict[str, int] | None) -> set[Path]:
    """The files that the offsets ``start`` (excluded) to ``end`` (included) of a file source stand for."""
    first = start["logOffset"] + 1 if start else 0
    last = end["logOffset"] if end else -1
    log = checkpoint.path / "sources" / "0"
    return {path for entry, path in _entries(log, first, last) if first <= entry <= last}


def _entries(log: Path, first: int, last: int) -> Iterator[tuple[int, Path]]:
    """Spark compacts the log every ten entries: a compact file repeats all that came before it."""
    names = [file.name for file in log.iterdir()] if log.is_dir() else []
    compacted = max((int(n.removesuffix(".compact")) for n in names if n.endswith(".compact")), default=-1)
    plain = {int(name) for name in names if name.isdigit()}
    wanted = [str(n) for n in range(first, last + 1) if n in plain]
    if compacted >= first and any(n not in plain for n in range(first, min(last, compacted) + 1)):
        wanted.append(f"{compacted}.compact")
    for name in wanted:
        for line in (log / name).read_text().splitlines()[1:]:
            entry = json.loads(line)
            yield entry["batchId"], Path(unquote(urlsplit(entry["path"]).path))


def fault(file: Path) -> str | None:
    """Why a file cannot be read; None if it can.

    A gzip file is unpacked once more to find out, at some 200 MB/s. A broken one is refused whole: mended and landed
    again under another name, none of its events is there twice.
    """
    try:
        if file.suffix == ".gz":
            with gzip.open(file) as unpacked:
                while unpacked.read(1 << 20):
                    pass
        else:
            file.open("rb").close()
    except FileNotFoundError:
        return DELETED
    except (OSError, EOFError, zlib.error) as broken:
        return f"unreadable: {broken}"
    return None
