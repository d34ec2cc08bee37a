"""The shapes that sources, events and quarantine share."""

from __future__ import annotations

from clickstream_platform.events.schema import EVENTS, QUARANTINE, RAW, WIRE, Reason


def test_the_wire_fields_open_the_events_in_the_order_they_are_documented() -> None:
    wire = "user_id session_id event_type page_url product_id timestamp device_type ip_address event_id"
    assert " ".join(WIRE.fieldNames()) == wire
    others = "extra source partition offset arrived_at key headers event_date"
    assert " ".join(EVENTS.fieldNames()).startswith(f"{wire} {others}")


def test_what_an_event_has_more_than_in_the_first_lakes_comes_last() -> None:
    assert EVENTS.fieldNames()[EVENTS.fieldNames().index("event_date") + 1 :] == ["record_time", "record_time_type"]


def test_an_event_and_a_quarantined_record_say_where_they_came_from() -> None:
    origin = set(RAW.fieldNames()) - {"value"}
    for table in (EVENTS, QUARANTINE):
        assert [table[name] for name in origin] == [RAW[name] for name in origin]


def test_every_column_is_described() -> None:
    columns = [*RAW.fields, *EVENTS.fields, *QUARANTINE.fields]
    assert [column.name for column in columns if not column.metadata.get("comment", "").endswith(".")] == []


def test_a_reason_is_its_name_in_lower_case() -> None:
    assert [reason.value for reason in Reason] == [reason.name.lower() for reason in Reason]
    assert Reason.TOO_LARGE == "too_large"
