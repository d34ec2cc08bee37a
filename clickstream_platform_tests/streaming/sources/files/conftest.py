"""What tests of a folder's files share."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def peak() -> Callable[[Callable[[], Any]], tuple[Any, int]]:
    """Call a function: what it returns, and how many bytes of memory Python took for it at most."""

    def measured(call: Callable[[], Any]) -> tuple[Any, int]:
        tracemalloc.start()
        try:
            return call(), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured
