"""What is wrong with a file that cannot be read to its end."""

from __future__ import annotations


class Unreadable(Exception):  # noqa: N818 - a finding about a file, which stops no run
    """A file cannot be read to its end, so that none of its records count.

    Args:
        finding: what was found, to be put after the file's name.
        details: more of it: ``gzip``, ``cut off after 64,416 bytes``.
    """

    def __init__(self, finding: str, *details: str) -> None:
        self.finding = ": ".join([finding, *details])
        super().__init__(self.finding)


def finding(error: OSError) -> str:
    """What the system said of a file, in words."""
    if isinstance(error, FileNotFoundError):
        return "deleted before it was read"
    if isinstance(error, PermissionError):
        return "permission denied"
    return f"not readable: {error.strerror or error}"
