"""This package as one file, which the workers of a cluster import it from: nobody needs to install it there."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import sys
import time
import zipfile
from pathlib import Path

from clickstream_platform.files import write_whole

ROOT = Path(__file__).parents[1]
UNUSED = 30 * 24 * 3600  # seconds; an executor that starts late in a long session still fetches its file
UNCHECKED = 1  # of a compiled module: by its hash, and nobody compares that
_THEN = (1980, 1, 1, 0, 0, 0)  # the same content is the same file


def package_zip(cache: Path) -> Path:
    """The zip of the package as it is now, made in ``cache`` unless it is there. Some 0.5 s, once a version.

    Raises:
        OSError: the cache cannot be written.
    """
    files = {file.relative_to(ROOT.parent).as_posix(): file.read_bytes() for file in sorted(_files())}
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    content = hashlib.sha256(minor.encode())
    for name, data in files.items():
        content.update(f"{len(name)} {len(data)} {name}".encode() + data)
    place = cache / "packages" / f"{ROOT.name}-{content.hexdigest()[:12]}.zip"
    if place.is_file():
        os.utime(place)  # it is in use: see UNUSED
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, _zipped(files))
    for other in place.parent.glob(f"{ROOT.name}-*.zip"):
        if other != place and other.stat().st_mtime < time.time() - UNUSED:
            other.unlink(missing_ok=True)
    return place


def _files() -> list[Path]:
    return [file for file in ROOT.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def _zipped(files: dict[str, bytes]) -> bytes:
    """The files, and of each module what Python compiles it to: a process that imports from a zip keeps nothing."""
    from io import BytesIO  # noqa: PLC0415

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _THEN), data)
            if name.endswith(".py"):
                archive.writestr(zipfile.ZipInfo(f"{name}c", _THEN), _compiled(name, data))
    return buffer.getvalue()


def _compiled(name: str, source: bytes) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True)
    flags = UNCHECKED.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)
