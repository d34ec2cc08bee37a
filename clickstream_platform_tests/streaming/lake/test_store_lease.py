"""Leases on a real store, among real processes that are killed, stopped and let go on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform_tests.lease_holder import Holder

TTL = 2.0
Start = Callable[[], Holder]


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    started: list[Holder] = []
    yield started
    for each in started:
        each.signalled(signal.SIGKILL)


@pytest.fixture
def stranger(store: Seaweed, place: str, holders: list[Holder]) -> Start:
    """Start a process of which others cannot tell whether it lives, as on another host."""
    return lambda: _started(store, place, holders, stranger=True)


@pytest.fixture
def neighbour(store: Seaweed, place: str, holders: list[Holder]) -> Start:
    """Start a process of this host."""
    return lambda: _started(store, place, holders, stranger=False)


def _started(store: Seaweed, place: str, holders: list[Holder], *, stranger: bool) -> Holder:
    holders.append(found := Holder.started(place, store.endpoint, TTL, store.environment, stranger=stranger))
    return found


def test_one_that_is_held_is_refused_before_it_could_have_run_out(stranger: Start) -> None:
    one, other = stranger(), stranger()
    assert one.told("take")["fence"] == 1

    refused = other.told("take")

    assert f"run of {one.process.pid} holds it (pid {one.process.pid} on" in refused["busy"]
    assert refused["seconds"] < TTL


def test_one_that_is_let_go_is_free_at_once_and_its_number_grows(stranger: Start) -> None:
    one, other = stranger(), stranger()
    one.told("take")
    one.told("let go")

    taken = other.told("take")

    assert taken["fence"] == 2
    assert taken["seconds"] < TTL / 2


def test_a_killed_holder_is_waited_for_as_long_as_its_lease_lasts_and_no_longer(stranger: Start) -> None:
    one, other = stranger(), stranger()
    one.told("take")
    one.signalled(signal.SIGKILL)

    taken = other.told("take")

    assert taken["fence"] == 2
    assert TTL <= taken["seconds"] < 2 * TTL


def test_a_killed_holder_of_this_host_is_not_waited_for(neighbour: Start) -> None:
    one, other = neighbour(), neighbour()
    one.told("take")
    one.signalled(signal.SIGKILL)

    taken = other.told("take")

    assert taken["fence"] == 2
    assert taken["seconds"] < TTL / 2


def test_a_stopped_holder_that_is_let_go_on_finds_out_before_it_does_anything(stranger: Start) -> None:
    one, other = stranger(), stranger()
    one.told("take")
    one.signalled(signal.SIGSTOP)
    assert other.told("take")["fence"] == 2
    one.signalled(signal.SIGCONT)

    lost = one.told("go on")

    assert "another took it over; nothing more is written by this run" in lost["busy"]
    assert other.told("go on")["held"]
    one.told("let go")  # which does not free the lease of the other
    assert "holds it" in stranger().told("take")["busy"]


def test_a_stopped_holder_that_nobody_missed_goes_on(stranger: Start) -> None:
    one = stranger()
    one.told("take")
    one.signalled(signal.SIGSTOP)
    time.sleep(TTL)
    one.signalled(signal.SIGCONT)

    assert one.told("go on")["held"]


def test_of_many_that_wait_for_a_killed_holder_one_gets_it(stranger: Start) -> None:
    one, *others = [stranger() for _ in range(6)]
    one.told("take")
    one.signalled(signal.SIGKILL)

    with ThreadPoolExecutor(5) as threads:
        taken = list(threads.map(lambda other: other.told("take"), others))

    assert [each["fence"] for each in taken if "fence" in each] == [2]
    assert len([each for each in taken if "holds it" in each.get("busy", "")]) == 4
