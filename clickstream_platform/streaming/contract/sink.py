"""How a batch's rows join a table: they are only added, or a row replaces the one with the same key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Append:
    """Rows are only added. Output mode: append."""

    output_mode = "append"

    def __str__(self) -> str:
        """How a batch lands."""
        return "one append a batch, with its transaction"


@dataclass(frozen=True, init=False)
class Upsert:
    """A row replaces the one with the same key. Output mode: update.

    Attributes:
        keys: the columns of the key; any of them may be null.
        span: the two columns between whose times all events of a row lie.
    """

    keys: tuple[str, ...]
    span: tuple[str, str]
    output_mode = "update"

    def __init__(self, *keys: str, span: tuple[str, str]) -> None:
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "span", span)

    def __str__(self) -> str:
        """How a batch lands."""
        return f"one MERGE a batch on ({', '.join(self.keys)}), with its transaction"


Sink = Append | Upsert
