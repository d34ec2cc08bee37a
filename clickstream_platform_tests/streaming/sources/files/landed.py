"""Files of a landing folder, and how they are listed."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.streaming.sources.files.listing import list_folder


def partitions_of(folder: Path) -> list[str]:
    return [file.partition for file in list_folder(folder).files]


def put(path: Path, content: bytes = b"{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
