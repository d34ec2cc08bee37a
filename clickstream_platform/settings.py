"""The settings: the only reader of the environment.

Each setting is a variable ``CLICKSTREAM_<NAME>``, else a line in ``.env``, else a file of the folder
``CLICKSTREAM_SECRETS``. Every default works on one machine, without any set-up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from clickstream_platform.cluster_settings import ClusterSettings
from clickstream_platform.files import folder_of_tables
from clickstream_platform.registry_settings import RegistrySettings
from clickstream_platform.setting_sources import DOTENV, PREFIX, SecretFiles, refusal, require_names, require_secrets
from clickstream_platform.source_list import by_name, format_by_name, starting_at
from clickstream_platform.wording import without_passwords

Names = Annotated[tuple[str, ...], NoDecode]  # separated by commas
LONGEST_SPAN = timedelta(days=366)  # so far after its event may a record with its event_id be a copy


class Settings(ClusterSettings, RegistrySettings):
    """What a user may set. Durations are ISO-8601 (``PT1H``) or ``HH:MM:SS``; sizes are bytes; blank is the default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=DOTENV, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    source: str = Field(
        default="",
        description="A landing folder, s3://bucket/prefix, or kafka://host:port/topic: topics by commas, or a pattern. "
        "Several: a JSON object of them by name. Default: <home>/landing.",
    )
    secrets: Path | None = Field(
        default=None, description="Folder of files that hold secrets, each called like its variable. Not set: none."
    )

    event_types: Names = Field(
        default=("click", "page_view", "purchase"),
        min_length=1,
        description="Accepted event types, separated by commas.",
    )
    mapping: str = Field(
        default="",
        description="What records look like: the name of a preset (segment, snowplow, ...), or a .toml file. "
        "Not set: our own shape.",
    )
    contract: str = Field(
        default="",
        description="Which typed columns events has besides: commerce, or a .toml file. Not set: none.",
    )
    future_tolerance: timedelta = Field(
        default=timedelta(hours=1), ge=timedelta(0), description="How far an event may lie ahead of its arrival."
    )
    max_record_bytes: int = Field(default=1_000_000, ge=1, description="A longer record is quarantined unread.")
    max_events_in_record: int = Field(
        default=10_000, ge=1, description="A record that holds more events is quarantined unopened."
    )
    max_unpacked_bytes: int = Field(
        default=16_000_000, ge=1, description="So is one of which more than this is unpacked, to get at its events."
    )
    timestamp_unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = Field(
        default="auto",
        description="Unit of timestamps that are numbers: auto (told by size), s, ms, us, ns; iso: no number is one.",
    )
    placeholder_ids: Literal["count", "reject"] = Field(
        default="count", description="What becomes of a record with an id such as null or undefined: count or reject."
    )
    duplicates: Literal["event_id,timestamp", "event_id"] = Field(
        default="event_id,timestamp", description="What makes an event a copy: both, or event_id alone, within a span."
    )
    duplicate_span: timedelta = Field(
        default=timedelta(days=7), gt=timedelta(0), le=LONGEST_SPAN, description="That span, after the event."
    )
    max_sequence_length: int = Field(default=1_000, ge=1, description="Events listed in a session's event_sequence.")
    alert_purchase_count: int = Field(
        default=5, ge=1, description="More purchases than this in one window are an alert."
    )
    alert_total_events: int = Field(default=100, ge=1, description="More events than this in one window are an alert.")
    pattern_clicks: int = Field(default=3, ge=2, description="So many clicks in a short time are rapid_clicks.")
    pattern_clicks_within: timedelta = Field(
        default=timedelta(seconds=10), gt=timedelta(0), description="The short time for rapid_clicks."
    )
    pattern_views: int = Field(
        default=3, ge=2, description="So many views of a product without buying it are a hesitation."
    )
    pattern_purchases: int = Field(default=3, ge=2, description="So many purchases in a short time are a burst.")
    pattern_purchases_within: timedelta = Field(
        default=timedelta(minutes=5), gt=timedelta(0), description="The short time for a purchase_burst."
    )
    alert_webhook: SecretStr = Field(
        default=SecretStr(""), description="Address that is sent each new alert as JSON. A secret."
    )
    alert_slack_webhook: SecretStr = Field(
        default=SecretStr(""), description="Incoming webhook of Slack, or of what takes the same. A secret."
    )
    max_event_age: timedelta = Field(
        default=timedelta(hours=24),
        gt=timedelta(0),
        description="The newest event may be this old before a check warns.",
    )
    max_rejected_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="More rejected records than this, of those that came last, fail a check. 1 allows all.",
    )
    max_duplicate_share: float = Field(
        default=0.5, ge=0, le=1, description="The same of duplicates. A producer that sends everything twice has 0.5."
    )
    max_share_rise: float = Field(
        default=5,
        gt=1,
        description="How many times the median share of the last runs either may be, "
        "where that is more than its maximum divided by this.",
    )
    mask_ip: Literal["keep", "/24", "drop"] = Field(
        default="keep", description="What becomes of ip_address: keep, /24 (IPv6: /48), or drop. For new events."
    )
    drop_fields: Names = Field(default=(), description="Fields of a record that are never written.")
    hash_fields: Names = Field(default=(), description="Fields of which only a keyed hash is written.")
    drop_url_parameters: Names = Field(default=(), description="Parameters of URLs that are never written.")
    hash_url_parameters: Names = Field(default=(), description="Those of which only a keyed hash is written.")
    hash_secret: SecretStr = Field(
        default=SecretStr(""), description="The key of these hashes, at least 16 characters. A secret."
    )
    retention: timedelta | None = Field(
        default=None,
        ge=timedelta(days=2),
        description="How long events are kept, by event date: P400D. Not set: always.",
    )
    quarantine_retention: timedelta | None = Field(
        default=None,
        ge=timedelta(days=1),
        description="How long rejected records are kept, by arrival: P30D. Not set: as long as events.",
    )
    files_kept: timedelta = Field(
        default=timedelta(days=7),
        ge=timedelta(hours=1),
        description="How long files stay after they left a table: as long as a reader or a backup may take.",
    )
    log_kept: timedelta = Field(
        default=timedelta(days=30),
        ge=timedelta(days=1),
        description="How long a table's older versions stay in its log: as far back as anybody asks for one.",
    )

    starting_offsets: str = Field(
        default="earliest",
        description="Kafka: where a first run starts: earliest, latest, a time, or offsets as a JSON object.",
    )
    max_offsets_per_trigger: int = Field(default=500_000, ge=1, description="Kafka: records in one micro-batch.")
    min_partitions: int = Field(
        default=0, ge=0, description="Kafka: tasks that read a micro-batch, at least; 0 for one a partition."
    )
    fail_on_data_loss: bool = Field(default=True, description="Kafka: stop when offsets not yet read are gone.")
    event_id_header: str = Field(
        default="", description="Kafka: the header that holds a record's event_id, if one does."
    )
    kafka_options: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        repr=False,  # holds passwords: see `from_env`
        description="Kafka: security.protocol, sasl.* and ssl.*, as a JSON object. Never shown.",
    )
    format: str = Field(
        default="auto",
        description="Files: how texts are read: auto, lines, json, csv or tsv; or by source, as a JSON object.",
    )
    file_rows: int = Field(default=25_000, ge=0, description="Events of a date that a task writes a file of; 0: never.")
    max_bytes_per_trigger: int = Field(default=128_000_000, ge=1, description="Files: bytes in one micro-batch.")

    spark_driver_memory: str = Field(
        default="2g", pattern=r"^[1-9][0-9]*[kmgt]$", description="The driver's heap, as 512m or 2g."
    )
    shuffle_partitions: int = Field(
        default=2, ge=1, le=4096, description="Partitions of a shuffle. The first run of a table freezes it."
    )
    max_state_rows: int = Field(
        default=10_000_000, ge=1, description="Rows in a table's state store, above which a run of it stops."
    )
    spark_conf: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict, repr=False, description="Further Spark confs, as a JSON object. Never shown."
    )
    cache: Path = Field(
        default_factory=lambda: user_cache_path("clickstream_platform"), description="Where the Spark jars are kept."
    )
    owner: str = Field(
        default="team:data",
        pattern=r"^(team:[\w.-]+|[^@\s]+@[^@\s]+)$",
        description="Owner of the assets in Dagster: an e-mail address or team:name.",
    )

    @field_validator(
        "event_types", "drop_fields", "hash_fields", "drop_url_parameters", "hash_url_parameters", mode="before"
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("spark_conf", "kafka_options", mode="before")
    @classmethod
    def _read_json(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("source", "starting_offsets", "format")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        read = {"source": by_name, "starting_offsets": starting_at, "format": format_by_name}
        read[info.field_name or ""](value)
        return value

    @field_validator("alert_webhook", "alert_slack_webhook")
    @classmethod
    def _an_address(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if value.get_secret_value() and (parts.scheme not in ("http", "https") or not parts.hostname):
            msg = "allowed: an address that begins with https:// or http://"
            raise ValueError(msg)
        return value

    @field_validator("home", "cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return folder_of_tables(value)

    @field_validator("*", mode="before")  # the last one of its kind runs first
    @classmethod
    def _blank_is_default(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str) and not value.strip():
            return cls.model_fields[info.field_name or ""].get_default(call_default_factory=True)
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """For ``repr`` and ``str``: an address may have a password in it."""
        for name, value in super().__repr_args__():
            yield name, without_passwords(value) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from: the first that has one."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)

    @property
    def sources(self) -> dict[str, str]:
        """The sources by name, in the order they are taken, with the default filled in."""
        return by_name(self.source or str(self.home / "landing"))

    def format_of(self, source: str) -> str:
        """How texts in a landing folder are read, by the source's name."""
        formats = format_by_name(self.format)
        return formats if isinstance(formats, str) else formats.get(source, "auto")

    @property
    def source_url(self) -> str:
        """The address of the first source."""
        return next(iter(self.sources.values()))


def from_env() -> Settings:
    """Read the settings from the environment, ``.env`` and the folder of secrets.

    A name that begins like a setting and is none, nor looks like one, is warned of.

    Raises:
        SettingsError: a value is not allowed; names the variable, the value and what is allowed. Or a name is no
            setting, but nearly one; or ``.env`` cannot be read, or names a setting in a line that sets nothing.
    """
    require_names(Settings)
    try:
        settings = Settings()
        _ = settings.lake_folder  # raises a SettingsError of its own
    except ValidationError as invalid:
        refused = refusal(invalid.errors()[0], Settings.model_fields)
    else:
        require_secrets(settings.secrets, Settings)
        return settings
    raise refused  # outside of the block: no traceback may show the value either
