"""An object that several change: nobody's change is lost, and nobody tries for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.store.compare_and_swap import ATTEMPTS, ContendedError, update_object
from clickstream_platform.store.place import StorePath


@pytest.fixture
def path(store: Seaweed, place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePath]:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    path = StorePath.from_url(f"{place}/object", store.access)
    yield path
    path.unlink()


def test_who_was_overtaken_changes_what_is_there_then(path: StorePath) -> None:
    seen: list[bytes | None] = []

    def appended(content: bytes | None) -> tuple[bytes, int]:
        seen.append(content)
        if len(seen) == 1:
            path.write(b"theirs")  # another process, in between
        return (content or b"") + b", ours", len(seen)

    assert update_object(path, appended) == 2
    assert seen == [None, b"theirs"]
    assert path.read_bytes() == b"theirs, ours"


def test_who_is_overtaken_each_time_gives_up(path: StorePath) -> None:
    calls: list[bytes | None] = []

    def overtaken(content: bytes | None) -> tuple[bytes, None]:
        calls.append(content)
        path.write(b"%d" % len(calls))
        return b"ours", None

    with pytest.raises(ContendedError, match="others change"):
        update_object(path, overtaken)
    assert len(calls) == ATTEMPTS
