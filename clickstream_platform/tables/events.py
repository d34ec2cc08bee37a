"""``events``: every accepted click event, once."""

from __future__ import annotations

from datetime import timedelta

from clickstream_platform.errors import SettingsError
from clickstream_platform.events import schema
from clickstream_platform.events.contract.placing import with_mapping_paths
from clickstream_platform.events.contract.written import contract_named
from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.named import mapping_with_own_paths, time_unit
from clickstream_platform.events.masks import masks
from clickstream_platform.events.registry.model import registry_from
from clickstream_platform.events.rules import Parse, Rules
from clickstream_platform.events.schema import EVENTS, PLACE
from clickstream_platform.expectations import (
    AcceptedValues,
    Conservation,
    DuplicateShare,
    FreshEvents,
    KeptContract,
    NonNegative,
    NotNull,
    RejectedShare,
    UniqueKey,
)
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.state import Stateless
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.named import sources_from

QUARANTINE = SideTable(
    name="quarantine",
    description="One record that was rejected, as it came, and why.",
    schema=schema.QUARANTINE,
    required=("record_id", "reasons"),
    time="arrived_at",
)
COPIES = SideTable(
    name="copies",
    description="One record that is no event, or was one, as its event_id came at an earlier time.",
    schema=schema.COPIES,
    required=("user_id", "timestamp", "event_type", "event_id", "left_out_as", "left_out_by"),
    time="timestamp",
)


def events_table(settings: Settings) -> StreamingTable:
    """One row an accepted event. Records that are rejected, the same batch writes to ``quarantine``.

    Where an ``event_id`` alone makes a copy, it remembers copies at other times in ``copies``.

    Raises:
        SettingsError: there is no mapping or contract of the name that the settings have, or it contradicts itself; or
            events are kept for less long than a record may be a copy of them.
    """
    first, *further = sources_from(settings)
    rules = rules_from(settings)
    return StreamingTable(
        name="events",
        version=1,
        description="One accepted event: parsed, validated, de-duplicated once for every other table.",
        columns=EVENTS.columns,
        offsets=first,
        trigger=AvailableNow(),
        query=Parse(rules),
        state=Stateless(),
        watermark=Watermark("timestamp", delay=timedelta(minutes=10)),
        sink=Append(settings.file_rows),
        expectations=(
            NotNull(("user_id", "timestamp", "event_type", "arrived_at")),
            *([AcceptedValues("event_type", rules.event_types)] if rules.event_types else []),
            UniqueKey(PLACE),
            NonNegative(("offset",)),
            Conservation(),
            FreshEvents(settings.max_event_age),
            RejectedShare(settings.max_rejected_share, settings.max_share_rise),
            DuplicateShare(settings.max_duplicate_share, settings.max_share_rise),
            *([KeptContract(settings.max_rejected_share)] if rules.contract else []),
        ),
        partition_by=("event_date",),
        side_output=QUARANTINE,
        copies=COPIES,
        further=tuple(further),
        declared=tuple(each.column for each in rules.contract.columns) if rules.contract else (),
    )


def rules_from(settings: Settings) -> Rules:
    """What makes a record an event, under these settings. Raises what :func:`events_table` does."""
    contract = contract_named(settings.contract)
    declared = contract.names if contract else ()
    mapping, own_paths = mapping_with_own_paths(settings.mapping, declared=declared)
    return Rules(
        _event_types(mapping, settings),
        settings.future_tolerance,
        settings.max_record_bytes,
        settings.mask_ip,
        settings.event_id_header,
        time_unit(mapping, settings.timestamp_unit),
        settings.placeholder_ids,
        masks(settings),
        mapping,
        settings.max_events_in_record,
        settings.max_unpacked_bytes,
        with_mapping_paths(contract, mapping) if contract else None,
        own_paths,
        registry_from(settings),
        _span_of_copies(settings),
    )


def _span_of_copies(settings: Settings) -> timedelta | None:
    """So long after an event a record of its id is a copy; None where only one at the same time is."""
    if settings.duplicates != "event_id":
        return None
    span, kept = settings.duplicate_span, settings.retention
    if kept is not None and kept < span:
        finding = f"by an event_id alone a record is a copy for {span / timedelta(days=1):g} days"
        remedy = "keep events as long, or set CLICKSTREAM_DUPLICATE_SPAN to less"
        raise SettingsError("CLICKSTREAM_RETENTION", f"{finding}, and its event would be gone by then", remedy)
    return span


def _event_types(mapping: Mapping | None, settings: Settings) -> tuple[str, ...] | None:
    """What the mapping accepts, or the settings; None for every name."""
    accept = mapping.event_types.accept if mapping else "settings"
    return settings.event_types if accept == "settings" else None if accept == "all" else accept
