"""``clickstream check``: what would become of records that are nowhere yet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple

import pyarrow as pa
import typer

from clickstream_platform.cli import checked_view
from clickstream_platform.cli.app import AsJson, exit_unless, print_json
from clickstream_platform.errors import SettingsError
from clickstream_platform.events.contract.written import contract_named
from clickstream_platform.events.mapping import producers
from clickstream_platform.events.mapping.checking import CheckSummary, check_records
from clickstream_platform.events.mapping.draft import draft_mapping
from clickstream_platform.events.mapping.model import Envelope
from clickstream_platform.events.mapping.named import OWN, mapping_named, presets
from clickstream_platform.events.mapping.unfolding import ways_in
from clickstream_platform.events.rules import Rules
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.source_list import FORMATS
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.streaming.sources.kafka.sample import sample_topics
from clickstream_platform.streaming.sources.named import format_at, topics_from
from clickstream_platform.streaming.sources.source import PartRead
from clickstream_platform.tables.events import rules_from
from clickstream_platform.terminal import show

PANEL = "Check"
commands = typer.Typer()
LOOKED_AT = 200  # records by which a producer is told
FEW = 50  # of those that lie in others, where each object may be one


class Sample(NamedTuple):
    """Some records, and the files among them that cannot be read, with what was found."""

    batches: list[pa.RecordBatch]
    refused: dict[str, str]


@commands.command(
    rich_help_panel=PANEL,
    epilog="Example: clickstream check events.json  |  clickstream check day.json.gz --mapping segment --records"
    "  |  clickstream check kafka://localhost:9092/clicks --write mine.toml",
)
def check(
    what: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A file, a folder of files, s3://bucket/key, or kafka://host:port/topic."),
    ],
    *,
    mapping: Annotated[
        str | None,
        typer.Option(
            help="A preset, a .toml file, or own. Default: CLICKSTREAM_MAPPING, or what it looks like.",
            autocompletion=lambda incomplete: [name for name in (*presets(), OWN) if name.startswith(incomplete)],
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="auto, lines, json, csv or tsv: how a text is read. Default: as CLICKSTREAM_FORMAT."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Records looked at.")] = 10_000,
    records: Annotated[bool, typer.Option("--records", help="What becomes of each record.")] = False,
    write: Annotated[
        Path | None, typer.Option(help="Write a mapping to start from to this file.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What would become of each record of a file or a topic, and why; whose they look like. Needs no JVM and no lake.

    Exit code 1 if a record would be rejected, a file cannot be read, or there are no records.
    """
    settings = from_env()
    sample = _sample(what, _as_mapped(settings, mapping), limit, form)
    likely = _likely(sample, settings)
    name = _name(mapping, settings, likely)
    result = check_records(sample.batches, rules_from(settings.model_copy(update={"mapping": name})))
    inside = None if likely is not None or name else _inside(result, settings)
    begun = write if result.records else None  # of nothing none is begun
    if begun:
        _write(begun, draft_mapping(result, *(inside or (name, ()))))
    report = checked_view.CheckReport(
        result, likely, name, sample.refused, str(begun) if begun else None, inside[0] if inside else None
    )
    print_json(checked_view.check_fields(report)) if as_json else show(
        checked_view.check_picture(report, with_fates=records)
    )
    exit_unless(result.is_clean and not sample.refused)


def _as_mapped(settings: Settings, mapping: str | None) -> Settings:
    if mapping is None:
        return settings
    name = "" if mapping == "own" else mapping
    contract = contract_named(settings.contract)
    mapping_named(name, "--mapping", contract.names if contract else ())
    return settings.model_copy(update={"mapping": name})


def _sample(what: str, settings: Settings, limit: int, form: str | None) -> Sample:
    if what.startswith("kafka://"):
        topic = topics_from(settings.model_copy(update={"source": what}))
        return Sample(list(_first(sample_topics(topic, limit), limit)), {})
    batches, refused = list[pa.RecordBatch](), dict[str, str]()
    remaining, path = limit, settings.place_at(what, "FILE") if "://" in what else Path(what).expanduser()
    for each in sample_files(path, settings.max_record_bytes, _declared(form, settings, path)):
        if isinstance(each, PartRead):
            refused |= {each.partition: each.fault} if each.fault else {}
        elif remaining > 0:
            batches.append(each.slice(0, remaining))
            remaining -= each.num_rows
        if remaining <= 0:
            break
    # A file that cannot be read to its end is refused whole: none of its records count.
    return Sample([_without_refused(batch, refused) for batch in batches], refused)


def _declared(form: str | None, settings: Settings, path: Place) -> str:
    if form is None:
        return format_at(settings, path)
    if form not in FORMATS:
        raise SettingsError("--format", f"{form!r} is not allowed", f"choose from {', '.join(FORMATS)}")
    return form


def _first(batches: Iterator[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if limit <= 0:
            return
        yield batch.slice(0, limit)
        limit -= batch.num_rows


def _without_refused(batch: pa.RecordBatch, refused: dict[str, str]) -> pa.RecordBatch:
    return batch.filter(pa.array([each not in refused for each in batch["partition"].to_pylist()], pa.bool_()))


def _likely(sample: Sample, settings: Settings) -> str | None:
    """The preset that they look like, empty for our own shape; None if they look like none."""
    rows = (
        pa.Table.from_batches(sample.batches).slice(0, LOOKED_AT).combine_chunks().to_batches()
        if sample.batches
        else []
    )
    return producers.producer_of(next(islice(rows, 1)), _every_rules(settings)) if rows else None


def _every_rules(settings: Settings) -> dict[str, Rules]:
    return {name: rules_from(settings.model_copy(update={"mapping": name})) for name in producers.known_producers()}


def _inside(checked: CheckSummary, settings: Settings) -> tuple[str, tuple[Envelope, ...]] | None:
    """The producer whose events lie in the records, if these are of none, and what is around them."""
    for way in ways_in(checked.first, checked.lines):
        records = producers.as_records(way.events[:FEW])
        name = producers.producer_of(records, _every_rules(settings)) if len(records) else None
        if name is not None:
            return name or OWN, way.layers
    return None


def _name(mapping: str | None, settings: Settings, likely: str | None) -> str:
    if mapping:
        return "" if mapping == "own" else mapping
    return settings.mapping or likely or ""


def _write(file: Path, text: str) -> None:
    if file.exists():
        raise SettingsError("--write", f"{file} is there already", "name a file that is not, or remove it")
    if not file.parent.is_dir():
        raise SettingsError("--write", f"there is no folder {file.parent}", "make it first")
    file.write_text(text, encoding="utf-8")
