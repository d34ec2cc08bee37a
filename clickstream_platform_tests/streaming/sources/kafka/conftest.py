"""A home over Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic


@pytest.fixture
def kafka(lab: Lab, topic: Topic) -> Lab:
    """A home that reads the test's topic."""
    return lab.reading(topic.url)
