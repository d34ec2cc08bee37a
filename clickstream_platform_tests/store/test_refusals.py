"""What is said before anything begins, of a store that cannot be used. No JVM, and no secret in any of it."""

from __future__ import annotations

import json
import os
import pickle
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from clickstream_platform.errors import SettingsError, SetupError, UnreachableError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.store.access import delta_options, retry_config
from clickstream_platform.store.place import StorePath
from clickstream_platform.store.proof import require_conditional_put, require_store
from clickstream_platform.store.s3 import S3Access
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.named import sources_from
from clickstream_platform_tests.careless_store import careless_store
from clickstream_platform_tests.command import clickstream

KEY, SECRET, SECRET_IN_AZURE = "the-key", "the-s3cret", "dGhlLXMzY3JldA=="


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "CLICKSTREAM_HOME": str(tmp_path / "home"),
        "CLICKSTREAM_LAKE": "s3://bucket/lake",
        "CLICKSTREAM_STORE_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)


def lake_at(endpoint: str) -> StorePath:
    return StorePath.from_url("s3://bucket/lake", S3Access(endpoint, region="us-east-1"))


@pytest.mark.parametrize("command", ["run", "status", "sql 'select 1'", "maintain", "reset"])
def test_a_store_that_does_not_answer_is_said_within_seconds_and_nothing_is_made(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()

    said = clickstream(*command.split(" ", 1))

    assert time.monotonic() - began < 15
    assert said.exit_code == 1
    assert "the store does not answer; look whether http://127.0.0.1:9 is up" in " ".join(said.output.split())
    assert SECRET not in said.output
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("status", "error", "finding"),
    [
        (403, SetupError, "refuses this user (403 Forbidden)"),
        (503, UnreachableError, "does not do what it is asked (503 Service)"),
    ],
)
def test_what_a_store_answers_is_sorted_by_who_can_mend_it(status: int, error: type[Exception], finding: str) -> None:
    with careless_store(status) as endpoint, pytest.raises(error) as refused:
        require_store(lake_at(endpoint))

    assert finding in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_store_that_heeds_no_condition_is_refused() -> None:
    with careless_store() as endpoint, pytest.raises(SetupError, match="4 of 4 writers, of which it may let 2"):
        require_conditional_put(lake_at(endpoint))


def test_no_lake_is_begun_on_such_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home" / "landing").mkdir(parents=True)
    (tmp_path / "home" / "landing" / "a.json").write_text("{}")
    with careless_store() as endpoint:
        monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", endpoint)
        said = clickstream("run")

    assert said.exit_code == 1
    assert "runs would undo each other" in " ".join(said.output.split())


def test_an_address_without_tls_must_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_STORE_ALLOW_HTTP", "false")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(SettingsError, match="it is an address without TLS; say https://"):
        from_env()


def test_two_variables_may_not_name_two_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", "https://one")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://other")

    with pytest.raises(SettingsError, match="AWS_ENDPOINT_URL_S3 names another store; unset one of them"):
        from_env()


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        (
            "s3a://bucket/landing",
            "'s3a://bucket/landing' is not allowed; allowed: s3://bucket/prefix, gs://bucket/prefix, az://conta",
        ),
        (
            "az://container/landing",
            "AZURE_STORAGE_ACCOUNT_NAME: no account is named; set it, or say abfss://container@",
        ),
        ("az://Container/landing", "'az://Container/landing' is not allowed; name a container, 3 to 63 of a-z, 0-9"),
        ("abfss://c-1@account.example.com/a", "is not allowed; name a container, 3 to 63 of a-z, 0-9 and -"),
        ("abfss://c-1@account.dfs.core.windows.net/a/../b", "no part of it being empty, . or .."),
        (
            "s3://",
            "'s3://' is not allowed; allowed: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or abfss",
        ),
        ("s3://b/x", "'s3://b/x' is not allowed; name a bucket: 3 to 63 of a-z, 0-9, . and -"),
        ("gs://a_b/x", "'gs://a_b/x' is not allowed; name a bucket: 3 to 63 of a-z, 0-9, . and -"),
        ("s3://Bucket/x", "'s3://Bucket/x' is not allowed; name a bucket"),
        ("s3://key:secret@bucket/x", "***"),
        ("s3://bucket/a//b", "no part of it being empty"),
        ("s3://bucket/../b", "no part of it being empty"),
        ("s3://bucket", "the lake lies there: s3://bucket and s3://bucket/lake overlap; name a place beside the lake"),
        ("s3://bucket/lake/landing", "s3://bucket/lake/landing and s3://bucket/lake overlap"),
        ('{"a": "s3://bucket/x", "b": "s3://bucket/x/y"}', "would both read it: s3://bucket/x and s3://bucket/x/y"),
    ],
)
def test_a_place_that_no_source_may_have_is_refused(source: str, finding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", source)

    with pytest.raises(SettingsError) as refused:
        sources_from(from_env())

    assert finding in str(refused.value)


def test_azures_two_ways_to_write_an_address_are_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "ours")
    monkeypatch.setenv("CLICKSTREAM_LAKE", "az://container/lake")
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "abfss://container@ours.dfs.core.windows.net/lake/landing")

    with pytest.raises(
        SettingsError, match=r"the lake lies there: abfss://container@ours.dfs.core.windows.net/lake/la"
    ):
        sources_from(from_env())

    other = from_env().place_at("abfss://container@other.dfs.core.windows.net/lake", "SOURCE")
    assert landing_at(other).overlap_with(from_env().lake_folder, links=False) is None
    assert other.access.display_name == "https://other.blob.core.windows.net"


