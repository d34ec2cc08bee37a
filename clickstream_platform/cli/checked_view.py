"""What ``check`` prints."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from clickstream_platform.events.contract.model import PREFIX
from clickstream_platform.events.mapping.checking import EVENT, PASSED_OVER, REJECTED, CheckSummary
from clickstream_platform.events.schema import Reason
from clickstream_platform.streaming.sources.files.unreadable import remedy_of
from clickstream_platform.terminal import grid, line
from clickstream_platform.wording import number_of

ENCODE = "export as UTF-8, or convert the file before it lands: iconv -f WINDOWS-1252 -t UTF-8, if Windows wrote it"
LARGER = (
    "how large a record may be say CLICKSTREAM_MAX_RECORD_BYTES and, of what is in it, "
    "CLICKSTREAM_MAX_EVENTS_IN_RECORD and CLICKSTREAM_MAX_UNPACKED_BYTES; or let smaller ones land"
)
FEW = 15  # lines of a kind, to a person: --json has all


class CheckReport(NamedTuple):
    """What ``check`` found, and by which mapping.

    Attributes:
        result: what becomes of the records.
        likely: the preset that they look like, empty for our own shape; None for none.
        mapping: by which they were read; empty for our own shape.
        refused: files that cannot be read, with what was found.
        written: the file to which a mapping was written, if one was.
        inside: whose events lie in the records, if these are of none of the known producers.
    """

    result: CheckSummary
    likely: str | None
    mapping: str
    refused: dict[str, str]
    written: str | None
    inside: str | None = None


def check_picture(report: CheckReport, *, with_fates: bool) -> RenderableType:
    """The report as a person is shown it."""
    summary = report.result
    parts: list[RenderableType] = [line(_likeness(report)), _summary(summary)]
    parts += [
        line(f"refused whole: {file}: {fault}; {remedy_of(fault)}", "bold red")
        for file, fault in report.refused.items()
    ]
    parts += [
        line(
            f"{number_of(summary.placeholders, 'event has', 'events have')} an id that is none, such as undefined",
            "yellow",
        )
    ] * bool(summary.placeholders)
    parts += [
        line(f"contract: {rule.removeprefix(PREFIX)} is broken by {number_of(count, 'event')}", "yellow")
        for rule, count in summary.violations.most_common()
    ]
    if with_fates:
        parts += ["", grid(*_EACH, right=("offset", "index"), wrap=("why",), rows=_fates(summary))]
    if summary.examples:
        parts += ["", _rejected(summary)]
    if summary.no_text:
        records = number_of(summary.no_text, "rejected record is no UTF-8", "rejected records are no UTF-8")
        parts += [line(f"{records}: {ENCODE}", "yellow")]
    if Reason.TOO_LARGE.value in summary.reasons:
        parts += [line(f"too_large: {LARGER}", "yellow")]
    if summary.count(EVENT):
        types = [(name, count) for name, count in summary.event_types.most_common(FEW)]
        parts += ["", grid("event type", "events", right=("events",), cut=("event type",), rows=types)]
    if summary.columns or summary.paths:
        parts += ["", _columns(report)]
    if summary.extra:
        rows = summary.extra.most_common(FEW)
        parts += ["", grid("no column takes, kept in extra", "records", right=("records",), rows=rows)]
        parts += [line(f"and {len(summary.extra) - FEW:,} more; --json lists all")] if len(summary.extra) > FEW else []
    parts += ["", *_next(report)]
    return Group(*parts)


def _likeness(report: CheckReport) -> str:
    whose = {None: "none of the known producers", "": "our own shape"}.get(report.likely, report.likely)
    by = report.mapping or "our own shape"
    inside = f", around events that look like {report.inside}" if report.inside else ""
    return f"looks like {whose}{inside}; read by {by}"


def _summary(summary: CheckSummary) -> Text:
    others = f"{summary.count(PASSED_OVER):,} passed over + {summary.count(REJECTED):,} rejected"
    ways = f"{number_of(summary.count(EVENT), 'event')} + {others}"
    reasons = ", ".join(f"{why} {count:,}" for why, count in summary.passed_over.most_common())
    ways += f" (passed over: {reasons})" if reasons else ""
    records = number_of(summary.records, "record")
    text = f"{records} = {ways}"
    if summary.opened:
        alone = summary.records - summary.opened
        opened = f"{number_of(summary.opened, 'envelope')} with {number_of(summary.inside, 'event')}"
        text = f"{records} = {opened} + {alone:,} alone; {number_of(summary.inside + alone, 'event')} = {ways}"
    return line(text, "green" if summary.is_clean else "yellow")


_EACH = ("partition", "offset", "index", "becomes", "why")


def _fates(summary: CheckSummary) -> list[tuple[str, int, int, str, str]]:
    return [(each.partition, each.offset, each.nth, each.fate, each.why) for each in summary.fates]


def _rejected(summary: CheckSummary) -> RenderableType:
    rows = [
        (reason, summary.reasons[reason], f"{partition} {offset}: {example}")
        for reason, examples in summary.examples.items()
        for partition, offset, example in examples[:1]
    ]
    return grid(
        "rejected for", "records", "the first of them", right=("records",), cut=("the first of them",), rows=rows
    )


def _columns(report: CheckReport) -> RenderableType:
    summary = report.result
    paths = {name: ", ".join(f"{path} {count:,}" for path, count in of.items()) for name, of in summary.paths.items()}
    names = [*summary.paths, *(name for name in summary.columns if name not in summary.paths)]
    rows = [(name, summary.columns[name], paths.get(name, "-" if report.mapping else name)) for name in names]
    return grid(
        "column",
        "events",
        "found at, in so many records",
        right=("events",),
        wrap=("found at, in so many records",),
        rows=rows,
    )


def _next(report: CheckReport) -> list[Text]:
    lines: list[Text] = []
    if not report.result.records:
        return [line("there is no record to look at", "yellow")]
    if never := report.result.never:
        paths = ", ".join(f"{column}: {path}" for column, path in never[:FEW])
        match = number_of(len(never), "path matches", "paths match")
        lines.append(line(f"{match} no record of {report.result.records:,}: {paths}", "yellow"))
    if report.written:
        file = report.written
        lines.append(line(f"{file} is a mapping to start from: clickstream check ... --mapping {file}"))
    elif report.likely is None and not report.mapping:
        lines.append(line("`clickstream check ... --write mine.toml` writes a mapping to start from"))
    elif report.mapping:
        lines.append(line(f"to take them in: CLICKSTREAM_MAPPING={report.mapping} clickstream run"))
    return lines


def check_fields(report: CheckReport) -> dict[str, Any]:
    """The report as ``--json`` prints it: all of it."""
    summary = report.result
    return {
        "looks_like": report.likely if report.likely != "" else "own",
        "mapping": report.mapping or "own",
        "inside": report.inside,
        "records": summary.records,
        "envelopes": summary.opened,
        "events_inside": summary.inside,
        "events": summary.count(EVENT),
        "passed_over": dict(summary.passed_over),
        "rejected": summary.count(REJECTED),
        "reasons": dict(summary.reasons),
        "not_utf8": summary.no_text,
        "placeholder_ids": summary.placeholders,
        "violations": dict(summary.violations),
        "event_types": dict(summary.event_types),
        "columns": dict(summary.columns),
        "paths": summary.paths,
        "never_matched": [{"column": column, "path": path} for column, path in summary.never],
        "extra": dict(summary.extra),
        "refused": report.refused,
        "fates": [{**(fields := each._asdict()), "index": fields.pop("nth")} for each in summary.fates],
        "written": report.written,
    }
