"""Ports for servers that start soon."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import ExitStack

import pytest

from clickstream_platform.simulator.ports import free_or, free_ports

BESIDE = 10_000


@pytest.fixture
def held() -> Generator[ExitStack]:
    """Whatever a test holds, for as long as it lasts."""
    with ExitStack() as sockets:
        yield sockets


def listening(held: ExitStack, port: int = 0) -> int:
    """The port of a server that listens on this one, or on any."""
    server = held.enter_context(socket.socket())
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server.getsockname()[1]


def test_nobody_who_asks_for_any_port_gets_one_that_is_kept(held: ExitStack) -> None:
    kept = free_ports(200, beside=BESIDE)

    given = {listening(held) for _ in range(500)}

    assert not given & {*kept, *(port + BESIDE for port in kept)}


def test_a_server_gets_the_ports_that_are_kept_for_it(held: ExitStack) -> None:
    for port in free_ports(20, beside=BESIDE):
        assert listening(held, port) == port
        assert listening(held, port + BESIDE) == port + BESIDE


def test_a_port_is_kept_again_unless_somebody_listens_there(held: ExitStack) -> None:
    (left,) = free_ports(1)
    taken = listening(held)

    assert free_or(left) == left
    assert free_or(taken) != taken
