"""The shapes that sources, events and quarantine share."""

from __future__ import annotations

import pytest

from clickstream_platform.events.schema import EVENTS, LATE, QUARANTINE, RAW, WIRE, Reason, Schema


def test_the_wire_fields_open_the_events_in_the_order_they_are_documented() -> None:
    wire = "user_id session_id event_type page_url product_id timestamp device_type ip_address event_id"
    assert " ".join(WIRE.names) == wire
    others = "extra source partition offset arrived_at key headers event_date"
    assert " ".join(EVENTS.names).startswith(f"{wire} {others}")


def test_what_an_event_has_more_than_in_the_first_lakes_comes_last() -> None:
    assert EVENTS.names[EVENTS.names.index("event_date") + 1 :] == ["record_time", "record_time_type", "index"]


def test_an_event_and_a_quarantined_record_say_where_they_came_from() -> None:
    origin = [column for column in RAW.columns if column.name != "value"]
    assert len(origin) == 8
    for table in (EVENTS, QUARANTINE):
        assert {*origin} <= {*table.columns}


def test_every_column_is_described() -> None:
    columns = [*RAW.columns, *EVENTS.columns, *LATE.columns, *QUARANTINE.columns]
    assert [column.name for column in columns if not column.description.endswith(".")] == []


@pytest.mark.parametrize("schema", [RAW, EVENTS, LATE, QUARANTINE])
def test_a_column_is_to_spark_what_its_description_says(schema: Schema) -> None:
    made = [(field.name, field.dataType.simpleString(), field.metadata, field.nullable) for field in schema.spark]
    assert made == [(each.name, each.type, {"comment": each.description}, True) for each in schema.columns]


def test_a_reason_is_its_name_in_lower_case() -> None:
    assert [reason.value for reason in Reason] == [reason.name.lower() for reason in Reason]
    assert Reason.TOO_LARGE == "too_large"
