"""The options of a Kafka source: refused if they cannot connect, and never shown with a secret in them."""

from __future__ import annotations

import traceback
from contextlib import nullcontext
from pathlib import Path

import pytest
import trustme

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.sources.kafka.options import check_options, for_client, for_spark
from clickstream_platform.streaming.sources.named import source_from
from clickstream_platform_tests.topics import pkcs8

LOGIN = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "s3cret"}


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"sasl.pasword": "s3cret"}, "sasl.pasword is not known"),
        ({**LOGIN, "security.protocol": "s3cret"}, "this security.protocol is not known"),
        ({**LOGIN, "sasl.mechanism": "OAUTHBEARER"}, "it needs a sasl.mechanism"),
        ({**LOGIN, "sasl.username": ""}, "PLAIN needs sasl.username"),
        ({"sasl.password": "s3cret"}, "it needs a sasl.mechanism"),
        ({"ssl.ca.location": "/nowhere.pem"}, "/nowhere.pem, which is no file"),
        ({"ssl.key.location": __file__}, "needs ssl.certificate.location"),
    ],
)
def test_options_that_cannot_connect_are_refused_without_their_secrets(options: dict[str, str], finding: str) -> None:
    with pytest.raises(SettingsError, match="CLICKSTREAM_KAFKA_OPTIONS") as refused:
        source_from(Settings(source="kafka://a:1/clicks", kafka_options=options))
    assert finding in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.fixture
def own() -> trustme.LeafCert:
    """A certificate with its key, as a client shows it."""
    return trustme.CA().issue_cert("clicks@example.org")


@pytest.mark.parametrize(
    ("password", "finding"), [("", "Password was not given"), ("another", "Incorrect password"), ("s3cret", None)]
)
def test_a_key_is_read_with_its_password_alone(
    tmp_path: Path, own: trustme.LeafCert, password: str, finding: str | None
) -> None:
    (file := tmp_path / "own.key").write_text(pkcs8(own, "s3cret"))
    options = {"ssl.certificate.location": str(file), "ssl.key.location": str(file), "ssl.key.password": password}
    with pytest.raises(SettingsError, match=finding) if finding else nullcontext():
        check_options(options)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (file := tmp_path / "own.key").write_bytes(b"\x30\x82\xff")
    with pytest.raises(SettingsError, match="cannot be read as a key"):
        check_options({"ssl.certificate.location": str(file), "ssl.key.location": str(file)})


def test_a_password_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(source="kafka://a:1/clicks", kafka_options=LOGIN)
    monkeypatch.setenv("CLICKSTREAM_KAFKA_OPTIONS", '{"sasl.password": "s3cret"')
    with pytest.raises(SettingsError, match="CLICKSTREAM_KAFKA_OPTIONS: its value is not allowed") as refused:
        from_env()
    said = "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in f"{settings} {settings!r} {source_from(settings)!r} {said}"


ADDRESSES = (
    "kafka://me:s3cret@host:9092/a",
    "kafka://me:s3c/s3cret@host:9092/a",
    "kafka://me:p@s3cret@host:9092/a",
    "me:s3cret@host:9092",
    "https://me:s3cret@host/a?x=1",
    "https://host/a?x=1&access_token=s3cret&y=2",
    "ftp://host/a?sasl.password=s3cret",
    "s3a://key:s3cret@bucket/lake",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_password_in_an_address_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    said = [repr(Settings(source=address)), str(Settings(source=address, spark_master=f"k8s://{address}"))]
    for name in ("SOURCE", "LAKE", "OWNER", "SPARK_DRIVER_MEMORY", "STARTING_OFFSETS", "TIMESTAMP_UNIT", "RETENTION"):
        monkeypatch.setenv(f"CLICKSTREAM_{name}", address)
        try:
            source_from(from_env())
        except SettingsError as refused:
            said += traceback.format_exception(refused)
        monkeypatch.delenv(f"CLICKSTREAM_{name}")
    assert len(said) > 6
    assert "s3cret" not in "".join(said)


def test_a_key_that_stands_where_its_file_should_be_named_is_not_shown() -> None:
    key = "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----"
    with pytest.raises(SettingsError, match=r"ssl.ca.location is \*\*\*") as refused:
        check_options({"ssl.ca.location": key})
    assert "s3cret" not in str(refused.value)


def test_one_vocabulary_connects_both_clients(tmp_path: Path, own: trustme.LeafCert) -> None:
    pem = tmp_path / "own.pem"
    own.private_key_pem.write_to_path(pem)  # not in PKCS#8, all that Java reads
    key = pkcs8(own)
    files = dict.fromkeys(("ssl.ca.location", "ssl.certificate.location", "ssl.key.location"), str(pem))
    options = {**LOGIN, **files, "sasl.password": 'a"b\\c', "kafka.max.poll.records": "10"}
    assert for_client(options) == {**LOGIN, **files, "sasl.password": 'a"b\\c'}
    login = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="a\\"b\\\\c";'
    assert for_spark(options) == {
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "PLAIN",
        "kafka.sasl.jaas.config": login,
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.location": str(pem),
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.certificate.chain": pem.read_text(),
        "kafka.ssl.keystore.key": key,
        "kafka.max.poll.records": "10",
    }
