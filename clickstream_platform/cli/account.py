"""What ``verify --source`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from clickstream_platform.terminal import line, verdict
from clickstream_platform.wording import amount_of, number_of

if TYPE_CHECKING:
    from clickstream_platform.streaming.audit.source_account import SourceAccount
    from clickstream_platform.streaming.sources.recount import Recount, VanishedInput

_BOOKED = ("read", "opened", "inside", "accepted", "quarantined", "duplicates", "passed_over", "replaced", "restored")
_COUNTED = ("unit", "checked", "bytes", "records", "opened", "inside")
FINDINGS = 20  # of a kind, to a person: --json has all


def account_picture(found: SourceAccount) -> RenderableType:
    """Whether the sources hold what the ledger says; what they say otherwise, and what could not be checked."""
    again = found.recount
    summary = verdict(found.clean, "DIFFERS")
    first, *more = [_counted(name, each, several=len(found.recounts) > 1) for name, each in found.recounts.items()]
    summary.append(" " * (9 - len(summary)) + first, "")
    ways = (
        f"{found.accepted:,} accepted + {found.quarantined:,} quarantined + {number_of(found.duplicates, 'duplicate')}"
    )
    ways += f" + {found.passed_over:,} passed over" if found.passed_over else ""
    read = f"{number_of(found.read, 'record')} read"
    if found.opened:
        alone = found.read - found.opened
        read += f" = {number_of(found.opened, 'envelope')} with {number_of(found.inside, 'event')} + {alone:,} alone"
        read += f"; {number_of(found.inside + alone, 'event')}"
    moved = f"; {found.replaced:,} gave way since, {found.restored:,} came back" if found.replaced else ""
    booked = line(f"         the ledger: {read} = {ways}{moved}")
    parts: list[Text] = [line(f"         {each}", "bold red") for each in found.errors[:FINDINGS]]
    parts += _more(len(found.errors), "contradictions")
    parts += [line(f"         not checkable: {_gone(each)}", "yellow") for each in again.gone[:FINDINGS]]
    parts += _more(len(again.gone), "not checkable")
    parts += [line(f"         refused whole: {path}: {fault}", "yellow") for path, fault in _few(found.refused)]
    parts += _more(len(found.refused), "refused whole")
    parts += [line(f"         {each}", "yellow") for each in again.notes[:FINDINGS]]
    unread = list(_unread(found))
    parts += [line(f"         not read yet: {each}") for each in unread[:FINDINGS]]
    parts += _more(len(unread), "not read yet")
    return Group(summary, *(line(f"         {each}") for each in more), booked, *_left_out(found), *parts)


def _counted(name: str, again: Recount, *, several: bool) -> str:
    size = f"{number_of(again.bytes, 'byte')}, " if again.unit == "files" else ""
    which = f"the source {name}" if several else "the source"
    held = f", {number_of(again.opened, 'envelope')} with {number_of(again.inside, 'event')}" if again.opened else ""
    return f"{which}: {amount_of(again.checked, again.unit)}, {size}{number_of(again.records, 'record')}{held} counted"


def _unread(found: SourceAccount) -> Iterator[str]:
    for source, again in found.recounts.items():
        for name, size in again.unread.items():
            what = name if len(found.recounts) == 1 else f"{source}: {name}"
            yield f"{what}, {size:,} {'bytes' if again.unit == 'files' else 'offsets'}"


def _left_out(found: SourceAccount) -> list[Text]:
    left = {name: read for name, read in found.by_source.items() if name not in found.recounts}
    said = "are left out of CLICKSTREAM_SOURCE, and not counted again"
    return [line(f"         {name}: {number_of(read, 'record')} of it {said}", "yellow") for name, read in left.items()]


def _few(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(found.items())[:FINDINGS]


def _more(count: int, what: str) -> list[Text]:
    return [line(f"         and {count - FINDINGS:,} more {what}; --json lists all")] if count > FINDINGS else []


def _gone(found: VanishedInput) -> str:
    size = "" if found.bytes is None else f"{number_of(found.bytes, 'byte')} and "
    return f"{found.what}: {found.why}; booked are {size}{number_of(found.records, 'record')}"


def account_fields(found: SourceAccount) -> dict[str, Any]:
    """The account as ``--json`` prints it: all of it."""
    again = found.recount
    return {
        "clean": found.clean,
        "booked": {name: getattr(found, name) for name in _BOOKED},
        "counted": {name: getattr(again, name) for name in _COUNTED},
        "errors": found.errors,
        "not_checkable": [asdict(each) for each in again.gone],
        "sources": {
            name: {"read": read, "checked": one.checked if (one := found.recounts.get(name)) else None}
            for name, read in found.by_source.items()
        },
        "refused": found.refused,
        "unread": again.unread,
        "notes": again.notes,
    }