def test_one_address_is_not_that_of_two_kinds_of_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "abfss://container@ours.dfs.core.windows.net/landing")
    monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", "https://one")

    with pytest.raises(SettingsError, match=r"one address is that of s3://bucket/lake and of abfss://container@ours"):
        sources_from(from_env())

    monkeypatch.delenv("CLICKSTREAM_STORE_ENDPOINT")
    assert len(sources_from(from_env())) == 1


def test_an_account_that_does_not_answer_is_said_and_its_key_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "ours")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", SECRET_IN_AZURE)
    monkeypatch.setenv("CLICKSTREAM_LAKE", "az://container/lake")
    monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", "http://127.0.0.1:9")

    said = clickstream("run")

    assert "the store does not answer; look whether http://127.0.0.1:9/ours is up" in " ".join(said.output.split())
    assert SECRET_IN_AZURE not in said.output
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"STORAGE_ACCOUNT_KEY": SECRET_IN_AZURE, "STORAGE_SAS_TOKEN": "sv=2026"}, "SharedKey"),
        ({"CLIENT_SECRET": SECRET, "STORAGE_SAS_TOKEN": "sv=2026"}, "Custom"),
        ({"FEDERATED_TOKEN_FILE": "/var/token"}, "Custom"),
        ({"STORAGE_SAS_TOKEN": "sv=2026&sig=s3cret"}, "SAS"),
        ({}, "OAuth"),
    ],
)
def test_hadoops_client_of_azure_is_told_by_what_it_gets_in_and_no_secret(
    given: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"AZURE_{name}", value)

    access = from_env().access_to("abfss://container@ours.dfs.core.windows.net/lake")

    conf = access.hadoop_conf()
    assert conf["fs.azure.account.auth.type"] == kind
    assert [value for value in conf.values() if any(secret in value for secret in given.values())] == []
    assert not any(secret.encode() in pickle.dumps(access) for secret in given.values())


@pytest.mark.parametrize("command", ["run", "status", "doctor"])
def test_a_source_on_a_store_that_does_not_answer_is_said_within_seconds_and_without_a_jvm(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CLICKSTREAM_SOURCE", "s3://bucket/landing")
    monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()

    said = clickstream(command)

    assert time.monotonic() - began < 20
    assert "the store does not answer; look whether http://127.0.0.1:9 is up" in " ".join(said.output.split())
    assert SECRET not in said.output


def test_python_and_delta_rs_are_told_the_same_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio.example.com:9000/")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("CLICKSTREAM_STORE_PATH_STYLE", "false")

    place = from_env().lake_folder

    assert isinstance(place, StorePath)
    assert place.access == S3Access("https://minio.example.com:9000", region="eu-central-1", path_style=False)
    told = delta_options(place.bucket, place.access)
    assert told["aws_endpoint_url"] == "https://bucket.minio.example.com:9000"  # with the bucket, as its name begins so
    assert told["aws_region"] == "eu-central-1"
    assert told["allow_http"] == "false"
    assert [value for value in told.values() if KEY in value or SECRET in value] == []


@pytest.mark.parametrize("name", ["SERVICE_ACCOUNT", "SERVICE_ACCOUNT_PATH", "SERVICE_ACCOUNT_KEY", "BEARER_TOKEN"])
def test_what_would_let_python_into_googles_store_and_not_spark_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"GOOGLE_{name}", SECRET)

    with pytest.raises(SettingsError, match=rf"GOOGLE_{name} is set.* GOOGLE_APPLICATION_CREDENTIALS") as refused:
        from_env().access_to("gs://bucket/lake")

    assert SECRET not in str(refused.value)
    assert str(from_env().lake_folder) == "s3://bucket/lake"  # which asks for none of them


