"""A wrong setting is refused before a JVM starts, by name, with what is allowed."""

from __future__ import annotations

import re
import traceback
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.named import source_from, sources_from
from clickstream_platform.tables.events import events_table


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SHUFFLE_PARTITIONS", "0", "say 1 or more"),
        ("SHUFFLE_PARTITIONS", "many", "say a whole number"),
        ("PATTERN_VIEWS", "1", "say 2 or more"),
        ("PATTERN_CLICKS_WITHIN", "PT0S", "say more than 0 seconds"),
        ("FUTURE_TOLERANCE", "soon", "say a length of time: PT90M is 90 minutes"),
        ("FUTURE_TOLERANCE", "-PT1H", "say 0 seconds or more"),
        ("STARTING_OFFSETS", "newest", "earliest, latest"),
        ("STARTING_OFFSETS", "2026-01-05T10:00:00", "a time with its zone"),
        ("STARTING_OFFSETS", '{"clicks": {"0": -3}}', '{"topic": {"0": 1200}}'),
        ("MIN_PARTITIONS", "-1", "say 0 or more"),
        ("SPARK_DRIVER_MEMORY", "2 GB", "allowed: the driver's heap, as 512m or 2g"),
        ("SPARK_MASTER", "local[0]", "local[*], spark://host:port"),
        ("SPARK_MASTER", "spark://host", "local[*], spark://host:port"),
        ("SPARK_MASTER", "host:7077", "local[*], spark://host:port"),
        ("SPARK_DRIVER_PORT", "65536", "say 65535 or less"),
        ("SPARK_WAIT", "PT0S", "say more than 0 seconds"),
        ("SPARK_CONF", "{", 'write it as JSON, such as {"name": "value"} (Expecting property name'),
        ("MAX_REJECTED_SHARE", "5", "say 1 or less"),
        ("MAX_REJECTED_SHARE", "half", "say a number"),
        ("RETENTION", "30", "P30D is 30 days"),
        ("RETENTION", "PT2H", "'PT2H' is not allowed"),
        ("DUPLICATES", "id", "say 'event_id,timestamp' or 'event_id'"),
        ("DUPLICATE_SPAN", "PT0S", "say more than 0 seconds"),
        ("DUPLICATE_SPAN", "P367D", "say 366"),
        ("TIMESTAMP_UNIT", "h", "say 'auto', 's', 'ms', 'us', 'ns' or 'iso'"),
        ("FAIL_ON_DATA_LOSS", "maybe", "say true or false"),
        ("EVENT_TYPES", " , ", "allowed: accepted event types, separated by commas"),
        ("LAKE", "s3a://bucket/lake", "a folder, s3://bucket/prefix"),
        ("LAKE", "wasbs://bucket/lake", "stores of other kinds were never tried"),
        ("LAKE", "abfss://container@account.example.com/lake", "abfss://container@account.dfs.core.windows.net/prefix"),
        ("LAKE", "s3://bucket", "a folder, s3://bucket/prefix"),
        ("LAKE", "s3://bucket/a b", "the prefix of letters"),
        ("LAKE", "s3://key:s3cret@bucket/lake", "a folder, s3://bucket/prefix"),
        ("STORE_ENDPOINT", "host:9000", "https://host or http://host:port"),
        ("STORE_ENDPOINT", "https://key:s3cret@host", "without a user or a password"),
        ("OWNER", "somebody", "an e-mail address or team:name"),
        ("SPARK_CONF", '{"spark.cores.max": 2}', 'as a text: "1", not 1'),
        ("KAFKA_OPTIONS", "[1]", 'write it as JSON, such as {"name": "value"}'),
        ("SOURCE", '{"main": "/a"', "it is not the JSON that it begins as"),
        ("SOURCE", '{"a": "/a", "a": "/b"}', "two sources are named 'a'"),
        ("SOURCE", '{"Main": "/a"}', "cannot be named 'Main'"),
        ("SOURCE", '{"1": "/a"}', "cannot be named '1'"),
        ("SOURCE", '{"lease": "/a"}', "cannot be named 'lease'"),
        ("SOURCE", '{"../x": "/a"}', "cannot be named"),
        ("SOURCE", '{"a": ["/a"]}', "the source 'a' is"),
        ("SOURCE", '{"a": ""}', "the source 'a' is"),
        ("FORMAT", "parquet", "allowed: auto, lines, json, csv, tsv"),
        ("FORMAT", '{"main": "xml"}', "allowed: auto, lines, json, csv, tsv"),
        ("FORMAT", '{"main": ["csv"]}', "allowed: auto, lines, json, csv, tsv"),
        ("FORMAT", '{"main": "csv"', "allowed: auto, lines, json, csv, tsv"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"CLICKSTREAM_{name}", value)
    with pytest.raises(SettingsError) as refused:
        from_env()
    assert f"CLICKSTREAM_{name}" in str(refused.value)
    assert allowed in refused.value.remedy + refused.value.finding
    assert not re.search(r"Value error|[Ii]nput should|should match|timedelta|\(\)", str(refused.value))


