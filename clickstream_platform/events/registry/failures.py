"""What can be wrong with a registry, a schema and a body; and what becomes of an error on its way out of a task."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from clickstream_platform.errors import ClickstreamError, SourceError, UnreachableError

SUBJECT = "registry"  # of every error of a registry


class UnknownSchemaError(Exception):
    """The registry is there, and has no such schema."""


class UnreadSchemaError(Exception):
    """The text is no Avro schema, or one by which nothing can be read."""


class WrongBodyError(Exception):
    """The body is cut, too long, or not what its schema says."""


def registry_refusal(failure: BaseException | str) -> ClickstreamError | None:
    """The error of a registry that a failure of Spark was made of, of which only the text comes back; else None."""
    before, sign, text = str(failure).rpartition(f"Error: {SUBJECT}: ")
    parts = text.partition("\n")[0].split("; ", 1)
    if not sign or len(parts) < 2:
        return None
    kind = UnreachableError if before.endswith("Unreachable") else SourceError
    return kind(SUBJECT, *parts)


@contextmanager
def raise_registry_errors() -> Generator[None]:
    """Raise a registry's error in the place of the failure that Spark makes of it. Also around a function."""
    try:
        yield
    except Exception as failure:
        if refusal := registry_refusal(failure):
            raise refusal from failure
        raise
