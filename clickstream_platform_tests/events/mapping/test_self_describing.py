"""Snowplow's self-describing JSON, under the names that its SDKs give it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from clickstream_platform.events.mapping.self_describing import read_self_describing

SCHEMA = "iglu:com.acme/duplicated/jsonschema/20-0-5"
TWICE, ONCE = "contexts_com_acme_duplicated_20", "contexts_com_acme_unduplicated_1"
# As in tests/test_json_shredder.py and tests/test_event_transformer.py of snowplow/snowplow-python-analytics-sdk.
SHREDDED: list[tuple[list[tuple[str, Any]], dict[str, Any]]] = [
    (
        [
            (SCHEMA, {"value": 1}),
            (SCHEMA, {"value": 2}),
            ("iglu:com.acme/unduplicated/jsonschema/1-0-0", {"type": "a"}),
        ],
        {TWICE: [{"value": 1}, {"value": 2}], ONCE: [{"type": "a"}]},
    ),
    ([("iglu:org.schema/WebPage/jsonschema/1-0-0", {"a": 0})], {"contexts_org_schema_web_page_1": [{"a": 0}]}),
    ([("iglu:org.w3/PerformanceTiming/jsonschema/1-0-0", 1)], {"contexts_org_w3_performance_timing_1": [1]}),
    ([("iglu:com.my-shop.eu/Page-view2/jsonschema/3-1-0", {})], {"contexts_com_my_shop_eu_page_view2_3": [{}]}),
]
NOT_DESCRIBING: list[Any] = [
    *("", "{", "[]", "YWJj", "e30=", "a=b", "\u00fc", None, 1, {}, {"data": None}, {"data": []}, {"data": [None]}),
    *({"data": {"schema": SCHEMA}}, {"data": {"schema": 1, "data": 1}}),
    {"data": [{"schema": SCHEMA, "data": 1}, {"schema": "iglu:a/b", "data": 1}]},
]


def _in_base64(data: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(data, ensure_ascii=False).encode()).decode().rstrip("=")


@pytest.mark.parametrize(("contexts", "becomes"), SHREDDED)
@pytest.mark.parametrize("written", [dict, json.dumps, _in_base64])
def test_self_describing_json_gets_the_names_of_its_schemas(
    contexts: Any, becomes: Any, written: Callable[[Any], Any]
) -> None:
    data = {"schema": "any\u00fe\u00ff", "data": [{"schema": schema, "data": data} for schema, data in contexts]}
    fields = {"a": 1, "contexts": written(data)}
    assert read_self_describing(fields, ["contexts", "unstruct_event"]) == {"a": 1, **becomes}


def test_a_self_describing_event_gets_the_name_of_its_schema_and_contexts_of_two_fields_are_one_list() -> None:
    schema = "iglu:com.snowplowanalytics.snowplow/social_interaction/jsonschema/1-0-0"
    event = {"schema": schema, "data": {"network": "fb"}}
    one, two = ({"data": [{"schema": SCHEMA, "data": {"value": n}}]} for n in (1, 2))
    fields = {"contexts": one, "derived_contexts": json.dumps(two), "unstruct_event": {"data": event}}
    assert read_self_describing(fields, [*fields]) == {
        "contexts_com_acme_duplicated_20": [{"value": 1}, {"value": 2}],
        "unstruct_event_com_snowplowanalytics_snowplow_social_interaction_1": {"network": "fb"},
    }


@pytest.mark.parametrize("value", NOT_DESCRIBING)
def test_what_is_no_self_describing_json_stays_as_it_is(value: Any) -> None:
    assert read_self_describing({"contexts": value, "a": 1}, ["contexts"]) == {"contexts": value, "a": 1}
