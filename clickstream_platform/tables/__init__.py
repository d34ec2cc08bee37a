"""The tables, in the order they are run: a table of contents."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.tables.alerts import alerts_table
from clickstream_platform.tables.clickstream_aggregated import clickstream_aggregated_table
from clickstream_platform.tables.events import events_table
from clickstream_platform.tables.processed_events import processed_events_table
from clickstream_platform.tables.purchases import purchases_table
from clickstream_platform.tables.sessions import sessions_table
from clickstream_platform.tables.user_activity import user_activity_table
from clickstream_platform.tables.user_patterns import user_patterns_table

TABLES = (
    events_table,
    user_activity_table,
    clickstream_aggregated_table,
    processed_events_table,
    sessions_table,
    purchases_table,
    alerts_table,
    user_patterns_table,
)


def tables(settings: Settings) -> dict[str, StreamingTable]:
    """Every table's contract under these settings, by name, in the order they are run.

    Raises:
        ValueError: two contracts write tables of one name, and so into one folder.
    """
    contracts: dict[str, StreamingTable] = {}
    written: set[str] = set()
    for table in TABLES:
        contract = replace(table(settings), max_state_rows=settings.max_state_rows)
        if twice := written & {*contract.names}:
            msg = f"{twice.pop()}: two tables have this name, and so one folder; give one of them another"
            raise ValueError(msg)
        written |= {*contract.names}
        contracts[contract.name] = contract
    return contracts


def select_tables(settings: Settings, names: list[str]) -> list[StreamingTable]:
    """The contracts of these names, in the order they are run; all of them for no name.

    Raises:
        SettingsError: there is no such table.
    """
    known = tables(settings)
    for name in names:
        if name not in known:
            raise _unknown(name, known)
    return [table for name, table in known.items() if name in (names or known)]


def _unknown(name: str, known: dict[str, StreamingTable]) -> SettingsError:
    for table in known.values():
        if name in table.names:
            finding = f"the batches of {table.name} write it beside their own table"
            return SettingsError(name, finding, f"say {table.name}; `clickstream sql` shows its rows")
    near = get_close_matches(name, known, n=1)
    nearest = f"say {near[0]}, or " if near else ""
    return SettingsError(name, "there is no such table", f"{nearest}choose from {', '.join(known)}")
