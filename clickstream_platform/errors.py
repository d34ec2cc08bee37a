"""What can go wrong, sorted by who can mend it.

Every error a user may see names the subject (a table, a variable, a file), the finding and the remedy, and says so in
one sentence each.
"""

from __future__ import annotations


class ClickstreamError(Exception):
    """Something a person can mend; a second attempt alone would find the same.

    Args:
        subject: what it is about: a table, a variable, a folder.
        finding: what was found there.
        remedy: what to do about it.
    """

    def __init__(self, subject: str, finding: str, remedy: str) -> None:
        self.subject = subject
        self.finding = finding
        self.remedy = remedy
        super().__init__(subject, finding, remedy)

    def __str__(self) -> str:
        """One line: ``subject: finding; remedy``."""
        return f"{self.subject}: {self.finding}; {self.remedy}"


class SettingsError(ClickstreamError):
    """A setting has a value that is not allowed. Raised before any JVM starts."""


class SetupError(ClickstreamError):
    """This machine lacks something: Java, the jars, room on the disk."""


class SourceError(ClickstreamError):
    """The source cannot be read as it is configured."""


class DataLossError(SourceError):
    """The source no longer has what no batch has read. Going on without it is a person's decision."""


class QueryError(ClickstreamError):
    """A question in SQL that cannot be answered as it was put.

    Args:
        subject: what it is about.
        finding: what was found there.
        remedy: what to do about it.
        place: the line of the statement, and below it a caret under the word; empty where no word is to blame.
    """

    def __init__(self, subject: str, finding: str, remedy: str, place: str = "") -> None:
        self.place = place
        super().__init__(subject, finding, remedy)

    def __str__(self) -> str:
        """One line, and the place below it."""
        return f"{super().__str__()}\n{self.place}" if self.place else super().__str__()


class DeliveryError(ClickstreamError):
    """Alerts cannot be written down for delivery; going on would lose them."""


class CheckpointError(ClickstreamError):
    """A checkpoint and its table do not belong together; going on would lose or double rows."""


class DamageError(ClickstreamError):
    """A file of the lake is gone, or not as it was written."""


class LayoutError(ClickstreamError):
    """The lake is of a newer version of this program, or a command that changes it as a whole was stopped midway."""


class BackupError(ClickstreamError):
    """A backup is damaged or unfinished, or it or a restore would be written over something."""


class CatalogError(ClickstreamError):
    """A catalog cannot take the tables under these names."""


class StateError(ClickstreamError):
    """A table's state store holds more rows than it may."""


# Answers of HTTP that a later attempt may not get: too slow, too early, too many, or a server that is not itself.
RETRYABLE_STATUSES = (408, 425, 429, 500, 502, 503, 504)


class RetryableError(ClickstreamError):
    """A later attempt may succeed by itself. Only ``defs/`` decides to retry."""


class TableBusyError(RetryableError):
    """Another run holds the lease of the table."""


class UnreachableError(RetryableError):
    """The source, or the cluster that is to do the work, does not answer."""
