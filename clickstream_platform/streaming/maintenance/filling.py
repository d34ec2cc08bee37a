"""``fill``: declared columns of events that were read before they were declared get their values, out of ``extra``.

An event becomes what it would be had it been read with today's contract, by the function that a run judges with; but
nothing is rejected. A date is a commit, which rewrites the files of that date and says in the ledger what it did. No
batch of another table sees it: it adds no event. A table that passes a filled column on is made anew by its next run.
Needs no JVM.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from clickstream_platform.errors import SettingsError, SourceError
from clickstream_platform.events.contract.judging import fill_rows
from clickstream_platform.events.contract.model import Contract
from clickstream_platform.events.schema import Schema
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import writer
from clickstream_platform.streaming.lake.dates import rows_on
from clickstream_platform.streaming.lake.fills import fill_transactions
from clickstream_platform.streaming.lake.lease import lease_all
from clickstream_platform.streaming.lake.ledger import FILL, Amendment, ledger_lines
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.runtime.declared_types import require_same_types

if TYPE_CHECKING:
    from clickstream_platform.events.rules import Parse


@dataclass
class FillReport:
    """What became of the events that are there.

    Attributes:
        dates: those whose events were written anew.
        filled: how many events got a value, by column.
        violations: how often they break which rule. A value that breaks ``type`` stays in ``extra``.
    """

    dates: list[date] = field(default_factory=list[date])
    filled: Counter[str] = field(default_factory=Counter[str])
    violations: Counter[str] = field(default_factory=Counter[str])

    @property
    def stayed(self) -> int:
        """How many values fit no column, and stay in ``extra``."""
        return sum(count for rule, count in self.violations.items() if rule.endswith(":type"))


def require_fill(events: StreamingTable, lake: Lake, columns: Sequence[str] = ()) -> Contract:
    """What is declared of these columns, or of all. Raises what :func:`fill` does without looking at a row.

    Raises:
        SettingsError: no contract is named, it declares no such column, or the table has one of another type.
        SourceError: nothing has been read yet.
    """
    contract = cast("Parse", events.query).rules.contract
    if contract is None:
        finding = "no contract is named, so no column is declared"
        raise SettingsError("CLICKSTREAM_CONTRACT", finding, "set it to commerce, or to a .toml file")
    known = contract.names
    for name in columns:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            remedy = f"say {near[0]}" if near else f"choose from {', '.join(known)}"
            raise SettingsError("COLUMN", f"contract {contract.name} declares no column {name!r}", remedy)
    if not lake.events.exists:
        raise SourceError(events.name, "nothing was read yet", "there is nothing to fill: `clickstream run` fills it")
    require_same_types(events, lake)
    return Contract(contract.name, tuple(each for each in contract.columns if not columns or each.name in columns))


def fill(events: StreamingTable, lake: Lake, columns: Sequence[str] = (), *, run_id: str | None = None) -> FillReport:
    """Fill declared columns of ``events`` from ``extra``, a date after another.

    What a column has already stays. Killed anywhere or run twice, every event is filled once, and booked once: a date
    of which nothing can be filled is noted once for what its contract says. Costs two passes over the dates that have
    something to fill, one over ``extra`` of the others.

    Args:
        events: the contract of ``events``.
        lake: where it lies.
        columns: those to be filled; all that are declared, if none is named.
        run_id: the run's name in lease and ledger; made up if not given.

    Raises what :func:`require_fill` does, and:
        TableBusyError: a run is at ``events`` and does not end within ten minutes.
    """
    contract, run_id = require_fill(events, lake, columns), run_id or uuid.uuid4().hex[:12]
    report = FillReport()
    with lease_all([events.name], lake, run_id):
        require_fill(events, lake, columns)  # a run may have been on
        writer.add_columns(lake.events.path, Schema((*events.columns, *events.declared)).spark)
        noted = {each.date for each in _fills(lake.events) if each.contract == contract.label}
        for day in sorted(lake.events.dates()):
            _fill_date(day, contract, lake.events, run_id, report, is_noted=day.isoformat() in noted)
    return report


def _fills(table: LakeTable) -> Iterator[Amendment]:
    return (line for line in ledger_lines(table) if isinstance(line, Amendment) and line.kind == FILL)


def _fill_date(
    day: date, contract: Contract, events: LakeTable, run_id: str, report: FillReport, *, is_noted: bool
) -> None:
    got, broken = Counter[str](), Counter[str]()
    names = ("extra", "event_type", *(each.name for each in contract.columns))
    for batch in rows_on(events, day, names):
        each = fill_rows(contract, pa.table(batch))
        got, broken = got + each.filled, broken + each.broken
    report.filled += got
    report.violations += broken
    booked = Amendment(
        *(events.name, FILL, run_id),
        date=day.isoformat(),
        contract=contract.label,
        filled=dict(got),
        violations=dict(broken),
    )
    commit = writer.Commit(booked.to_json(), marks=fill_transactions(events, got))
    if got:
        writer.rewrite_date(_fill_batches(rows_on(events, day), contract), events.path, day.isoformat(), commit)
        report.dates.append(day)
    elif broken and not is_noted:
        writer.commit_entry(events.path, commit)


def _fill_batches(rows: Iterator[pa.RecordBatch], contract: Contract) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        yield from fill_rows(contract, pa.table(batch)).rows.combine_chunks().to_batches()
