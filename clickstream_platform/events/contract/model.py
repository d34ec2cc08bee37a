"""What a contract of columns declares, as data. :mod:`.written` reads it from TOML."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Literal

import msgspec

from clickstream_platform.events import schema

Severity = Literal["reject", "count"]
PREFIX = "contract:"  # of a reason or a violation: contract:amount:range
DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
SQL = {
    "text": "string",
    "integer": "bigint",
    "boolean": "boolean",
    "time": "timestamp",
    "items": "string",  # the exact JSON text of a list: no field of a producer's item is lost, no digit rounded
}


class DeclaredColumn(msgspec.Struct, frozen=True):
    """A column that is declared.

    Attributes:
        name: what it is called in ``events``.
        type: ``text``, ``integer``, ``decimal(p,s)``, ``boolean``, ``time`` or ``items``.
        description: what it says.
        severity: what becomes of an event that breaks it: it is rejected, or kept and counted.
        required: whether every event must have it; or the event types that must.
        one_of: the values that it may have; any, if none is named.
        min: the least that it may be, as a text; no limit if None.
        max: the most.
        pattern: a regular expression that must be found in it; any text, if empty.
        paths: where a record has it, in order of preference.
    """

    name: str
    type: str
    description: str = ""
    severity: Severity = "count"
    required: bool | tuple[str, ...] = False
    one_of: tuple[Any, ...] = ()
    min: str | None = None
    max: str | None = None
    pattern: str = ""
    paths: tuple[str, ...] = ()

    @property
    def column(self) -> schema.Column:
        """What the table ``events`` says of the column."""
        return schema.Column(
            self.name, SQL.get(self.type, self.type), self.description or f"Declared: {self.type}.", self.type
        )

    def broken(self, rule: str) -> str:
        """What is said of an event that breaks a rule of this column."""
        return f"{PREFIX}{self.name}:{rule}"


class Contract(msgspec.Struct, frozen=True):
    """The columns that are declared, in their order."""

    name: str
    columns: tuple[DeclaredColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(each.name for each in self.columns)

    @property
    def label(self) -> str:
        """Its name and a hash of what it says: stands in the ledger."""
        return f"{self.name} {hashlib.sha256(msgspec.json.encode(self.columns)).hexdigest()[:12]}"
