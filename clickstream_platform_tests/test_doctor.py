"""``diagnose`` says, before a run, what the run would fail with."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from clickstream_platform import doctor
from clickstream_platform.doctor import Finding, diagnose
from clickstream_platform.errors import SetupError
from clickstream_platform.jvm.machine import require_java
from clickstream_platform.settings import Settings, from_env
from clickstream_platform_tests.schema_registry import started

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own, the user's cache."""
    return from_env().model_copy(update={"home": tmp_path / "home", "source": "", "lake": ""})


def finding(settings: Settings, name: str) -> Finding:
    return next(found for found in diagnose(settings) if found.name == name)


@pytest.mark.spark
def test_a_healthy_machine_has_no_remedies(settings: Settings) -> None:
    found = diagnose(settings)

    assert [one.name for one in found] == ["python", "java", "memory", "disk", "home", "jars", "spark", "source"]
    assert [one for one in found if not one.ok or one.remedy] == []


def test_nothing_is_left_behind(settings: Settings, tmp_path: Path) -> None:
    diagnose(settings)

    assert list(tmp_path.iterdir()) == []


def test_a_missing_java_is_reported_in_the_words_of_the_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(SetupError) as error:
        require_java()
    assert str(finding(settings, "java")) == str(error.value)


def test_one_fault_hides_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    broken = settings.model_copy(update={"spark_driver_memory": "900t", "source": "ftp://host/topic"})

    assert [one.name for one in diagnose(broken) if not one.ok] == ["java", "memory", "source"]


def test_a_master_that_does_not_listen_is_told(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        master = f"spark://127.0.0.1:{listening.getsockname()[1]}"
        found = finding(settings.model_copy(update={"spark_master": master}), "spark")
        assert found.ok
        assert found.finding.startswith(f"{master} listens, and will find this process at 127.0.0.1")

    found = finding(settings.model_copy(update={"spark_master": master}), "spark")
    assert not found.ok
    assert "no master answers" in found.finding


def test_a_heap_beyond_this_machine_names_the_setting(settings: Settings) -> None:
    found = finding(settings.model_copy(update={"spark_driver_memory": "900t"}), "memory")

    assert not found.ok
    assert "CLICKSTREAM_SPARK_DRIVER_MEMORY" in found.remedy


def test_a_full_disk_names_the_setting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM", 1 << 60)

    found = finding(settings, "disk")

    assert not found.ok
    assert "CLICKSTREAM_HOME" in found.remedy


def test_a_home_below_a_file_cannot_be_made(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    found = finding(settings.model_copy(update={"home": tmp_path / "file" / "home"}), "home")

    assert not found.ok
    assert found.finding.endswith(f"{tmp_path / 'file'} is not a folder")


def test_a_local_lake_apart_from_home_is_looked_at_too(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert not finding(settings.model_copy(update={"lake": str(tmp_path / "file" / "lake")}), "home").ok
    assert finding(settings.model_copy(update={"lake": "s3a://bucket/lake"}), "home").ok


def test_jars_not_fetched_yet_are_no_fault(settings: Settings, tmp_path: Path) -> None:
    found = finding(settings.model_copy(update={"cache": tmp_path / "empty"}), "jars")

    assert found.ok
    assert found.finding.startswith("6 of 6 are not in")


def test_the_jars_of_the_lakes_store_are_looked_for_too(settings: Settings, tmp_path: Path) -> None:
    found = finding(settings.model_copy(update={"cache": tmp_path / "empty", "lake": "gs://bucket/lake"}), "jars")

    assert found.finding.startswith("7 of 7 are not in")


def test_a_landing_folder_that_is_a_file_is_a_fault(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert not finding(settings.model_copy(update={"source": str(tmp_path / "file")}), "source").ok


def test_a_landing_folder_that_somebody_named_has_to_be_there(settings: Settings, tmp_path: Path) -> None:
    assert finding(settings.model_copy(update={"home": tmp_path / "new"}), "source").ok

    found = finding(settings.model_copy(update={"source": str(tmp_path / "typo")}), "source")

    assert not found.ok
    assert found.finding == f"there is no folder {tmp_path / 'typo'}"


def test_a_kafka_server_is_tried(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        kafka = settings.model_copy(update={"source": f"kafka://127.0.0.1:{port}/clicks"})
        assert finding(kafka, "source") == Finding("source", True, f"127.0.0.1:{port} answers")

    found = finding(kafka, "source")
    assert not found.ok
    assert found.finding.startswith(f"127.0.0.1:{port} does not answer")


@pytest.mark.parametrize("servers", ["no-port", "127.0.0.1:http", "127.0.0.1:99999"])
def test_a_kafka_address_without_a_port_number_is_a_fault_not_a_traceback(settings: Settings, servers: str) -> None:
    assert not finding(settings.model_copy(update={"source": f"kafka://{servers}/clicks"}), "source").ok


def test_a_schema_registry_is_asked_if_one_is_named(settings: Settings, tmp_path: Path) -> None:
    assert not [found for found in diagnose(settings) if found.name == "registry"]
    with started(tmp_path / "registry") as registry:
        named = settings.model_copy(update={"registry": registry.url})
        told = f"{registry.url} answers, and has schemas of JSON, PROTOBUF, AVRO"
        assert finding(named, "registry") == Finding("registry", True, told)
    found = finding(named, "registry")
    assert not found.ok
    assert found.finding.startswith(f"{registry.url} does not answer")
    assert "CLICKSTREAM_REGISTRY" in found.remedy
