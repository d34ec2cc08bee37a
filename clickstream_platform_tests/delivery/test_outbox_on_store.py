"""The outbox of a lake on a real store: a file that several fetch, change and put back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clickstream_platform.delivery.outbox import Alert, Outbox
from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake.places import Lake


@pytest.fixture
def outbox(store: Seaweed, place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    root = StorePath.from_url(place, store.access)
    yield Outbox.of(Lake(root))
    root.remove_all()


def alert(number: int) -> Alert:
    return Alert(f"{number:032d}", "alerts", {"user_id": f"u{number % 2}"})


def test_of_those_who_note_at_once_nobody_overwrites_another(outbox: Outbox) -> None:
    with ThreadPoolExecutor(6) as threads:
        for noted in [threads.submit(outbox.note, [alert(number)], ["webhook"]) for number in range(12)]:
            noted.result()

    assert sorted(each.key for each in outbox.waiting("webhook", 100)) == [alert(number).key for number in range(12)]


def test_what_is_told_is_told_and_who_is_forgotten_is_gone_from_its_bytes(outbox: Outbox) -> None:
    outbox.note([alert(0), alert(1)], ["webhook"])
    outbox.note([alert(0)], ["webhook"])  # as a batch that was killed announces it again
    outbox.tried("webhook", alert(0), None)

    (status,) = outbox.status()
    assert (status.delivered, status.waiting) == (1, 1)
    assert b"u1" in outbox.path.read_bytes()
    outbox.erase("u1")
    assert b"u1" not in outbox.path.read_bytes()
