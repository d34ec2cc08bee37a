"""``purchases``: what was bought."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from clickstream_platform.events.contract.written import contract_named
from clickstream_platform.events.schema import PLACE, Column
from clickstream_platform.expectations import MatchesEvents, NotNull, UniqueKey
from clickstream_platform.queries.purchases import SAID_OF_A_PURCHASE, purchases
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.sink import Append
from clickstream_platform.streaming.contract.state import Stateless
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.contract.trigger import AvailableNow
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.delta import DeltaSource


def purchases_table(settings: Settings) -> StreamingTable:
    """One row a purchase event, with what it says of the order as far as a contract declares it.

    Raises:
        SettingsError: there is no contract of the name that the settings have, or it contradicts itself.
    """
    contract = contract_named(settings.contract)
    known = {each.name: each.column for each in contract.columns} if contract else {}
    declared = tuple(known[name] for name in SAID_OF_A_PURCHASE if name in known)
    return StreamingTable(
        name="purchases",
        version=1,
        description="One purchase event.",
        columns=(
            Column("user_id", "string", "Who bought."),
            Column("session_id", "string", "The session, as the client named it; null if it named none."),
            Column("product_id", "string", "What was bought."),
            Column("page_url", "string", "On which page."),
            Column("timestamp", "timestamp", "When."),
            Column("device_type", "string", "On which device."),
            Column("event_id", "string", "The event's own id, if it has one."),
            Column("source", "string", "Kind of source it came from: file or kafka."),
            Column("partition", "string", "File, or topic and partition."),
            Column("offset", "bigint", "Line number, or Kafka's offset."),
            Column("index", "bigint", "Position of the event in its record; null means 0."),
        ),
        offsets=DeltaSource("events"),
        trigger=AvailableNow(),
        query=partial(purchases, declared=declared),
        state=Stateless(),
        watermark=Watermark("timestamp", delay=timedelta(minutes=10)),
        sink=Append(),
        expectations=(
            UniqueKey(PLACE),
            NotNull(("user_id", "timestamp")),
            MatchesEvents("purchase"),
        ),
        declared=declared,
    )
