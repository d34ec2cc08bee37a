"""How to connect to Kafka: one vocabulary, that of ``librdkafka``, for Spark's Java client too.

A word of the vocabulary reaches both clients. ``kafka.<name>`` is for Spark's consumers alone, in Java's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clickstream_platform.errors import SettingsError
from clickstream_platform.wording import without_passwords

VARIABLE = "CLICKSTREAM_KAFKA_OPTIONS"
LOGIN = {  # by mechanism: who logs in, in Java
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")  # PEM
WORDS = ("security.protocol", "sasl.mechanism", "sasl.username", "sasl.password", *FILES, "ssl.key.password")


def check_options(options: Mapping[str, str]) -> None:
    """Refuse what could not connect. No value is shown that may be a secret.

    Raises:
        SettingsError: an unknown word, a protocol or mechanism that is not supported, a part that is missing, or a key
            that cannot be read.
    """
    for name in options:
        if name not in WORDS and not name.startswith("kafka."):
            raise SettingsError(VARIABLE, f"{name} is not known", f"allowed: {', '.join(WORDS)}, kafka.*")
    protocol, mechanism = options.get("security.protocol", "PLAINTEXT"), options.get("sasl.mechanism")
    if protocol not in PROTOCOLS:
        raise SettingsError(VARIABLE, "this security.protocol is not known", f"allowed: {', '.join(PROTOCOLS)}")
    if protocol.startswith("SASL") or any(name.startswith("sasl.") for name in options):
        if mechanism not in LOGIN:
            raise SettingsError(VARIABLE, "it needs a sasl.mechanism", f"allowed: {', '.join(LOGIN)}")
        _require(options, mechanism, "sasl.username", "sasl.password")
    if "ssl.certificate.location" in options or "ssl.key.location" in options:
        _require(options, "a certificate of our own", "ssl.certificate.location", "ssl.key.location")
    for name in FILES:
        if name in options and not Path(options[name]).is_file():
            raise SettingsError(
                VARIABLE, without_passwords(f"{name} is {options[name]}, which is no file"), "name a PEM file"
            )
    if "ssl.key.location" in options:
        _plain_key(options)


def _plain_key(options: Mapping[str, str]) -> str:
    """Our own key in PKCS#8, not encrypted: all that every Java reads. Java 17 knows no modern encryption of a key."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only who has a key pays for it
    from cryptography.hazmat.primitives import serialization as pem  # noqa: PLC0415

    file, password = options["ssl.key.location"], options.get("ssl.key.password", "")
    try:
        key = pem.load_pem_private_key(Path(file).read_bytes(), password.encode() or None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as failed:
        finding = f"ssl.key.location is {file}, which cannot be read as a key ({failed})"
        raise SettingsError(VARIABLE, finding, "name a PEM file, and give its ssl.key.password if it has one") from None
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()


def _require(options: Mapping[str, str], by: str, *names: str) -> None:
    for name in names:
        if not options.get(name):
            raise SettingsError(VARIABLE, f"{by} needs {name}, which is not there", "add it")


def for_client(options: Mapping[str, str]) -> dict[str, Any]:
    """The options of a ``librdkafka`` client."""
    return {name: value for name, value in options.items() if name in WORDS}


def for_spark(options: Mapping[str, str]) -> dict[str, str]:
    """The options of Spark's Kafka source."""
    java = {name: options[name] for name in ("security.protocol", "sasl.mechanism") if name in options}
    if "sasl.username" in options:
        user, password = _quoted(options["sasl.username"]), _quoted(options["sasl.password"])
        module = LOGIN[options["sasl.mechanism"]]
        java["sasl.jaas.config"] = f"{module} required username={user} password={password};"
    if "ssl.ca.location" in options:
        java |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": options["ssl.ca.location"]}
    if "ssl.key.location" in options:
        java["ssl.keystore.type"] = "PEM"
        java["ssl.keystore.certificate.chain"] = Path(options["ssl.certificate.location"]).read_text()
        java["ssl.keystore.key"] = _plain_key(options)
    own = {name: value for name, value in options.items() if name.startswith("kafka.")}
    return {f"kafka.{name}": value for name, value in java.items()} | own


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
