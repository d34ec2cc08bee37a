"""What is wrong with a file that cannot be read to its end."""

from __future__ import annotations

DELETED, DENIED = "deleted before it was read", "permission denied"
REPLACED = "replaced after it was listed"
NO_KEY = "no client asks for such a key: a part of it is empty, . or .., or it has control characters"
OF_THE_READER = (DELETED, DENIED)
"""What one process may find of a file, and another not."""

_MEND = "mend it and land it again under another name"
_UNPACK = "unpack it and land it again under another name"
_EXPORT = "export it as Parquet or JSON lines, and land that"
_IF_EVENTS = "if it has events, export them as JSON lines, and land these; else move it away"
# By what a finding says: the first that is in it.
_REMEDIES = {
    " archive": "unpack it and land the files that are in it",
    ": it begins like a Parquet file": _UNPACK,  # Parquet is packed within
    "in another": _UNPACK,
    "which is not read": _UNPACK,
    "of a codec that is not read": _UNPACK,
    "an Avro file": _EXPORT,
    "single-object encoding": _EXPORT,
    "an ORC file": _EXPORT,
    "an Arrow file": _EXPORT,
    "a Hadoop sequence file": _EXPORT,
    "an SQLite database": _EXPORT,
    "a serialized Java object": _EXPORT,
    "a Python pickle": _EXPORT,
    "an old Office document": "export it as CSV, and land that",
    "UTF-16 without a byte order mark": "convert it, with iconv -f UTF-16LE -t UTF-8 or -f UTF-16BE, and land that",
    "ncrypted": "decrypt it and land it again under another name",
    "not text": _IF_EVENTS,
    "an HTML page": "fetch the file that it stands in place of, and land that under another name",
    "an XML document": "if it is an error of a store or a proxy, fetch the file again and land it under another name; "
    "if it has events, export them as JSON lines, and land these",
    "an HTTP response": "save its body alone, as curl does without -i, and land it under another name",
    "a dump of a database": "load it into a database, export the table as CSV, and land that",
    "no records": f"{_IF_EVENTS}; CLICKSTREAM_FORMAT=lines reads it line by line",
    "two files, one after the other": "land each by itself",
    DELETED: "land it again under another name, if its events are wanted",
    DENIED: "let the process read it, and land it again under another name",
    "still being written": "land it again under another name, which ends in .tmp till it is done",
    "it has no header": "give it a header of names, and land it again under another name",
    "carriage returns alone": "give it newlines, as tr '\\r' '\\n' does, and land it again under another name",
}


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


def remedy_of(finding: str) -> str:
    """What a person does about a file of which this was found."""
    return next((remedy for sign, remedy in _REMEDIES.items() if sign in finding), _MEND)
