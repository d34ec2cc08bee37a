"""The files of the containers agree with the settings, the image, and each other."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from clickstream_platform.settings import PREFIX, Settings
from clickstream_platform_tests.deploy.composed import DOCKER, OWN_IMAGE, Composed, compose, of_the_image

OF_THE_IMAGE = {f"{PREFIX}{name}" for name in ("HOME", "CACHE", "SECRETS")}
SERVICES: dict[str, Any] = compose()["services"]


def test_every_setting_can_be_set_without_editing_a_file() -> None:
    given = {name: value for name, value in SERVICES["code"]["environment"].items() if name.startswith(PREFIX)}

    assert sorted(given) == sorted(f"{PREFIX}{field.upper()}" for field in Settings.model_fields)
    assert {name for name, value in given.items() if value is not None} == OF_THE_IMAGE


def test_every_secret_can_be_a_file() -> None:
    secret = {
        name for name, field in Settings.model_fields.items() if field.annotation is SecretStr or (field.repr is False)
    }
    given = {name.removeprefix(PREFIX.lower()) for name in SERVICES["code"]["secrets"] if name.startswith("click")}

    assert given == secret


def test_no_secret_has_a_value_in_the_file() -> None:
    text = (DOCKER / "compose.yaml").read_text()

    assert re.findall(r"(?i)(?:password|secret|key)\w*: (?!/run/secrets\b|\[|\n)(.+)", text) == []


def test_make_secrets_makes_all_that_the_file_names_and_keeps_what_is_there(tmp_path: Path) -> None:
    (folder := tmp_path / "secrets").mkdir()
    (folder / "store_secret").write_text("kept")
    for _ in range(2):
        subprocess.run([DOCKER / "make-secrets", folder], check=True, env={**os.environ, "DAGSTER_PG_PASSWORD": "old"})
    made = {file.name: file.read_text() for file in folder.iterdir()}
    (identity,) = yaml.safe_load(made["store_s3.json"])["identities"]

    assert made.keys() == compose()["secrets"].keys()
    assert (made["store_secret"], made["dagster_pg_password"]) == ("kept", "old")
    assert identity["credentials"] == [{"accessKey": made["store_key_id"], "secretKey": "kept"}]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_two_machines_have_different_secrets(tmp_path: Path) -> None:
    one, other = (Composed(folder).secrets for folder in (tmp_path / "one", tmp_path / "other"))

    for name in ("dagster_pg_password", "store_key_id", "store_secret"):
        assert len((one / name).read_text()) >= 20
        assert (one / name).read_text() != (other / name).read_text()


def test_with_secrets_gives_a_program_what_files_hold(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a b$c\n")
    (tmp_path / "empty").write_text("")
    files = {"DAGSTER_PG_PASSWORD_FILE": f"{tmp_path}/password", "AWS_ACCESS_KEY_ID_FILE": f"{tmp_path}/empty"}
    program = [DOCKER / "with-secrets", "sh", "-c", 'echo "$DAGSTER_PG_PASSWORD ${AWS_ACCESS_KEY_ID-none}"; exit 3']
    said = subprocess.run(program, env={"PATH": os.environ["PATH"], **files}, capture_output=True, check=False)

    assert (said.stdout, said.returncode) == (b"a b$c none\n", 3)


@pytest.mark.parametrize(("content", "told"), [("", b"none"), ("{}", b"/google_credentials")])
def test_with_secrets_names_a_file_of_googles_unless_it_is_empty(content: str, told: bytes, tmp_path: Path) -> None:
    (file := tmp_path / "google_credentials").write_text(content)
    program = [DOCKER / "with-secrets", "sh", "-c", 'echo "${GOOGLE_APPLICATION_CREDENTIALS-none}"']
    given = {"PATH": os.environ["PATH"], "GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    said = subprocess.run(program, env=given, capture_output=True, check=True)

    assert said.stdout.strip().endswith(told)


def test_with_secrets_says_which_file_is_missing() -> None:
    given = {"PATH": os.environ["PATH"], "DAGSTER_PG_PASSWORD_FILE": "/nowhere/password"}
    said = subprocess.run([DOCKER / "with-secrets", "true"], env=given, capture_output=True, check=False, text=True)

    assert said.returncode == 2
    assert "DAGSTER_PG_PASSWORD_FILE: /nowhere/password cannot be read" in said.stderr


def test_every_service_that_stays_has_a_health_check_and_is_started_again() -> None:
    stays = {name: service for name, service in SERVICES.items() if service["restart"] != "on-failure"}

    assert set(SERVICES) - set(stays) == {"bucket"}
    assert [name for name, service in stays.items() if "healthcheck" not in service] == []
    assert {service["restart"] for service in stays.values()} == {"unless-stopped"}


def test_a_port_is_open_to_this_machine_alone() -> None:
    open_to = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(open_to) > 1
    assert [port for port in open_to if not port.startswith("127.0.0.1:")] == []


def test_a_volume_or_secret_that_a_service_has_is_declared() -> None:
    whole = compose()
    volumes = {each.split(":")[0] for service in SERVICES.values() for each in service.get("volumes", [])}
    secrets = {each for service in SERVICES.values() for each in service.get("secrets", [])}

    assert volumes == whole["volumes"].keys()
    assert secrets == whole["secrets"].keys()


def test_a_file_of_a_secret_is_one_that_the_service_is_given() -> None:
    for name, service in SERVICES.items():
        said = yaml.safe_dump([service.get("environment"), service.get("command")])
        assert set(re.findall(r"/run/secrets/([\w.]+)", said)) <= set(service.get("secrets", [])), name


def test_who_waits_for_a_service_of_a_profile_does_without_it() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            has_it_always = set(service.get("profiles", ["always"])) <= set(SERVICES[other].get("profiles", []))
            assert "profiles" not in SERVICES[other] or has_it_always or how["required"] is False, f"{name}: {other}"


def test_the_image_runs_scripts_that_exist_and_may_be_run() -> None:
    assert of_the_image("ENTRYPOINT") == '["with-secrets"]'
    for script in ("with-secrets", "executor", "make-secrets"):
        assert os.access(DOCKER / script, os.X_OK)
        assert (script in (DOCKER / "Dockerfile").read_text()) == (script != "make-secrets")
    assert "docker/secrets" in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service["image"] != OWN_IMAGE])
def test_an_image_of_others_has_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:\d[\w.]*(@sha256:[0-9a-f]{64})?", SERVICES[name]["image"])
