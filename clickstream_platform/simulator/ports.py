"""Ports of this machine for servers that start soon."""

from __future__ import annotations

import socket

HIGHEST = 65_535


def free_ports(count: int, *, beside: int = 0) -> list[int]:
    """Free ports of the loopback address, which no other program is given while their servers start.

    Each has just had a connection, so that the system keeps it in ``TIME_WAIT``, on Linux for 60 s. Who asks for any
    port does not get it; who asks for this one with ``SO_REUSEADDR``, as servers do, gets it. (As Yelp's
    ``ephemeral-port-reserve`` does.)

    Args:
        count: how many.
        beside: so far above each is another one that is free and kept, too.
    """
    found: list[int] = []
    while len(found) < count:
        port = _kept(0)
        if not beside or (port + beside <= HIGHEST and _is_kept(port + beside)):
            found.append(port)
    return found


def free_or(port: int) -> int:
    """This port, if a server can have it; otherwise one that is free."""
    return port if _is_kept(port) else _kept(0)


def _is_kept(port: int) -> bool:
    try:
        return _kept(port) == port
    except OSError:
        return False


def _kept(port: int) -> int:
    """A port (0: any that is free), left as ``TIME_WAIT``: the side that accepted closes first."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(1)
        with socket.socket() as client:
            client.connect(server.getsockname())
            server.accept()[0].close()
        return server.getsockname()[1]