@pytest.mark.parametrize(
    ("lake", "variables", "remedy"),
    [
        (
            "gs://bucket/lake",
            {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"},
            "GOOGLE_APPLICATION_CREDENTIALS, which names",
        ),
        ("gs://bucket/lake", {"GOOGLE_APPLICATION_CREDENTIALS": "text"}, "GOOGLE_APPLICATION_CREDENTIALS, which names"),
        (
            "gs://bucket/lake",
            {"GOOGLE_APPLICATION_CREDENTIALS": "no_key"},
            "GOOGLE_APPLICATION_CREDENTIALS, which names",
        ),
        (
            "abfss://c-1@ours.dfs.core.windows.net/lake",
            {"AZURE_STORAGE_ACCOUNT_KEY": "a key!"},
            "AZURE_STORAGE_ACCOUNT",
        ),
    ],
)
def test_credentials_that_are_none_are_said_before_anybody_is_asked(
    lake: str, variables: dict[str, str], remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("text").write_text("the-s3cret")
    Path("no_key").write_text(
        '{"type": "service_account", "client_email": "a", "private_key": "the-s3cret", "private_key_id": "1"}'
    )
    for name, value in {**variables, "CLICKSTREAM_LAKE": lake}.items():
        monkeypatch.setenv(name, value)

    said = " ".join(clickstream("status").output.split())

    assert f"{lake}: the credentials for " in said
    assert f"cannot be read; look at {remedy}" in said
    assert SECRET not in said
    assert not (tmp_path / "home").exists()


def test_nobody_signs_in_where_all_can_listen_and_with_tls_everybody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(endpoint: str) -> tuple[dict[str, str], dict[str, str]]:
        monkeypatch.setenv("CLICKSTREAM_STORE_ENDPOINT", endpoint)
        access = from_env().access_to("gs://bucket/lake")
        return delta_options("bucket", access), access.hadoop_conf()

    of_delta, of_hadoop = told("http://127.0.0.1:4443")
    assert json.loads(of_delta["google_service_account_key"])["gcs_base_url"] == "http://127.0.0.1:4443"
    assert of_hadoop["fs.gs.auth.null.enable"] == "true"
    assert of_hadoop["fs.gs.storage.root.url"] == "http://127.0.0.1:4443/"

    of_delta, of_hadoop = told("https://storage-own.p.googleapis.com")
    assert of_delta["google_base_url"] == "https://storage-own.p.googleapis.com"
    assert "google_service_account_key" not in of_delta
    assert "fs.gs.auth.null.enable" not in of_hadoop

    of_delta, of_hadoop = told("")
    assert [name for name in of_delta if name.startswith("google")] == []
    assert "fs.gs.storage.root.url" not in of_hadoop


def test_a_store_that_is_away_is_waited_for_as_long_as_is_said_however_short_the_waits_are() -> None:
    for_python, for_delta = cast("dict[str, Any]", retry_config()), delta_options("bucket", S3Access())

    shortest = for_python["backoff"]["init_backoff"]
    assert for_python["retry_timeout"] == timedelta(minutes=1)
    assert for_python["max_retries"] * shortest >= for_python["retry_timeout"]
    assert for_delta["retry_timeout"] == "60000ms"
    assert for_delta["max_retries"] == str(for_python["max_retries"])
    assert for_delta["backoff_config.init_backoff"] == f"{shortest / timedelta(milliseconds=1):g}ms"


def test_without_an_address_the_lake_is_the_folder_it_always_was(tmp_path: Path) -> None:
    assert Settings(home=tmp_path, lake="").lake_folder == tmp_path / "lake"
    assert Settings(home=tmp_path, lake=str(tmp_path / "other")).lake_folder == tmp_path / "other"
