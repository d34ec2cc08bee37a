"""Two versions of a contract, compared: what a change means for who sends events and for who reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clickstream_platform.events.contract.casting import cast_values
from clickstream_platform.events.contract.model import Contract, DeclaredColumn


class Change(NamedTuple):
    """One difference between two contracts of columns.

    Attributes:
        column: of which column.
        what: what has changed, in words.
        is_compatible: whether what was sent before still breaks no rule, and who reads the column finds what they did.
    """

    column: str
    what: str
    is_compatible: bool


def contract_changes(old: Contract, new: Contract) -> list[Change]:
    """What has changed, by column: those of the old contract first, in their order."""
    then, now = ({each.name: each for each in of.columns} for of in (old, new))
    changes: list[Change] = []
    for name, column in then.items():
        changes += _of_column(column, now[name]) if name in now else [Change(name, "is no longer declared", False)]
    for name, column in now.items():
        if name not in then:
            changes.append(Change(name, f"is new{_new(column)}", not _new(column)))
    return changes


def _of_column(old: DeclaredColumn, new: DeclaredColumn) -> Iterator[Change]:
    name = old.name
    if old.type != new.type:
        yield Change(name, f"was {old.type} and is {new.type}: a lake refuses that", False)
        return
    if old.required != new.required:
        yield Change(name, f"required was {_spoken(old)} and is {_spoken(new)}", _needs_no_more(old, new))
    if set(old.one_of) != set(new.one_of):
        more = not new.one_of or (bool(old.one_of) and set(old.one_of) <= set(new.one_of))
        yield Change(name, f"one_of {'allows more' if more else 'no longer allows all that it did'}", more)
    for key, sign in (("min", 1), ("max", -1)):
        yield from _of_limit(name, old.type, key, (getattr(old, key), getattr(new, key)), sign)
    if old.pattern != new.pattern:
        yield Change(name, f"pattern was {old.pattern!r} and is {new.pattern!r}", not new.pattern)
    if old.severity != new.severity:
        yield Change(name, f"severity was {old.severity} and is {new.severity}", new.severity == "count")
    if old.description != new.description:
        yield Change(name, "is described otherwise", True)


def _new(column: DeclaredColumn) -> str:
    """What of a new column events may break that were accepted before; empty if nothing, in words to be appended."""
    if column.required:
        return ", and required"
    return ", and rejects what breaks it" if column.severity == "reject" else ""


def _spoken(column: DeclaredColumn) -> str:
    return str(column.required).lower() if isinstance(column.required, bool) else f"of {', '.join(column.required)}"


def _needs_no_more(old: DeclaredColumn, new: DeclaredColumn) -> bool:
    if new.required is False or old.required is True:
        return True
    if new.required is True or old.required is False:
        return False
    return set(new.required) <= set(old.required)


def _of_limit(name: str, kind: str, key: str, limits: tuple[str | None, str | None], sign: int) -> Iterator[Change]:
    old, new = (None if each is None else cast_values(kind, [each])[0] for each in limits)
    if old != new:
        wider = new is None or (old is not None and (new < old if sign > 0 else new > old))
        yield Change(name, f"{key} was {limits[0]} and is {limits[1]}", wider)
