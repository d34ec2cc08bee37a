"""A Spark cluster as a session's place: is its master there, and which confs does a session need.

What is on the workers is asked by :mod:`.workers`, once there are any.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clickstream_platform.errors import UnreachableError
from clickstream_platform.jvm.listening import local_address_towards

if TYPE_CHECKING:
    from clickstream_platform.settings import Settings

STANDALONE = "spark://"
ANYWHERE = "0.0.0.0"


def cluster_conf(settings: Settings, jars: Sequence[Path]) -> dict[str, str]:
    """The confs of a session on a cluster, beside those of any session. Asks the master of ``spark://`` for an answer.

    Raises:
        UnreachableError: no master listens.
    """
    own = own_address(settings.spark_master)
    host = settings.spark_driver_host or own
    driver = {"spark.driver.host": host, "spark.driver.bindAddress": _to_bind(host)} if host else {}
    return {
        # The driver finds them where they are, every executor fetches them from the driver.
        "spark.driver.extraClassPath": ":".join(str(jar) for jar in jars),
        "spark.jars": ",".join(jar.as_uri() for jar in jars),
        **driver,
        "spark.driver.port": str(settings.spark_driver_port),
        "spark.blockManager.port": str(settings.spark_block_manager_port),
    }


def own_address(master: str) -> str:
    """This machine's address on the way to the master, which it asks for; empty if the master is no ``spark://``.

    Raises:
        UnreachableError: none of the masters listens. Found out in seconds, where Spark would try for a minute.
    """
    if not master.startswith(STANDALONE):
        return ""
    try:
        own = local_address_towards(master.removeprefix(STANDALONE).split(","))
    except ConnectionError as failed:
        remedy = "start it, or set CLICKSTREAM_SPARK_MASTER; local[*] is this machine alone"
        raise UnreachableError("spark", f"no master answers ({failed})", remedy) from failed
    return f"[{own}]" if ":" in own else own


def start_refusal(master: str, failure: Exception) -> UnreachableError:
    """What kept a session from starting on a cluster whose master does listen."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    reason = next((line for line in lines if "Exception" in line or "Error" in line), lines[0] if lines else "")
    return UnreachableError(
        master, f"it gave no session ({reason})", "see its log; it must be of the same version of Spark"
    )


def _to_bind(host: str) -> str:
    """The address to listen at: the one that is told to the workers, or all if that one is not this machine's own."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.bind(address)
    except OSError:
        return ANYWHERE
    return host
