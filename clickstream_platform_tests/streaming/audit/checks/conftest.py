"""A home in which ``sessions`` or ``events`` has its first batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.streaming.audit.checks.batches import Batches, event, session


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings.model_validate({"home": tmp_path}))


@pytest.fixture
def sessions(home: Home) -> Batches:
    batches = Batches(home, "sessions")
    batches([session("a"), session("b")])
    return batches


@pytest.fixture
def events(home: Home) -> Batches:
    batches = Batches(home, "events")
    batches([event(0), event(1), event(0, "b.json")], rejected=1)
    return batches
