"""``--lake=store``: the lakes of the tests lie on an object store, and what is about a folder alone is skipped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials
from clickstream_platform.store.place import StorePath
from clickstream_platform_tests.azurite import Azurite
from clickstream_platform_tests.google_bucket import GoogleBucket

AnyStore = Seaweed | Azurite | GoogleBucket
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
    lake = ours + _prefix_of(settings.home)
    return settings.model_copy(update={"lake": lake, "store_endpoint": store.endpoint, "store_allow_http": True})


def _prefix_of(home: Path) -> str:
    """One of its own, told by a file beside the home: pytest gives a folder's name again when the folder is gone."""
    told = home.with_name(f"{home.name}.on-store")
    if not told.exists():
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(token_hex(8))
    return told.read_text()


def place_on(endpoint: str, address: str) -> StorePath:
    """The place of an address on a store of any kind, without TLS."""
    return StorePath.from_url(address, Settings(store_endpoint=endpoint, store_allow_http=True).access_to(address))


def needs_a_folder(reason: str) -> None:
    """Skip the test if lakes are not folders, and say what in it is about one."""
    if _stores:
        pytest.skip(f"about a lake in a folder: {reason}")
