"""A small store, and a prefix in a bucket of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clickstream_platform.store.place import StorePath
from clickstream_platform.store.s3 import S3Access
from clickstream_platform.streaming.sources.files.manifest import write_manifest as write_manifest
from clickstream_platform_tests.small_store import SmallStore, small_store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with small_store() as found:
        yield found


@pytest.fixture
def place(store: SmallStore) -> StorePath:
    return StorePath.from_url("s3://bucket/in", S3Access(store.endpoint, region="us-east-1"))
