"""What tests of duplicates by ``event_id`` alone share."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clickstream_platform_tests.conftest import KINDS, Lab


@pytest.fixture
def by_id(lab: Lab) -> Lab:
    """A lab in which an id alone makes a copy, within a day; a table of each kind."""
    return lab.reading("", duplicates="event_id", duplicate_span=timedelta(days=1)).only(*KINDS)
