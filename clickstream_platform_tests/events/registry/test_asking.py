"""What is asked of a registry, and what becomes of records while it is away, refuses or is something else."""

from __future__ import annotations

from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from clickstream_platform.errors import SettingsError, SourceError, UnreachableError
from clickstream_platform.events.registry import client
from clickstream_platform.events.registry.model import Registry, registry_from
from clickstream_platform.settings import Settings
from clickstream_platform_tests.events.registry.framed_records import (
    UNKNOWN,
    V1,
    avro,
    click,
    reasons,
    rules_of,
)
from clickstream_platform_tests.schema_registry import SchemaRegistry, framed, started

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_schema_is_asked_for_once_and_an_unknown_one_once_a_batch(tmp_path: Path) -> None:
    with started(tmp_path) as own:
        number, rules = own.register(V1), rules_of(own)
        records = [avro(number, V1, click()), framed(UNKNOWN, b"")] * 50
        for _ in range(2):
            reasons(rules, *records)
        assert sorted(own.asked) == [f"/schemas/ids/{number}", *[f"/schemas/ids/{UNKNOWN}"] * 2]


def test_a_registry_that_is_down_rejects_nothing_and_names_what_it_was_asked_for(tmp_path: Path) -> None:
    with started(tmp_path) as own:
        number, rules = own.register(V1), rules_of(own)
        value = avro(number, V1, click())
        own.down()
        with pytest.raises(UnreachableError) as failed:
            reasons(rules, b"{}", value)
        told = str(failed.value)
        assert f"schemas/ids/{number}" in told
        assert "clicks/3, offset 1" in told
        assert own.url in told
        assert "CLICKSTREAM_REGISTRY" in told
        assert reasons(rules, b"{}")  # which needs none
        own.up()
        assert reasons(rules, value) == [""]
        own.down()
        assert reasons(rules, value) == [""]  # what is known once is known


def test_who_may_not_come_in_is_told_without_the_password(tmp_path: Path) -> None:
    with started(tmp_path, login="me:s3cret") as own:
        number = own.register(V1)
        value, rules = avro(number, V1, click()), rules_of(own)
        with pytest.raises(SourceError, match=r"does not let us in \(it answered 401\).*CLICKSTREAM_REGISTRY_OPTIONS"):
            reasons(rules, value)
        wrong = Registry(own.url.replace("//", "//me:wr0ng@"))
        with pytest.raises(SourceError) as failed:
            reasons(replace(rules, registry=wrong), value)
        assert "wr0ng" not in f"{failed.value} {wrong!r}"
        found = registry_from(Settings(registry=own.url, registry_options={"basic.auth.user.info": "me:s3cret"}))
        assert "s3cret" not in repr(found)
        assert reasons(replace(rules, registry=found), value) == [""]
        assert found
        assert client.describe_registry(found) == f"{own.url} answers, and has schemas of JSON, PROTOBUF, AVRO"


class _Other(BaseHTTPRequestHandler):
    """Some web server."""

    def do_GET(self) -> None:
        status, text = {"/html": (404, "<html>"), "/json": (200, "{}"), "/list": (200, "[]")}[self.path[:5]]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object, **__: object) -> None:
        """Nothing."""


@pytest.fixture
def other() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["html", "json", "list"])
def test_a_server_that_is_no_registry_rejects_nothing(other: str, path: str) -> None:
    rules = replace(rules_of(None), registry=Registry(f"{other}/{path}"))
    with pytest.raises(SourceError, match="is no schema registry"):
        reasons(rules, framed(1, b""))


def test_a_run_may_be_told_to_stop_at_a_schema_that_is_not_known(registry: SchemaRegistry) -> None:
    rules = replace(rules_of(None), registry=Registry(registry.url, unknown="stop"))
    with pytest.raises(SourceError, match=rf"knows no schema {UNKNOWN} \(a record of clicks/3, offset 0"):
        reasons(rules, framed(UNKNOWN, b""))
    assert reasons(rules.replaying, framed(UNKNOWN, b"")) == ["unknown_schema"]


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"sasl.password": "s3cret"}, "sasl.password is not known"),
        ({"basic.auth.user.info": "s3cret"}, "basic.auth.user.info is no user:password"),
        ({"basic.auth.user.info": "a:s3cret", "bearer.auth.token": "s3cret"}, "it has basic.auth.user.info and"),
        ({"ssl.key.location": "s3cret"}, "ssl.key.location needs ssl.certificate.location"),
        ({"ssl.ca.location": "/nowhere.pem"}, "/nowhere.pem, which is no file"),
    ],
)
def test_options_that_cannot_let_us_in_are_refused_without_their_secrets(options: dict[str, str], finding: str) -> None:
    with pytest.raises(SettingsError, match="CLICKSTREAM_REGISTRY_OPTIONS") as refused:
        registry_from(Settings(registry="http://a", registry_options=options))
    assert finding in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["a:8081", "ftp://a", "http://", "http://a/?b=c"])
def test_an_address_that_is_none_of_a_registry_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="allowed: an address"):
        Settings(registry=url)


def test_settings_never_show_how_a_registry_lets_us_in() -> None:
    options = {"basic.auth.user.info": "me:s3cret"}
    settings = Settings(registry="http://me:s3cret@a", registry_options=options)
    assert "s3cret" not in f"{settings} {settings!r} {registry_from(settings)!r}"
