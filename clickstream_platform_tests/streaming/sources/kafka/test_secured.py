"""A broker at which one must log in, or that shows a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickstream_platform.errors import ClickstreamError, SourceError
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.topic_lab import ingest, unread, users
from clickstream_platform_tests.topics import PASSWORD, USER, listener

if TYPE_CHECKING:
    from clickstream_platform.simulator.broker import Broker
    from clickstream_platform_tests.conftest import Lab
    from clickstream_platform_tests.topics import Topic

pytestmark = pytest.mark.spark


def test_a_login_reaches_both_clients_and_its_password_nobody(
    kafka: Lab, topic: Topic, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    topic.made()
    topic.send(event("u"))
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": USER}
    source = f"kafka://{listener(broker, 'LOGIN')}/{topic.name}"
    kafka = kafka.reading(source, kafka_options={**login, "sasl.password": PASSWORD})
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    assert users(kafka) == ["u"]
    wrong = kafka.reading(source, kafka_options={**login, "sasl.password": f"{PASSWORD}?"})
    with pytest.raises(SourceError, match="does not let us in") as refused:
        unread(wrong)
    assert PASSWORD not in f"{refused.value!r} {caplog.text}"


def test_both_clients_read_over_tls_and_trust_only_the_certificate_that_is_named(
    kafka: Lab, topic: Topic, broker: Broker
) -> None:
    topic.made()
    topic.send(event("u"))
    source, tls = f"kafka://{listener(broker, 'TLS')}/{topic.name}", {"security.protocol": "SSL"}
    with pytest.raises(ClickstreamError, match=r"does not answer|does not let us in"):
        unread(kafka.reading(source, kafka_options=tls))
    trusted = {**tls, "ssl.ca.location": str(broker.folder / "authority.pem")}
    kafka = kafka.reading(source, kafka_options=trusted)
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    assert users(kafka) == ["u"]


def test_both_clients_show_a_certificate_where_the_broker_asks_for_one(
    kafka: Lab, topic: Topic, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    topic.made()
    topic.send(event("u"))
    source = f"kafka://{listener(broker, 'MUTUAL')}/{topic.name}"
    tls = {"security.protocol": "SSL", "ssl.ca.location": str(broker.folder / "authority.pem")}
    with pytest.raises(ClickstreamError, match=r"does not answer|does not let us in"):
        unread(kafka.reading(source, kafka_options=tls))
    own = {"ssl.certificate.location": "own.pem", "ssl.key.location": "own.key"}
    files = {name: str(broker.folder / file) for name, file in own.items()}
    kafka = kafka.reading(source, kafka_options={**tls, **files, "ssl.key.password": PASSWORD})
    assert unread(kafka) == Lag(1, "records")
    ingest(kafka)
    assert users(kafka) == ["u"]
    assert PASSWORD not in caplog.text
