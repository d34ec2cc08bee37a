"""A table that another table's batches write beside it."""

from __future__ import annotations

from dataclasses import dataclass

from clickstream_platform.events.schema import Schema


@dataclass(frozen=True)
class SideTable:
    """A Delta table whose rows come with the batches of the contract that declares it, a commit a batch.

    Attributes:
        name: its folder in the lake and its key in Dagster. No two contracts may declare the same.
        description: its grain, in one sentence.
        schema: its columns.
        required: the columns that are never null.
        time: the column whose time a row is found by, and leaves by.
    """

    name: str
    description: str
    schema: Schema
    required: tuple[str, ...]
    time: str
