"""What ``status`` says of the sources of ``events``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clickstream_platform.terminal import line, minute
from clickstream_platform.wording import amount_of, number_of

if TYPE_CHECKING:
    from rich.text import Text

    from clickstream_platform.streaming.observe.status import SourceStatus, TableStatus


def source_lines(found: Sequence[TableStatus]) -> list[Text]:
    """A line for each source of a table that has several, those that are left out among them."""
    several = (table for table in found if len(table.sources) > 1)
    return [
        line(_source(table, each), "" if each.is_named else "yellow") for table in several for each in table.sources
    ]


def _source(table: TableStatus, found: SourceStatus) -> str:
    where = f"{table.name} from {found.name}: {found.source}" if found.source else f"{table.name} from {found.name}"
    if not found.is_named:
        way = f"CLICKSTREAM_SOURCE leaves it out; named {found.name!r} again, it goes on where it was"
        return f"{where}: {number_of(found.batches, 'batch', 'batches')} read; {way}"
    lag = "lag unknown" if found.lag is None else f"{amount_of(found.lag, found.lag_unit or '')} to read"
    mark = f"; watermark {minute(found.watermark)}" if found.watermark else ""
    return f"{where}: {number_of(found.batches, 'batch', 'batches')} read, {lag}{mark}"
