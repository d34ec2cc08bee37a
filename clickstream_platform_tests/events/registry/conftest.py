"""One registry for the tests that change nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clickstream_platform_tests.schema_registry import SchemaRegistry, started


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchemaRegistry]:
    with started(tmp_path_factory.mktemp("registry")) as found:
        yield found
