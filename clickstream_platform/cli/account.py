"""What ``verify --source`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from clickstream_platform.streaming.sources.files.unreadable import remedy_of
from clickstream_platform.terminal import line, verdict
from clickstream_platform.wording import amount_of, number_of

if TYPE_CHECKING:
    from clickstream_platform.streaming.audit.source_account import SourceAccount
    from clickstream_platform.streaming.sources.recount import Recount, VanishedInput

_BOOKED = ("read", "opened", "inside", "accepted", "quarantined", "duplicates", "passed_over", "replaced", "restored")
_COUNTED = ("unit", "checked", "bytes", "records", "opened", "inside")
_INDENT = " " * 9  # as wide as a verdict
FINDINGS = 20  # of a kind, to a person: --json has all


def account_picture(account: SourceAccount) -> RenderableType:
    """Whether the sources hold what the ledger says; what they say otherwise, and what could not be checked."""
    recount = account.recount
    return Group(
        *_counted(account),
        line(f"{_INDENT}the ledger: {_booked(account)}"),
        *_left_out(account),
        *_listed(account.errors, "contradictions", "bold red", label=""),
        *_listed(map(_vanished, recount.gone), "not checkable", "yellow"),
        *_listed(
            (f"{path}: {fault}; {remedy_of(fault)}" for path, fault in account.refused.items()),
            "refused whole",
            "yellow",
        ),
        *(line(f"{_INDENT}{note}", "yellow") for note in recount.notes[:FINDINGS]),
        *_listed(_unread(account), "not read yet"),
    )


def _counted(account: SourceAccount) -> list[Text]:
    """The verdict, and what was counted of each source."""
    several = len(account.recounts) > 1
    first, *others = (
        _count_of(f"the source {name}" if several else "the source", recount)
        for name, recount in account.recounts.items()
    )
    summary = verdict(account.clean, "DIFFERS")
    summary.append(" " * (len(_INDENT) - len(summary)) + first, "")
    return [summary, *(line(f"{_INDENT}{other}") for other in others)]


def _count_of(source: str, recount: Recount) -> str:
    size = f"{number_of(recount.bytes, 'byte')}, " if recount.unit == "files" else ""
    counted = f"{amount_of(recount.checked, recount.unit)}, {size}{number_of(recount.records, 'record')}"
    if recount.opened:
        counted += f", {number_of(recount.opened, 'envelope')} with {number_of(recount.inside, 'event')}"
    return f"{source}: {counted} counted"


def _booked(account: SourceAccount) -> str:
    """What the ledger says was read, and what became of it."""
    read = f"{number_of(account.read, 'record')} read"
    if account.opened:
        alone = account.read - account.opened
        envelopes = f"{number_of(account.opened, 'envelope')} with {number_of(account.inside, 'event')}"
        read += f" = {envelopes} + {alone:,} alone; {number_of(account.inside + alone, 'event')}"
    ways = f"{account.accepted:,} accepted + {account.quarantined:,} quarantined"
    ways += f" + {number_of(account.duplicates, 'duplicate')}"
    ways += f" + {account.passed_over:,} passed over" if account.passed_over else ""
    moved = f"; {account.replaced:,} gave way since, {account.restored:,} came back" if account.replaced else ""
    return f"{read} = {ways}{moved}"


def _unread(account: SourceAccount) -> Iterator[str]:
    for source, recount in account.recounts.items():
        for name, size in recount.unread.items():
            title = name if len(account.recounts) == 1 else f"{source}: {name}"
            yield f"{title}, {size:,} {'bytes' if recount.unit == 'files' else 'offsets'}"


def _left_out(account: SourceAccount) -> Iterator[Text]:
    for name, read in account.by_source.items():
        if name not in account.recounts:
            finding = f"{number_of(read, 'record')} of it are left out of CLICKSTREAM_SOURCE, and not counted again"
            yield line(f"{_INDENT}{name}: {finding}", "yellow")


def _listed(findings: Iterable[str], kind: str, style: str = "", *, label: str | None = None) -> Iterator[Text]:
    """The first findings of a kind, a line each; then how many there are more."""
    findings, prefix = list(findings), f"{kind}: " if label is None else label
    for finding in findings[:FINDINGS]:
        yield line(f"{_INDENT}{prefix}{finding}", style)
    if len(findings) > FINDINGS:
        yield line(f"{_INDENT}and {len(findings) - FINDINGS:,} more {kind}; --json lists all")


def _vanished(vanished: VanishedInput) -> str:
    size = "" if vanished.bytes is None else f"{number_of(vanished.bytes, 'byte')} and "
    return f"{vanished.what}: {vanished.why}; booked are {size}{number_of(vanished.records, 'record')}"


def account_fields(account: SourceAccount) -> dict[str, Any]:
    """The account as ``--json`` prints it: all of it."""
    recount = account.recount
    return {
        "clean": account.clean,
        "booked": {name: getattr(account, name) for name in _BOOKED},
        "counted": {name: getattr(recount, name) for name in _COUNTED},
        "errors": account.errors,
        "not_checkable": [asdict(each) for each in recount.gone],
        "sources": {
            name: {"read": read, "checked": counted.checked if (counted := account.recounts.get(name)) else None}
            for name, read in account.by_source.items()
        },
        "refused": account.refused,
        "unread": recount.unread,
        "notes": recount.notes,
    }
