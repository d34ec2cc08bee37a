"""``--lake=store``: the lakes of the tests lie on an object store, and what is about a folder alone is skipped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials
from clickstream_platform_tests.azurite import Azurite

AnyStore = Seaweed | Azurite
_stores: list[AnyStore] = []  # the one that the lakes are on, if they are


@contextmanager
def lakes_on(store: AnyStore) -> Generator[None]:
    """Within the block the lake of every ``Lab`` lies on this store."""
    with lend_credentials(store):
        _stores.append(store)
        yield
        _stores.remove(store)


def placed(settings: Settings) -> Settings:
    """The settings with a lake on the store, one for each home, if that is where lakes lie and none is named."""
    if not _stores:
        return settings
    (store,) = _stores
    ours = store.address("of-homes/")
    if settings.lake and not settings.lake.startswith(ours):
        return settings
    lake = ours + sha256(str(settings.home).encode()).hexdigest()[:16]
    return settings.model_copy(update={"lake": lake, "store_endpoint": store.endpoint, "store_allow_http": True})


def needs_a_folder(reason: str) -> None:
    """Skip the test if lakes are not folders, and say what in it is about one."""
    if _stores:
        pytest.skip(f"about a lake in a folder: {reason}")
