"""What ``verify --source`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from clickstream_platform.terminal import line, verdict

if TYPE_CHECKING:
    from clickstream_platform.streaming.audit.source_account import SourceAccount
    from clickstream_platform.streaming.sources.recount import Gone

FINDINGS = 20  # of a kind, to a person: --json has all


def picture(found: SourceAccount) -> RenderableType:
    """Whether the source holds what the ledger says; what it says otherwise, and what could not be checked."""
    again = found.recount
    size = f"{again.bytes:,} bytes, " if again.unit == "files" else ""
    counted = f"the source: {again.checked:,} {again.unit}, {size}{again.records:,} records counted"
    summary = verdict(found.clean, "DIFFERS")
    summary.append(" " * (9 - len(summary)) + counted, "")
    ways = f"{found.accepted:,} accepted + {found.quarantined:,} quarantined + {found.duplicates:,} duplicates"
    ways += f" + {found.passed_over:,} passed over" if found.passed_over else ""
    booked = line(f"         the ledger: {found.read:,} records read = {ways}")
    parts: list[Text] = [line(f"         {each}", "bold red") for each in found.errors[:FINDINGS]]
    parts += _more(len(found.errors), "contradictions")
    parts += [line(f"         not checkable: {_gone(each)}", "yellow") for each in again.gone[:FINDINGS]]
    parts += _more(len(again.gone), "not checkable")
    parts += [line(f"         refused whole: {path}: {fault}", "yellow") for path, fault in _few(found.refused)]
    parts += _more(len(found.refused), "refused whole")
    parts += [line(f"         {each}", "yellow") for each in again.notes[:FINDINGS]]
    unit = "bytes" if again.unit == "files" else "offsets"
    parts += [line(f"         not read yet: {name}, {size:,} {unit}") for name, size in _few(again.unread)]
    return Group(summary, booked, *parts, *_more(len(again.unread), "not read yet"))


def _few(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(found.items())[:FINDINGS]


def _more(count: int, what: str) -> list[Text]:
    return [line(f"         and {count - FINDINGS:,} more {what}; --json lists all")] if count > FINDINGS else []


def _gone(found: Gone) -> str:
    size = "" if found.bytes is None else f"{found.bytes:,} bytes and "
    return f"{found.what}: {found.why}; booked are {size}{found.records:,} records"


def fields(found: SourceAccount) -> dict[str, Any]:
    """The same for programs, whole."""
    again = found.recount
    return {
        "clean": found.clean,
        "booked": {
            name: getattr(found, name) for name in ("read", "accepted", "quarantined", "duplicates", "passed_over")
        },
        "counted": {"unit": again.unit, "checked": again.checked, "bytes": again.bytes, "records": again.records},
        "errors": found.errors,
        "not_checkable": [asdict(each) for each in again.gone],
        "refused": found.refused,
        "unread": again.unread,
        "notes": again.notes,
    }
