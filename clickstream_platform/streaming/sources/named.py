"""The sources that the settings name: a line for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.mapping.named import mapping_named
from clickstream_platform.settings import Settings
from clickstream_platform.source_list import MAIN, format_by_name
from clickstream_platform.streaming.sources.apart import require_apart
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.source import ALLOWED, KafkaSource, kafka_source
from clickstream_platform.wording import without_passwords

Named = FileSource | KafkaSource


def sources_from(settings: Settings) -> tuple[Named, ...]:
    """The sources that the settings name, in the order they are taken; at least one.

    Raises:
        SettingsError: one is neither a local folder nor ``kafka://host:port/topic``, or two have something in common;
            or a format is given for one that is not there.
    """
    _require_there(settings)
    found = [_source(settings, url, name) for name, url in settings.sources.items()]
    if set(settings.sources) != {MAIN}:
        found = [source.one_of_several() for source in found]
        require_apart(found)
    return tuple(_starting(source, found) if isinstance(source, KafkaSource) else source for source in found)


def source_from(settings: Settings) -> Named:
    """The first source that the settings name. Raises what :func:`sources_from` does."""
    return sources_from(settings)[0]


def folders_from(settings: Settings) -> list[FileSource]:
    """The landing folders that the settings name, the first one first.

    Raises:
        SettingsError: they name none.
    """
    if found := [source for source in sources_from(settings) if isinstance(source, FileSource)]:
        return found
    raise SettingsError("CLICKSTREAM_SOURCE", "it is no folder to write to", "say --kafka, or where with --folder")


def folder_from(settings: Settings) -> FileSource:
    """The first landing folder that the settings name. Raises what :func:`folders_from` does."""
    return folders_from(settings)[0]


def topics_from(settings: Settings) -> KafkaSource:
    """The topics that the settings name; of several such sources, the first.

    Raises:
        SettingsError: they name folders only.
    """
    found = next((source for source in sources_from(settings) if isinstance(source, KafkaSource)), None)
    if found:
        return found
    raise SettingsError("CLICKSTREAM_SOURCE", "it is no topic to produce to", "set it to kafka://host:port/topic")


def _source(settings: Settings, url: str, name: str) -> Named:
    scheme, _, _ = url.partition("://")
    if scheme == "kafka":
        return kafka_source(settings, url, name)
    if scheme not in (url, "file"):
        raise SettingsError("CLICKSTREAM_SOURCE", without_passwords(f"{url!r} is not allowed"), ALLOWED)
    sizes = settings.max_bytes_per_trigger, settings.max_record_bytes
    return FileSource(_folder(url), *sizes, name, _format(settings, name))


def _format(settings: Settings, name: str) -> str:
    """How texts are read. A mapping whose records are no JSON objects reads lines, if nothing else is said."""
    said = settings.format_of(name)
    mapping = mapping_named(settings.mapping) if said == "auto" else None
    return said if mapping is None or mapping.reads_objects else "lines"


def format_at(settings: Settings, path: Path) -> str:
    """How a run would read the texts at a path: as its source says, if it lies in one; else as the settings say of all.

    Raises what :func:`sources_from` does.
    """
    sources = (source for source in sources_from(settings) if isinstance(source, FileSource))
    found = next((source for source in sources if path.absolute().is_relative_to(source.folder)), None)
    return found.format if found else _format(settings, "")


def _require_there(settings: Settings) -> None:
    given = format_by_name(settings.format)
    for name in given if isinstance(given, dict) else ():
        if name not in settings.sources:
            there = f"choose from {', '.join(settings.sources)}"
            raise SettingsError("CLICKSTREAM_FORMAT", f"no source is called {name!r}", there)


def _starting(source: KafkaSource, sources: Sequence[Named]) -> KafkaSource:
    """Of starting offsets by topic those that are not another source's: a topic that nobody reads is refused later."""
    if not isinstance(source.starting_offsets, dict):
        return source
    others = [other for other in sources if isinstance(other, KafkaSource) and other is not source]
    own = {
        topic: offsets
        for topic, offsets in source.starting_offsets.items()
        if source.reads(topic) or not any(other.reads(topic) for other in others)
    }
    return replace(source, starting_offsets=own)


def _folder(url: str) -> Path:
    """The folder as an absolute path. One with ``..`` in it is resolved, or files in it would seem to lie outside."""
    folder = Path(unquote(urlsplit(url).path) if url.startswith("file://") else url.removeprefix("file:")).expanduser()
    return folder.resolve() if ".." in folder.parts else folder.absolute()
