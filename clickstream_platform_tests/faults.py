"""At the one door to the tables: something happens at the n-th write of a block, before or after its commit."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake import writer

WRITES = ("append", "add_files", "merge", "commit_entry", "overwrite", "rewrite_date")


class InjectedError(Exception):
    """The fault that a test injects."""


@contextmanager
def at_write(nth: int, when: str, happens: Callable[[], object], table: str = "") -> Generator[None]:
    """Once, at the n-th write of the block, counted from 0; only writes to the table count, if one is named."""
    writes = 0

    def watched(write: Callable[..., Any]) -> Callable[..., Any]:
        def attempt(*arguments: Any, **named: Any) -> Any:
            nonlocal writes
            counts = not table or table in (each.name for each in arguments if isinstance(each, Path | StorePath))
            is_it = counts and writes == nth
            writes += counts
            if is_it and when == "before":
                happens()
            written = write(*arguments, **named)
            if is_it and when == "after":
                happens()
            return written

        return attempt

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(writer, name, watched(getattr(writer, name)))
        yield


@contextmanager
def fault(nth: int, when: str) -> Generator[None]:
    """The n-th write of the block fails, before or after its commit."""

    def fails() -> None:
        raise InjectedError

    with at_write(nth, when, fails):
        yield
