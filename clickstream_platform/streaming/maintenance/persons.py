"""Whom to forget, as a file says it."""

from __future__ import annotations

from clickstream_platform.errors import SettingsError

AT_ONCE = 10_000  # persons: each rejected record takes 5 ms then, and the proof 0.6 MB


def ids_in(content: bytes, name: str) -> list[str]:
    """The ids of a file, one a line, each once. Blank lines are none; spaces beside an id are part of it.

    Raises:
        SettingsError: it is no UTF-8, or has no id.
    """
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise SettingsError("--from-file", f"line {line} of {name} is no UTF-8", "write it as UTF-8") from wrong
    ids = [*dict.fromkeys(line for each in lines if (line := each.removesuffix("\r")).strip())]
    if not ids:
        raise SettingsError("--from-file", f"{name} has no id in it", "write one user_id a line")
    return ids
