"""A wrong setting is refused before a JVM starts, by name, with what is allowed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.offsets import FileSource, KafkaSource, source_from


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SHUFFLE_PARTITIONS", "0", "greater than or equal to 1"),
        ("SHUFFLE_PARTITIONS", "many", "valid integer"),
        ("FUTURE_TOLERANCE", "soon", "duration"),
        ("FUTURE_TOLERANCE", "-PT1H", "greater than or equal to"),
        ("STARTING_OFFSETS", "newest", "earliest, latest"),
        ("SPARK_DRIVER_MEMORY", "2 GB", "pattern"),
        ("SPARK_CONF", "{", "property name"),
        ("EVENT_TYPES", " , ", "at least 1"),
        ("LAKE", "s3a://bucket/lake", "a local folder"),
        ("OWNER", "somebody", "pattern"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"CLICKSTREAM_{name}", value)
    with pytest.raises(SettingsError) as refused:
        from_env()
    assert f"CLICKSTREAM_{name}" in str(refused.value)
    assert allowed in str(refused.value)


@pytest.mark.parametrize("url", ["ftp://host/x", "kafka://host:9092", "kafka:///topic", "kafka://host:9092/a/b"])
def test_a_source_that_is_neither_folder_nor_topic_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="kafka://host:port/topic"):
        source_from(Settings(source=url))


def test_every_default_lies_under_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.lake_folder == tmp_path / "lake"
    assert source_from(settings) == FileSource(tmp_path / "landing")


def test_a_topic_is_read_from_its_earliest_offset_unless_told(tmp_path: Path) -> None:
    assert source_from(Settings(source="kafka://a:1,b:2/clicks")) == KafkaSource("a:1,b:2", "clicks")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_EVENT_TYPES", "click, scroll")
    monkeypatch.setenv("CLICKSTREAM_FUTURE_TOLERANCE", "PT5M")
    settings = from_env()
    assert settings.event_types == ("click", "scroll")
    assert settings.future_tolerance == timedelta(minutes=5)
