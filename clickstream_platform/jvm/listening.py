"""Whether anything listens at an address: told in seconds, where Spark and Hive would try for minutes."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

TIMEOUT = 5.0  # seconds for one server; what listens answers in milliseconds


def local_address_towards(addresses: Iterable[str]) -> str:
    """This machine's own address on the way to the first of some servers, ``host:port``, that listens.

    Raises:
        ConnectionError: none does; says why of each.
    """
    failures: list[str] = []
    for address in addresses:
        parts = urlsplit(f"//{address}")
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 0), TIMEOUT) as connection:
                return connection.getsockname()[0]
        except OSError as failed:
            failures.append(f"{address}: {failed.strerror or failed}")
    raise ConnectionError("; ".join(failures))
