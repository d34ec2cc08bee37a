"""Where settings come from: the environment, ``.env``, files of secrets; and which names and lines are refused."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import from_env
from clickstream_platform.wording import without_passwords


@pytest.mark.parametrize("where", ["the environment", ".env"])
def test_a_misspelt_setting_is_refused_with_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if where == ".env":
        Path(".env").write_text("DAGSTER_HOME=x\nCLICKSTREAM_KAFKA_OPTION=s3cret\n")
    else:
        monkeypatch.setenv("CLICKSTREAM_KAFKA_OPTION", "s3cret")
    with pytest.raises(SettingsError) as refused:
        from_env()
    assert str(refused.value) == (
        f"CLICKSTREAM_KAFKA_OPTION: there is no such setting, but {where} has it; "
        "say CLICKSTREAM_KAFKA_OPTIONS, or remove it"
    )


def test_a_variable_like_no_setting_is_warned_of_and_those_of_kubernetes_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("WILD", "SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_8080_TCP_ADDR"):
        monkeypatch.setenv(f"CLICKSTREAM_{name}", "1")
    from_env()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["CLICKSTREAM_WILD"]


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of secrets."""
    (folder := tmp_path / "secrets").mkdir()
    monkeypatch.setenv("CLICKSTREAM_SECRETS", str(folder))
    return folder


def test_a_secret_may_be_a_file_called_like_its_variable(secrets: Path) -> None:
    (secrets / "clickstream_alert_webhook").write_text("https://example.org/s3cret\n")
    (secrets / "CLICKSTREAM_KAFKA_OPTIONS").write_text('{"sasl.password": "s3cret"}')
    (secrets / "somebody_elses").write_text("s3cret")
    settings = from_env()
    assert settings.alert_webhook.get_secret_value() == "https://example.org/s3cret"
    assert settings.kafka_options == {"sasl.password": "s3cret"}
    assert "s3cret" not in repr(settings)


def test_the_folder_of_secrets_may_be_named_in_the_file_too(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "clickstream_owner").write_text("team:files")
    monkeypatch.delenv("CLICKSTREAM_SECRETS")
    monkeypatch.chdir(secrets.parent)
    Path(".env").write_text("CLICKSTREAM_SECRETS=secrets\n")
    assert from_env().owner == "team:files"


def test_the_environment_wins_over_a_file_and_an_empty_file_sets_nothing(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "clickstream_owner").write_text("team:files")
    (secrets / "clickstream_spark_conf").write_text("\n")
    monkeypatch.setenv("CLICKSTREAM_OWNER", "team:environment")
    assert (from_env().owner, from_env().spark_conf) == ("team:environment", {})


def test_secrets_as_kubernetes_mounts_them_are_read(secrets: Path) -> None:
    (today := secrets / "..2026_01_05").mkdir()
    (today / "clickstream_owner").write_text("team:mounted")
    (secrets / "..data").symlink_to("..2026_01_05")
    (secrets / "clickstream_owner").symlink_to("..data/clickstream_owner")
    assert from_env().owner == "team:mounted"


def test_a_value_in_a_file_that_is_not_allowed_is_not_shown(secrets: Path) -> None:
    (secrets / "clickstream_hash_secret").write_text("s3cret")
    (secrets / "clickstream_kafka_options").write_text('{"sasl.password": "s3cret"')
    with pytest.raises(SettingsError, match="CLICKSTREAM_KAFKA_OPTIONS: its value is not allowed") as refused:
        from_env()
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_a_misspelt_file_of_a_secret_is_refused_with_the_nearest_name(secrets: Path) -> None:
    (secrets / "clickstream_kafka_option").write_text("s3cret")
    with pytest.raises(SettingsError, match=r"CLICKSTREAM_KAFKA_OPTION: .* but .*secrets has it; say CLICKSTREAM_K"):
        from_env()


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_secrets_that_cannot_be_read_are_told_in_a_line(secrets: Path, content: bytes | None) -> None:
    if content is None:
        secrets.rmdir()
    else:
        (secrets / "clickstream_owner").write_bytes(content)
    with pytest.raises(SettingsError, match=r"secrets.*CLICKSTREAM_SECRETS") as refused:
        from_env()
    said = str(refused.value)
    assert without_passwords(said) == said


@pytest.mark.parametrize(
    "line",
    ["CLICKSTREAM_OWNER: team:x", "CLICKSTREAM_OWNER", "CLICKSTREAM_OWNER='team:x", "clickstream_owner team:x"],
)
def test_a_line_with_a_setting_that_sets_nothing_is_refused_with_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(f"# CLICKSTREAM_HOME\n{line}\n")
    with pytest.raises(SettingsError, match=r"(?i).env: its line 2 names CLICKSTREAM_OWNER, and sets nothing"):
        from_env()


def test_lines_of_others_and_every_form_of_a_line_that_sets_something_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["\ufeff# CLICKSTREAM_X", "somebody else's", "OTHERS", "export CLICKSTREAM_HOME", "", "  # x"]
    Path(".env").write_text("\r\n".join([*lines, 'export CLICKSTREAM_OWNER = "team:x" # mine']), encoding="utf-8")
    assert from_env().owner == "team:x"


@pytest.mark.parametrize("content", [None, "CLICKSTREAM_OWNER=team:x".encode("utf-16")])
def test_a_file_of_settings_that_cannot_be_read_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(content or b"")
    if content is None:
        opened = Path.read_text

        def refused(file: Path, *arguments: str, **more: str) -> str:  # whoever runs as root may read all
            if file.name == ".env":
                raise PermissionError(13, "Permission denied", ".env")
            return opened(file, *arguments, **more)

        monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(SettingsError, match=r"\.env: it cannot be read; (save it as UTF-8|let this user read it)"):
        from_env()