@pytest.mark.parametrize(
    ("master", "is_local"),
    [
        *((local, True) for local in ("local", "local[2]", "local[*]", "local[*,3]")),
        *((far, False) for far in ("spark://a.b-c:7077,[::1]:7077", "k8s://https://api:6443", "yarn")),
        ("local-cluster[2,1,1024]", False),  # Spark's own for tests: processes of their own
    ],
)
def test_every_master_of_spark_is_taken(monkeypatch: pytest.MonkeyPatch, master: str, *, is_local: bool) -> None:
    monkeypatch.setenv("CLICKSTREAM_SPARK_MASTER", master)
    assert from_env().on_one_machine == is_local


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "kafka://host:9092",
        "kafka:///topic",
        "kafka://host:9092/a/b",
        "kafka://host:9092/a(b",
        "kafka://host/a",
        "kafka://user:password@host:9092/a",
    ],
)
def test_a_source_that_is_neither_folder_nor_topic_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="kafka://host:port/topic"):
        source_from(Settings(source=url))


def test_events_are_kept_for_as_long_as_a_record_may_be_a_copy_of_them() -> None:
    week, less = timedelta(days=7), timedelta(days=6)
    for kept, rule in ((week, "event_id"), (less, "event_id,timestamp"), (None, "event_id")):
        events_table(Settings(retention=kept, duplicates=rule, duplicate_span=week))  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        SettingsError, match=r"CLICKSTREAM_RETENTION: .* for 7 days, .* gone by then; .* CLICKSTREAM_DUPLICATE_SPAN"
    ):
        events_table(Settings(retention=less, duplicates="event_id", duplicate_span=week))


