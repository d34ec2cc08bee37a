"""What became of an error of :mod:`.client` on its way out of a task, where nothing but text comes back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from clickstream_platform.errors import ClickstreamError, SourceError, UnreachableError

SUBJECT = "registry"  # of every error of a registry


def refusal(failure: BaseException | str) -> ClickstreamError | None:
    """The error that a failure of Spark was made of; None if it was another one."""
    before, sign, text = str(failure).rpartition(f"Error: {SUBJECT}: ")
    parts = text.partition("\n")[0].split("; ", 1)
    if not sign or len(parts) < 2:
        return None
    kind = UnreachableError if before.endswith("Unreachable") else SourceError
    return kind(SUBJECT, *parts)


@contextmanager
def plainly() -> Generator[None]:
    """Raise a registry's error in the place of the failure that Spark makes of it. Also around a function."""
    try:
        yield
    except Exception as failure:
        if found := refusal(failure):
            raise found from failure
        raise
