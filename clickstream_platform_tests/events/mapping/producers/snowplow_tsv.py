"""Made after the published order of the enriched stream's 131 columns; the same events as JSON, written as texts."""

from __future__ import annotations

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


def _same(rows: list[Row]) -> list[Row]:
    """Those that need no more than the texts: what Iglu's schemas hold is one text in TSV."""
    return [(line(record), expected) for record, expected in rows if not any("_1" in name for name in record)]


_OF_CONTEXTS: Expected = event(**snowplow.SEEN, event_type="page_view")
ROWS: list[Row] = [
    *_same(snowplow.ROWS),
    (line({**snowplow.COMMON, "event": "page_view", "contexts": '{"schema":"iglu:x","data":[]}'}), _OF_CONTEXTS),
    (line({**snowplow.COMMON, "event": "page_view"}) + "\r", _OF_CONTEXTS),
    (line(snowplow.COMMON) + "\tone more", rejected("malformed_line")),
    (line(snowplow.COMMON).removesuffix("\t"), rejected("malformed_line")),
]
HOSTILE: Row = ('{"event": "page_view"}', rejected("malformed_line"))
assert tuple(preset("snowplow_tsv").record.columns[index] for index in AT.values()) == tuple(AT)
