"""What ``status`` says of the sources of ``events``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clickstream_platform.terminal import line, minute
from clickstream_platform.wording import amount_of, number_of

if TYPE_CHECKING:
    from rich.text import Text

    from clickstream_platform.streaming.observe.status import SourceStatus, TableStatus


def source_lines(tables: Sequence[TableStatus]) -> list[Text]:
    """A line for each source of a table that has several, those that are left out among them."""
    several = (table for table in tables if len(table.sources) > 1)
    return [
        line(_source(table, each), "" if each.is_named else "yellow") for table in several for each in table.sources
    ]


def _source(table: TableStatus, source: SourceStatus) -> str:
    where = f"{table.name} from {source.name}: {source.source}" if source.source else f"{table.name} from {source.name}"
    if not source.is_named:
        way = f"CLICKSTREAM_SOURCE leaves it out; named {source.name!r} again, it goes on where it was"
        return f"{where}: {number_of(source.batches, 'batch', 'batches')} read; {way}"
    lag = "lag unknown" if source.lag is None else f"{amount_of(source.lag, source.lag_unit or '')} to read"
    mark = f"; watermark {minute(source.watermark)}" if source.watermark else ""
    return f"{where}: {number_of(source.batches, 'batch', 'batches')} read, {lag}{mark}"
