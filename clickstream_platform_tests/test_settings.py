"""A wrong setting is refused before a JVM starts, by name, with what is allowed."""

from __future__ import annotations

import re
import traceback
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.options import check_options, for_client, for_spark
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.named import source_from, sources_from
from clickstream_platform_tests.topics import pkcs8


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
        ("LAKE", "s3a://bucket/lake", "a folder, or s3://bucket/prefix"),
        ("LAKE", "az://container/lake", "stores of other kinds were never tried"),
        ("LAKE", "gs://bucket/lake", "stores of other kinds were never tried"),
        ("LAKE", "s3://bucket", "a folder, or s3://bucket/prefix"),
        ("LAKE", "s3://bucket/a b", "the prefix of letters"),
        ("LAKE", "s3://key:s3cret@bucket/lake", "a folder, or s3://bucket/prefix"),
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


@pytest.mark.parametrize(
    "value", ['{"spark.hadoop.fs.s3a.secret.key": "s3cret"', '{"a": {"b": "s3cret"}}', '["s3cret"]']
)
def test_a_spark_conf_is_never_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLICKSTREAM_SPARK_CONF", value)
    with pytest.raises(SettingsError, match="CLICKSTREAM_SPARK_CONF: its value is not allowed") as refused:
        from_env()
    said = "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in said + repr(Settings(spark_conf={"spark.x.password": "s3cret"}))


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


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_EVENT_TYPES", "click, scroll")
    monkeypatch.setenv("CLICKSTREAM_FUTURE_TOLERANCE", "PT5M")
    settings = from_env()
    assert settings.event_types == ("click", "scroll")
    assert settings.future_tolerance == timedelta(minutes=5)


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
    with pytest.raises(SettingsError, match=r"secrets.*CLICKSTREAM_SECRETS|CLICKSTREAM_SECRETS: .*secrets"):
        from_env()


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_value_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, blank: str) -> None:
    monkeypatch.chdir(tmp_path)
    usual = from_env()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"CLICKSTREAM_{name.upper()}", blank)
    assert from_env() == usual
    assert usual.home == tmp_path / ".clickstream"


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
