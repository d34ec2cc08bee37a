"""Topics of the tests' broker: made, filled, emptied and made again, as producers and operators do."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    NewPartitions,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in its __all__
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.ports import free_ports
from clickstream_platform_tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future


USER, PASSWORD = "clicks", 's3cret"with\\signs'
LISTENERS = {"LOGIN": "SASL_PLAINTEXT", "TLS": "SSL", "MUTUAL": "SSL"}


def secured(folder: Path) -> dict[str, str]:
    """Properties of a broker that also listens where one must log in, where it shows a certificate, and where one must.

    Whoever made the certificates is ``authority.pem`` of the folder; ``own.pem`` and ``own.key`` are a client's, the
    key encrypted with ``PASSWORD``.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    own = authority.issue_cert("clicks@example.org")
    own.cert_chain_pems[0].write_to_path(folder / "own.pem")
    (folder / "own.key").write_text(pkcs8(own, PASSWORD))
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **LISTENERS}
    ports = free_ports(len(LISTENERS))
    addresses = {name: f"{name}://127.0.0.1:{port}" for name, port in zip(LISTENERS, ports, strict=True)}
    return {
        "listeners": ",".join(addresses.values()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        **_with_password(),
        **_with_certificate(folder, authority),
    }


def listener(broker: Broker, name: str) -> str:
    """``host:port`` of one of a secured broker's listeners."""
    found = dict(each.split("://") for each in broker.properties["listeners"].split(","))
    return found[name]


def _with_certificate(folder: Path, authority: trustme.CA) -> dict[str, str]:
    shown = authority.issue_cert("127.0.0.1")
    (folder / "broker.pem").write_text(pkcs8(shown) + shown.cert_chain_pems[0].bytes().decode())
    tls = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(folder / "broker.pem")}
    trusts = {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(folder / "authority.pem")}
    mutual = {**tls, **trusts, "ssl.client.auth": "required"}
    return {f"listener.name.tls.{name}": value for name, value in tls.items()} | {
        f"listener.name.mutual.{name}": value for name, value in mutual.items()
    }


def pkcs8(of: trustme.LeafCert, password: str = "") -> str:
    """A certificate's key in PKCS#8, all that Java reads; encrypted, if there is a password."""
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    key = load_pem_private_key(of.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


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
        wait_until(lambda: self.name not in self._admin.list_topics(timeout=5).topics)
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
        own |= {"max.in.flight": 1}  # a batch that is sent again stays before those sent after it
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
