"""Topics of the tests' broker: made, filled, emptied and made again, as producers and operators do."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    NewPartitions,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in its __all__
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
)

from clickstream_platform.broker import Broker
from clickstream_platform.machine import require_java

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future


USER, PASSWORD = "clicks", 's3cret"with\\signs'


def secured(folder: Path) -> dict[str, str]:
    """Properties of a broker that also listens where one must log in, and where it shows a certificate.

    The certificate is made here, by Java's own tool: ``certificate.pem`` of the folder.
    """
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        login_port, tls_port = (each.getsockname()[1] for each in (one, other))
    return {
        "listeners": f"LOGIN://127.0.0.1:{login_port},TLS://127.0.0.1:{tls_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,TLS:SSL",
        **_with_password(),
        **_with_certificate(folder),
    }


def listener(broker: Broker, name: str) -> str:
    """``host:port`` of one of a secured broker's listeners."""
    found = dict(each.split("://") for each in broker.properties["listeners"].split(","))
    return found[name]


def _with_certificate(folder: Path) -> dict[str, str]:
    keys = folder / "keys.p12"
    java = [str(require_java().path.with_name("keytool")), "-keystore", str(keys), "-storepass", PASSWORD]
    make = ["-genkeypair", "-alias", "b", "-keyalg", "RSA", "-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"]
    for command in (make, ["-exportcert", "-rfc", "-alias", "b", "-file", str(folder / "certificate.pem")]):
        subprocess.run([*java, *command], check=True, capture_output=True)
    of = "listener.name.tls.ssl"
    password = PASSWORD.replace("\\", "\\\\")
    return {f"{of}.keystore.type": "PKCS12", f"{of}.keystore.location": str(keys)} | {
        f"{of}.{name}.password": password for name in ("keystore", "key")
    }


def _with_password() -> dict[str, str]:
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{password}";'
    return {
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": login.replace("\\", "\\\\"),
    }


@dataclass
class Topic:
    """One topic, and whoever writes to it."""

    address: str
    name: str
    _admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self._admin = AdminClient({"bootstrap.servers": self.address, "reconnect.backoff.max.ms": 200, "log_level": 0})

    @property
    def url(self) -> str:
        return f"kafka://{self.address}/{self.name}"

    def made(self, partitions: int = 2, **config: str) -> Topic:
        topic = NewTopic(self.name, partitions, config={k.replace("_", "."): v for k, v in config.items()})
        self._await(self._admin.create_topics([topic]))
        return self

    def remade(self, partitions: int = 2) -> Topic:
        """Deleted, and made again under its name."""
        self.deleted()
        deadline = time.monotonic() + 10
        while self.name in self._admin.list_topics(timeout=5).topics:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self.made(partitions)

    def deleted(self) -> None:
        self._await(self._admin.delete_topics([self.name]))

    def widened(self, partitions: int) -> None:
        self._await(self._admin.create_partitions([NewPartitions(self.name, partitions)]))

    def forget(self, partition: int, before: int) -> None:
        """Let go of a partition's offsets, as retention does."""
        self._await(self._admin.delete_records([TopicPartition(self.name, partition, before)]))

    def send(
        self, *records: dict[str, Any] | bytes | None, partition: int = 0, aborted: bool | None = None, **about: Any
    ) -> None:
        """Records in this order; with ``aborted``, in a transaction that is aborted or, if false, committed."""
        own: dict[str, Any] = {} if aborted is None else {"transactional.id": f"{self.name}-{time.monotonic_ns()}"}
        own |= {"message.max.bytes": 2_000_000, "batch.num.messages": 10}  # the broker hands out whole batches
        producer = Producer({"bootstrap.servers": self.address, "log_level": 0, **own})
        if aborted is not None:
            producer.init_transactions(10)
            producer.begin_transaction()
        for value in _bytes(records):
            producer.produce(self.name, value, partition=partition, **about)
            producer.poll(0)
        assert producer.flush(10) == 0
        if aborted is not None:
            (producer.abort_transaction if aborted else producer.commit_transaction)(10)

    def _await(self, asked: dict[Any, Future[Any]]) -> None:
        for answer in asked.values():
            answer.result(10)


def _bytes(records: tuple[dict[str, Any] | bytes | None, ...]) -> Iterator[bytes | None]:
    yield from (json.dumps(record).encode() if isinstance(record, dict) else record for record in records)
