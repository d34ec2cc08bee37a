"""How a batch changes its table: rows are only added, or each replaces the one with the same key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Append:
    """Rows are only added.

    Attributes:
        file_rows: where tasks read records: how many rows of one date a task writes into a file of the table by itself,
            at least; 0: it writes none.
    """

    file_rows: int = 0

    keys: ClassVar[tuple[str, ...]] = ()
    span: ClassVar[tuple[str, ...]] = ()
    revises: ClassVar[bool] = False
    file_size: ClassVar[int] = 100_000_000  # bytes

    def __str__(self) -> str:
        """What a batch commits, in words."""
        return "one append a batch, with its transaction"


@dataclass(frozen=True, init=False)
class Upsert:
    """A row replaces the one with the same key.

    Attributes:
        keys: the columns of the key; any of them may be null.
        span: the two columns between whose times all events of a row lie.
    """

    keys: tuple[str, ...]
    span: tuple[str, str]

    revises: ClassVar[bool] = True
    file_rows: ClassVar[int] = 0
    file_size: ClassVar[int] = 8_000_000  # bytes: a MERGE rewrites every file in which it changes a row

    def __init__(self, *keys: str, span: tuple[str, str]) -> None:
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "span", span)

    def __str__(self) -> str:
        """What a batch commits, in words."""
        return f"one MERGE a batch on ({', '.join(self.keys)}), with its transaction"


Sink = Append | Upsert
