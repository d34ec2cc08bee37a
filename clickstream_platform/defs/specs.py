"""What Dagster shows of an asset at all times: the contract's own words, columns and sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from clickstream_platform.defs.keys import input_key, input_keys
from clickstream_platform.defs.metadata import escape_markdown
from clickstream_platform.events.schema import WIRE, Column
from clickstream_platform.expectations import NotNull
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.create import remembers_left_out
from clickstream_platform.streaming.sources.named import sources_from
from clickstream_platform.streaming.sources.source import RecordSource
from clickstream_platform.wording import without_passwords

INCOMING, DERIVED = "incoming", "derived"  # groups: what comes from outside; what is made of `events`
COLUMN = 66  # characters that Dagster shows of a line of metadata in a window of 1,600 pixels
REQUIRED_OF_PRODUCERS = {"user_id", "timestamp", "event_type"}


def source_specs(settings: Settings) -> list[dg.AssetSpec]:
    """The landing folders and topics. Nothing here makes them; the sensor observes how much of each is unread."""
    return [_source_spec(source, settings) for source in sources_from(settings)]


def _source_spec(source: RecordSource, settings: Settings) -> dg.AssetSpec:
    return dg.AssetSpec(
        input_key(source),
        description="Click events as producers send them: one JSON object a record. Fields not listed are kept too.",
        group_name=INCOMING,
        kinds={source.label},
        owners=[settings.owner],
        metadata={
            "dagster/uri": without_passwords(settings.sources[source.source_name]),
            "dagster/column_schema": _schema(WIRE.columns, REQUIRED_OF_PRODUCERS),
        },
    )


def table_specs(table: StreamingTable, settings: Settings) -> list[dg.AssetSpec]:
    """The assets that a run of a table makes: the table, and what the same batches write beside it."""
    required = {name for each in table.expectations if isinstance(each, NotNull) for name in each.columns}
    own = _spec(table, settings, table.name, table.description, _schema((*table.columns, *table.declared), required))
    own = own.merge_attributes(metadata={"contract": dg.MetadataValue.md(_contract(table))})
    return [own, *(_side_spec(table, settings, each) for each in side_tables(table))]


def side_tables(table: StreamingTable) -> list[SideTable]:
    """The side tables that are assets: ``copies`` only where the settings say that an ``event_id`` alone makes one."""
    return [each for each in table.side_tables if each != table.copies or remembers_left_out(table)]


def _side_spec(table: StreamingTable, settings: Settings, side: SideTable) -> dg.AssetSpec:
    columns = (*side.schema.columns, *(table.declared if side == table.copies else ()))
    return _spec(table, settings, side.name, side.description, _schema(columns, set(side.required)))


def _spec(
    table: StreamingTable, settings: Settings, name: str, description: str, schema: dg.TableSchema
) -> dg.AssetSpec:
    lake = Lake(settings.lake_folder)
    return dg.AssetSpec(
        name,
        deps=input_keys(table),
        description=description,
        group_name=DERIVED if table.derived else INCOMING,
        kinds={"spark", "deltalake"},
        owners=[settings.owner],
        code_version=str(table.version),
        freshness_policy=_freshness(settings),
        metadata={
            "dagster/uri": str(lake.table(name).path),
            "dagster/table_name": name,
            "dagster/column_schema": schema,
        },
    )


def _freshness(settings: Settings) -> dg.FreshnessPolicy:
    """Whether the table was run lately. That its events are recent is a check of ``events``."""
    fail = max(settings.max_event_age, timedelta(minutes=2))  # Dagster takes no window under a minute
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=fail / 2)


def _contract(table: StreamingTable) -> str:
    """The six sentences. Not in the description, of which the catalog shows the bare text."""
    return "\n\n".join(
        f"**{first}**  \n{_wrapped(escape_markdown(second))}" for first, second in table.sentences().items()
    )


def _wrapped(text: str) -> str:
    """The text in lines that a column of metadata has room for. Dagster cuts a longer one off."""
    return "  \n".join(textwrap.wrap(text, COLUMN))


def _schema(columns: Iterable[Column], required: set[str]) -> dg.TableSchema:
    return dg.TableSchema([_column(column, nullable=column.name not in required) for column in columns])


def _column(column: Column, *, nullable: bool) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=nullable)
    return dg.TableColumn(column.name, column.type, column.description, constraints)
