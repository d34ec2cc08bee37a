"""The source that the settings name: a line for each kind."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.source import ALLOWED, KafkaSource, kafka_source
from clickstream_platform.wording import without_passwords


def source_from(settings: Settings) -> FileSource | KafkaSource:
    """The source that the settings name.

    Raises:
        SettingsError: the source is neither a local folder nor ``kafka://host:port/topic``.
    """
    scheme, _, _ = settings.source_url.partition("://")
    if scheme == "kafka":
        return kafka_source(settings)
    if scheme not in (settings.source_url, "file"):
        raise SettingsError("CLICKSTREAM_SOURCE", without_passwords(f"{settings.source_url!r} is not allowed"), ALLOWED)
    return FileSource(_folder(settings), settings.max_bytes_per_trigger, settings.max_record_bytes)


def folder_from(settings: Settings) -> FileSource:
    """The landing folder that the settings name.

    Raises:
        SettingsError: they name a topic.
    """
    source = source_from(settings)
    if isinstance(source, FileSource):
        return source
    raise SettingsError("CLICKSTREAM_SOURCE", "it is no folder to write to", "say --kafka, or where with --folder")


def topics_from(settings: Settings) -> KafkaSource:
    """The topics that the settings name.

    Raises:
        SettingsError: they name a folder.
    """
    source = source_from(settings)
    if isinstance(source, KafkaSource):
        return source
    raise SettingsError("CLICKSTREAM_SOURCE", "it is no topic to produce to", "set it to kafka://host:port/topic")


def _folder(settings: Settings) -> Path:
    """The folder as an absolute path. One with ``..`` in it is resolved, or files in it would seem to lie outside."""
    url = settings.source_url
    folder = Path(unquote(urlsplit(url).path) if url.startswith("file://") else url.removeprefix("file:")).expanduser()
    return folder.resolve() if ".." in folder.parts else folder.absolute()
