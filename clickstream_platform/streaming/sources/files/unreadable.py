"""What is wrong with a file that cannot be read to its end."""

from __future__ import annotations

DELETED, DENIED = "deleted before it was read", "permission denied"
REPLACED = "replaced after it was listed"
NO_KEY = "no client asks for such a key: a part of it is empty, . or .., or it has control characters"
OF_THE_READER = (DELETED, DENIED)
"""What one process may find of a file, and another not."""


class Unreadable(Exception):  # noqa: N818 - a finding about a file, which stops no run
    """A file cannot be read to its end, so that none of its records count.

    Args:
        finding: what was found, to be put after the file's name.
        details: more of it: ``gzip``, ``cut off after 64,416 bytes``.
    """

    def __init__(self, finding: str, *details: str) -> None:
        self.finding = ": ".join([finding, *details])
        super().__init__(self.finding)


def system_finding(error: OSError) -> str:
    """What the system said of a file, in words."""
    if isinstance(error, FileNotFoundError):
        return DELETED
    if isinstance(error, PermissionError):
        return DENIED
    return f"not readable: {error.strerror or error}"
