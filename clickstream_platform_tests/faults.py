"""Faults at the one door to the tables: the n-th write of a block fails, before or after its commit."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from clickstream_platform.streaming.lake import writer

WRITES = ("append", "merge", "note", "overwrite")


class InjectedError(Exception):
    """The fault that a test injects."""


@contextmanager
def fault(nth: int, when: str) -> Generator[None]:
    """The n-th write of the block fails, before or after its commit."""
    writes = 0

    def failing(write: Callable[..., None]) -> Callable[..., None]:
        def attempt(*arguments: Any, **named: Any) -> None:
            nonlocal writes
            fails = writes == nth
            writes += 1
            if fails and when == "before":
                raise InjectedError
            write(*arguments, **named)
            if fails:
                raise InjectedError

        return attempt

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(writer, name, failing(getattr(writer, name)))
        yield
