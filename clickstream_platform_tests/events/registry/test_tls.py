"""A registry behind TLS: an authority of its own, a certificate of ours, and what is told where one is not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from clickstream_platform.errors import SourceError, UnreachableError
from clickstream_platform.events.registry import client
from clickstream_platform.events.registry.model import Registry, registry_from
from clickstream_platform.settings import Settings
from clickstream_platform_tests.events.registry.framed_records import V1, avro, click, reasons, rules_of
from clickstream_platform_tests.schema_registry import AUTHORITY, SHOWN, SchemaRegistry, make_certificates, started
from clickstream_platform_tests.topics import pkcs8

CA, CERTIFICATE, KEY, PASSWORD = "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password"


@pytest.fixture
def mutual(tmp_path: Path) -> Iterator[tuple[SchemaRegistry, dict[str, str]]]:
    """A registry to which one must show a certificate, and the options that do, with a key that has a password."""
    own = make_certificates(tmp_path, is_mutual=True)
    own.cert_chain_pems[0].write_to_path(tmp_path / "shown.pem")
    (tmp_path / "own.key").write_text(pkcs8(own, "s3cret"))
    with started(tmp_path) as registry:
        files = {CA: AUTHORITY, CERTIFICATE: "shown.pem", KEY: "own.key"}
        yield registry, {**{name: str(tmp_path / file) for name, file in files.items()}, PASSWORD: "s3cret"}


def read(registry: SchemaRegistry, options: dict[str, str]) -> list[Any]:
    """What is said of a record that needs the registry."""
    known = registry_from(Settings(registry=registry.url, registry_options=options))
    return reasons(replace(rules_of(None), registry=known), avro(registry.register(V1), V1, click()))


def test_an_authority_of_its_own_is_trusted_alone_and_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificates(tmp_path / "its")
    make_certificates(tmp_path / "other")
    with started(tmp_path / "its") as registry:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other" / AUTHORITY))
        assert read(registry, {CA: str(tmp_path / "its" / AUTHORITY)}) == [""]
        for options in ({}, {CA: str(tmp_path / "other" / AUTHORITY)}):
            with pytest.raises(SourceError, match=r"a certificate that is not trusted \(.*\).*ssl\.ca\.location"):
                read(registry, options)


def test_a_certificate_of_another_host_is_not_trusted(tmp_path: Path) -> None:
    make_certificates(tmp_path, "registry.example.org")
    with started(tmp_path) as registry:
        known = Registry(registry.url, ((CA, str(tmp_path / AUTHORITY)),))
        with pytest.raises(SourceError, match="IP address mismatch"):
            client.describe_registry(known)


def test_who_must_show_a_certificate_does_with_a_key_that_has_a_password(
    mutual: tuple[SchemaRegistry, dict[str, str]],
) -> None:
    registry, options = mutual
    assert read(registry, options) == [""]
    assert "s3cret" not in repr(registry_from(Settings(registry=registry.url, registry_options=options)))
    with pytest.raises(SourceError, match=r"does not let us in \(.*alert handshake failure\).*; mend .*_OPTIONS"):
        read(registry, {CA: options[CA]})


def test_a_certificate_of_somebody_else_is_not_let_in(
    mutual: tuple[SchemaRegistry, dict[str, str]], tmp_path: Path
) -> None:
    registry, options = mutual
    trustme.CA().issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(tmp_path / "else.pem")
    with pytest.raises(SourceError, match=r"does not let us in \(.*alert unknown ca\)"):
        read(registry, {CA: options[CA], CERTIFICATE: str(tmp_path / "else.pem")})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({PASSWORD: "an0ther"}, CERTIFICATE),
        ({PASSWORD: ""}, CERTIFICATE),  # and nobody is asked at the terminal
        ({CERTIFICATE: __file__}, CERTIFICATE),
        ({CA: __file__}, CA),
    ],
)
def test_files_that_are_not_to_be_used_are_named_without_the_password(
    mutual: tuple[SchemaRegistry, dict[str, str]], change: dict[str, str], named: str
) -> None:
    registry, options = mutual
    with pytest.raises(
        SourceError, match=f"^registry: {named} is not to be used .*CLICKSTREAM_REGISTRY_OPTIONS"
    ) as told:
        read(registry, {**options, **change})
    assert "s3cret" not in str(told.value)
    assert "an0ther" not in str(told.value)


def test_a_registry_that_does_not_speak_tls_may_do_so_the_next_time(tmp_path: Path) -> None:
    with started(tmp_path) as registry:
        assert not (tmp_path / SHOWN).exists()
        with pytest.raises(UnreachableError, match=r"does not answer \(TLS: wrong version number\)"):
            client.describe_registry(Registry(registry.url.replace("http:", "https:")))
