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
from clickstream_platform.store.place import SCHEMES, Place, StorePath, is_on_store
from clickstream_platform.store_settings import UNTRIED
from clickstream_platform.streaming.sources.files.landing import landing_at
from clickstream_platform.streaming.sources.files.source import FileSource
from clickstream_platform.streaming.sources.kafka.source import ALLOWED, KafkaSource, kafka_source
from clickstream_platform.streaming.sources.overlap import VARIABLE, require_apart
from clickstream_platform.wording import without_passwords

_NO_FOLDER = "it is no folder to write to", "say --kafka, or where with --folder"

Named = FileSource | KafkaSource


def sources_from(settings: Settings) -> tuple[Named, ...]:
    """The sources that the settings name, in the order they are taken; at least one.

    Raises:
        SettingsError: one is neither a local folder nor ``s3://bucket/prefix`` nor ``kafka://host:port/topic``, or two,
            or one and the lake, have something in common;
            or a format is given for one that is not there.
    """
    _require_there(settings)
    sources = [_source(settings, url, name) for name, url in settings.sources.items()]
    if set(settings.sources) != {MAIN}:
        sources = [source.one_of_several() for source in sources]
        require_apart(sources)
    return tuple(
        _own_starting_offsets(source, sources) if isinstance(source, KafkaSource) else source for source in sources
    )


def source_from(settings: Settings) -> Named:
    """The first source that the settings name. Raises what :func:`sources_from` does."""
    return sources_from(settings)[0]


def folders_from(settings: Settings) -> list[FileSource]:
    """The sources of files that the settings name, the first one first.

    Raises:
        SettingsError: they name none.
    """
    if folders := [source for source in sources_from(settings) if isinstance(source, FileSource)]:
        return folders
    raise SettingsError(VARIABLE, *_NO_FOLDER)


def folder_from(settings: Settings) -> Path:
    """The first landing folder of this machine that the settings name. Raises what :func:`folders_from` does."""
    folders = [place for source in folders_from(settings) if not is_on_store(place := source.folder)]
    if not folders:
        raise SettingsError(VARIABLE, *_NO_FOLDER)
    return folders[0]


def topics_from(settings: Settings) -> KafkaSource:
    """The topics that the settings name; of several such sources, the first.

    Raises:
        SettingsError: they name folders only.
    """
    topics = next((source for source in sources_from(settings) if isinstance(source, KafkaSource)), None)
    if topics:
        return topics
    raise SettingsError(VARIABLE, "it is no topic to produce to", "set it to kafka://host:port/topic")


def _source(settings: Settings, url: str, name: str) -> Named:
    scheme, _, _ = url.partition("://")
    if scheme == "kafka":
        return kafka_source(settings, url, name)
    sizes = settings.max_bytes_per_trigger, settings.max_record_bytes
    if scheme in (*SCHEMES, *UNTRIED):
        return FileSource(_on_store(settings, url), *sizes, name, _format(settings, name))
    if scheme not in (url, "file"):
        raise SettingsError(VARIABLE, without_passwords(f"{url!r} is not allowed"), ALLOWED)
    return FileSource(_folder(url), *sizes, name, _format(settings, name))


def _on_store(settings: Settings, url: str) -> StorePath:
    """A place on the store; not one that the lake lies in, or that lies in the lake: it would read its own tables."""
    place, lake = settings.place_at(url, VARIABLE), settings.lake_folder
    if settings.store_endpoint and is_on_store(lake) and lake.access.scheme != place.access.scheme:
        finding = f"one address is that of {lake} and of {place}, which stores of two kinds have"
        raise SettingsError("CLICKSTREAM_STORE_ENDPOINT", finding, "let lake and source be on one store")
    if shared := landing_at(place).overlap_with(lake, links=False):
        raise SettingsError(VARIABLE, f"the lake lies there: {shared}", "name a place beside the lake")
    return place


def _format(settings: Settings, name: str) -> str:
    """How texts are read. A mapping whose records are no JSON objects reads lines, if nothing else is said."""
    format_name = settings.format_of(name)
    mapping = mapping_named(settings.mapping) if format_name == "auto" else None
    return format_name if mapping is None or mapping.reads_objects else "lines"


def format_at(settings: Settings, path: Place) -> str:
    """How a run would read the texts at a path: as its source says, if it lies in one; else as the settings say of all.

    Raises what :func:`sources_from` does.
    """
    sources = (source for source in sources_from(settings) if isinstance(source, FileSource))
    whole = str(path.absolute())
    source = next((each for each in sources if whole == str(each.folder) or each.landing.has(whole)), None)
    return source.format if source else _format(settings, "")


def _require_there(settings: Settings) -> None:
    formats = format_by_name(settings.format)
    for name in formats if isinstance(formats, dict) else ():
        if name not in settings.sources:
            remedy = f"choose from {', '.join(settings.sources)}"
            raise SettingsError("CLICKSTREAM_FORMAT", f"no source is called {name!r}", remedy)


def _own_starting_offsets(source: KafkaSource, sources: Sequence[Named]) -> KafkaSource:
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
