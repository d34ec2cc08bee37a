"""Made after the published order of the enriched stream's 131 columns; the same events as JSON, written as texts."""

from __future__ import annotations

import json
from typing import Any

from clickstream_platform.events.mapping.named import preset
from clickstream_platform_tests.events.mapping.producers import snowplow
from clickstream_platform_tests.events.mapping.producers.expected import Expected, Row, event, rejected

SOURCE = "snowplow/documentation, docs/pipeline/enriched-tsv-format/index.md at 8d544a4f0fc1"
# By the published table: the index of each property that these events have.
AT = {
    "app_id": 0,
    "platform": 1,
    "collector_tstamp": 3,
    "dvce_created_tstamp": 4,
    "event": 5,
    "event_id": 6,
    "v_collector": 10,
    "v_etl": 11,
    "user_id": 12,
    "user_ipaddress": 13,
    "domain_userid": 15,
    "network_userid": 17,
    "page_url": 29,
    "contexts": 52,
    "se_category": 53,
    "se_action": 54,
    "unstruct_event": 58,
    "tr_orderid": 59,
    "tr_total": 61,
    "ti_sku": 68,
    "pp_yoffset_max": 76,
    "dvce_type": 101,
    "domain_sessionid": 123,
    "derived_tstamp": 124,
    "event_vendor": 125,
    "event_name": 126,
    "true_tstamp": 130,
}


def line(fields: dict[str, Any]) -> str:
    texts = [""] * 131
    for name, value in fields.items():
        if name in AT and value is not None:
            text = str(value)
            texts[AT[name]] = text.replace("T", " ").removesuffix("Z") if name.endswith("tstamp") else text
    return "\t".join(texts)


_SNOWPLOW = "iglu:com.snowplowanalytics.snowplow"
SCHEMAS = {
    snowplow.ACTION: f"{_SNOWPLOW}.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2",
    snowplow.PRODUCT: f"{_SNOWPLOW}.ecommerce/product/jsonschema/1-0-0",
    snowplow.SESSION: f"{_SNOWPLOW}/client_session/jsonschema/1-0-2",
}


def described(schema: str, data: Any) -> dict[str, Any]:
    """A value beside the address of its schema."""
    return {"schema": schema, "data": data}


def packed(record: dict[str, Any]) -> dict[str, Any]:
    """A record as it is before the analytics SDK, what is by Iglu's schemas in one text of each kind."""
    texts: dict[str, Any] = {}
    for name, schema in SCHEMAS.items():
        if name == snowplow.ACTION and name in record:
            event = described(schema, record[name])
            texts["unstruct_event"] = described(f"{_SNOWPLOW}/unstruct_event/jsonschema/1-0-0", event)
        elif name in record:
            texts.setdefault("contexts", []).extend(described(schema, each) for each in record[name])
    if "contexts" in texts:
        texts["contexts"] = described(f"{_SNOWPLOW}/contexts/jsonschema/1-0-1", texts["contexts"])
    return {**record, **{name: json.dumps(value) for name, value in texts.items()}}


def _same(rows: list[Row]) -> list[Row]:
    return [(line(packed(record)), expected) for record, expected in rows]


_OF_CONTEXTS: Expected = event(**snowplow.SEEN, event_type="page_view")
ROWS: list[Row] = [
    *_same(snowplow.ROWS),
    (line({**snowplow.COMMON, "event": "page_view", "contexts": '{"schema":"iglu:x","data":[]}'}), _OF_CONTEXTS),
    (
        line({**snowplow.COMMON, "event": "page_view", "contexts": '{"data":[{"schema":1,"data":1}]}'}),
        _OF_CONTEXTS,
    ),
    (line({**snowplow.COMMON, "event": "page_view", "unstruct_event": "{"}), _OF_CONTEXTS),
    (line({**snowplow.COMMON, "event": "page_view"}) + "\r", _OF_CONTEXTS),
    (line(snowplow.COMMON) + "\tone more", rejected("malformed_line")),
    (line(snowplow.COMMON).removesuffix("\t"), rejected("malformed_line")),
]
HOSTILE: Row = ('{"event": "page_view"}', rejected("malformed_line"))
assert tuple(preset("snowplow_tsv").record.columns[index] for index in AT.values()) == tuple(AT)
