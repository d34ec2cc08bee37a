"""What becomes of every case of :mod:`.record_cases`."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream_platform_tests.events.reading import read_all
from clickstream_platform_tests.events.record_cases import CASES


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, Any]]:
    """Every case, in one column."""
    return read_all([case.value for case in CASES])
