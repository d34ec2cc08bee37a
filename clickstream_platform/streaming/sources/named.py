"""The source that the settings name: a line for each kind."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.source import ALLOWED, KafkaSource, kafka_source


def source_from(settings: Settings) -> FileSource | KafkaSource:
    """The source that the settings name.

    Raises:
        SettingsError: the source is neither a local folder nor ``kafka://host:port/topic``.
    """
    parts = urlsplit(settings.source_url)
    if parts.scheme in ("", "file"):
        return FileSource(Path(parts.path).expanduser().absolute(), settings.max_bytes_per_trigger)
    if parts.scheme == "kafka":
        return kafka_source(settings)
    raise SettingsError("CLICKSTREAM_SOURCE", f"{settings.source_url!r} is not allowed", ALLOWED)