@pytest.mark.parametrize("folder", ["a,b", "a b", " a", "a=b", "{a}", "{}", "a;b|c", "kafka:x", '["a"]', "a\nb"])
def test_a_source_that_is_no_list_is_one_whatever_signs_its_name_has(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (found,) = sources_from(Settings(source=folder))
    assert found == FileSource(tmp_path / folder)
    (found,) = sources_from(Settings(source=str(tmp_path / folder)))
    assert found == FileSource(tmp_path / folder)


def test_several_sources_have_names_and_an_order(tmp_path: Path) -> None:
    text = f'{{"history": "{tmp_path}/a, b", "main": "kafka://a:1/clicks,views"}}'
    settings = Settings(source=text)
    assert sources_from(settings) == (
        FileSource(tmp_path / "a, b", source_name="history"),
        KafkaSource("a:1", "clicks,views"),
    )
    assert settings.source_url == f"{tmp_path}/a, b"


def test_each_folder_has_the_format_that_is_said_of_it_or_of_all(tmp_path: Path) -> None:
    text = f'{{"main": "{tmp_path}/a", "old": "{tmp_path}/b"}}'

    def said(form: str, mapping: str = "") -> list[str]:
        found = sources_from(Settings(source=text, format=form, mapping=mapping))
        return [source.format for source in found if isinstance(source, FileSource)]

    assert said("tsv") == ["tsv", "tsv"]
    assert said('{"old": "csv"}') == ["auto", "csv"]
    assert said("auto", "segment") == ["auto", "auto"]
    assert said('{"old": "csv"}', "snowplow_tsv") == ["lines", "csv"]
    with pytest.raises(SettingsError, match="CLICKSTREAM_FORMAT: no source is called 'new'; choose from main, old"):
        said('{"new": "csv"}')


def test_starting_offsets_are_those_of_the_source_that_reads_the_topic() -> None:
    text = '{"main": "kafka://a:1/clicks", "old": "kafka://b:1/views"}'
    offsets = '{"clicks": {"0": 3}, "views": {"0": 5}, "neither": {"0": 7}}'
    clicks, views = sources_from(Settings(source=text, starting_offsets=offsets))
    assert isinstance(clicks, KafkaSource)
    assert isinstance(views, KafkaSource)
    assert clicks.starting_offsets == {"clicks": {"0": 3}, "neither": {"0": 7}}
    assert views.starting_offsets == {"views": {"0": 5}, "neither": {"0": 7}}


def test_every_default_lies_under_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.lake_folder == tmp_path / "lake"
    assert source_from(settings) == FileSource(tmp_path / "landing")


def test_a_topic_is_read_from_its_earliest_offset_unless_told(tmp_path: Path) -> None:
    assert source_from(Settings(source="kafka://a:1,b:2/clicks")) == KafkaSource("a:1,b:2", "clicks")


def test_a_source_may_be_several_topics_or_a_pattern() -> None:
    several, pattern = (
        source_from(Settings(source=f"kafka://a:1/{t}")) for t in ("clicks.v1,clicks.v2", r"clicks\.v\d?")
    )
    assert isinstance(several, KafkaSource)
    assert isinstance(pattern, KafkaSource)
    topics = ["clicks.v1", "clicks.v2", "clicks_v1", "__consumer_offsets"]
    assert [several.reads(topic) for topic in topics] == [True, True, False, False]
    assert [pattern.reads(topic) for topic in topics] == [True, True, False, False]
    assert not KafkaSource("a:1", ".*").reads("__consumer_offsets")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("latest", "latest"),
        ("2026-01-05T10:00:00Z", datetime(2026, 1, 5, 10, tzinfo=timezone.utc)),
        ('{"clicks": {"0": 1200, "1": 0}}', {"clicks": {"0": 1200, "1": 0}}),
    ],
)
def test_a_first_run_may_start_at_a_word_a_moment_or_offsets(text: str, start: object) -> None:
    source = source_from(Settings(source="kafka://a:1/clicks", starting_offsets=text))
    assert isinstance(source, KafkaSource)
    assert source.starting_offsets == start


@pytest.mark.parametrize(
    "value", ['{"spark.hadoop.fs.s3a.secret.key": "s3cret"', '{"a": {"b": "s3cret"}}', '["s3cret"]']
)
def test_a_spark_conf_is_never_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLICKSTREAM_SPARK_CONF", value)
    with pytest.raises(SettingsError, match="CLICKSTREAM_SPARK_CONF: its value is not allowed") as refused:
        from_env()
    said = "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in said + repr(Settings(spark_conf={"spark.x.password": "s3cret"}))


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_EVENT_TYPES", "click, scroll")
    monkeypatch.setenv("CLICKSTREAM_FUTURE_TOLERANCE", "PT5M")
    settings = from_env()
    assert settings.event_types == ("click", "scroll")
    assert settings.future_tolerance == timedelta(minutes=5)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_value_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blank: str) -> None:
    monkeypatch.chdir(tmp_path)
    usual = from_env()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"CLICKSTREAM_{name.upper()}", blank)
    assert from_env() == usual
    assert usual.home == tmp_path / ".clickstream"
