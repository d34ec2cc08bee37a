"""Mappings that are written for files of producers without a preset: as published, whatever is around an event."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.named import mapping_named
from clickstream_platform_tests.events.mapping.checked import told

NAMES = ("page_view", "click", "signup", "purchase")
EVENTS = [
    {"userId": f"u{n % 5}", "eventName": NAMES[n * 7 % 4], "timestamp": f"2026-11-28T10:{n:02}:07Z", "url": f"/p/{n}"}
    for n in range(24)
]
SEEN = {"user_id": "userId", "event_type": "eventName", "timestamp": "timestamp", "page_url": "url"}


def packed(event: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(event).encode()).decode()


def lines(values: Iterable[Any]) -> str:
    return "".join(f"{json.dumps(each)}\n" for each in values)


def cloudfront(end: str = "") -> str:
    names = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    rows = [
        f"2026-11-28\t10:{n:02}:07\tLAX1\t392\t192.0.2.{n % 5}\tGET\td11.cloudfront.net\t/p/{n}\t200\t-{end}\n"
        for n in range(24)
    ]
    return f"#Version: 1.0\n#Fields: {names}\n" + "".join(rows)


def iis() -> str:
    names = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status"
    rows = [
        f"2026-11-28 10:{n:02}:07 10.0.0.9 GET /p/{n} - 443 - 192.0.2.{n % 5} Mozilla/5.0+(X) 200" for n in range(24)
    ]
    return "\r\n".join(["#Software: Microsoft Internet Information Services 10.0", f"#Fields: {names}", *rows, ""])


def load_balancer() -> str:
    return "".join(
        f"https 2026-11-28T10:{n:02}:07.186641Z app/lb/50dc6c495c0c9188 192.0.2.{n % 5}:2817 10.0.0.1:80 0.086 200 57 "
        f'"GET https://www.example.com:443/p/{n} HTTP/1.1" "curl/7.46.0 \\"x\\"" TLSv1.2 "Root=1-{n}" "-" "forward"\n'
        for n in range(24)
    )


def debezium() -> str:
    return lines(
        {
            "before": None,
            "after": {
                "id": n,
                "user_id": event["userId"],
                "kind": event["eventName"],
                "created_at": 1764410400000000 + n,
            },
            "source": {"version": "2.4", "connector": "postgresql", "name": "shop", "table": "events"},
            "op": "c",
            "ts_ms": 1764410400500 + n,
        }
        for n, event in enumerate(EVENTS)
    )


def umami() -> str:
    head = "website_id,session_id,visit_id,hostname,url_path,event_type,event_name,created_at\n"
    rows = [
        f"w-1,s-{n % 5},v-{n // 3},a.example,/p/{n},{kind},2026-11-28 10:{n:02}:07\n"
        for n, kind in enumerate(("2,signup", "1,", "1,") * 8)
    ]
    return head + "".join(rows)


def logfmt() -> str:
    said = [f"user={each['userId']} event={each['eventName']} path={each['url']}" for each in EVENTS]
    return "".join(f"ts={each['timestamp']} level=info {text}\n" for each, text in zip(EVENTS, said, strict=True))


def connect() -> str:
    schema = {"type": "struct", "name": "click"}
    rows = [{"user": each["userId"], "action": each["eventName"], "at": each["timestamp"]} for each in EVENTS]
    return lines({"schema": schema, "payload": row} for row in rows)


def hits() -> str:
    rows = [f"{n}\t2026-11-28 10:{n:02}:07\tm{n % 5}\thttps://a/{n}\n" for n in range(24)]
    return "hitid_high\tdate_time\tmcvisid\tpage_url\n" + "".join(rows)


def of_lambda() -> str:
    records = [
        {
            "kinesis": {"partitionKey": "p", "data": packed(event)},
            "eventID": f"shard:{n}",
            "eventName": "aws:kinesis:record",
        }
        for n, event in enumerate(EVENTS)
    ]
    return json.dumps({"Records": records})


def of_pubsub() -> str:
    return lines(
        {
            "message": {"data": packed(event), "messageId": f"2070{n}", "publishTime": event["timestamp"]},
            "subscription": "s",
        }
        for n, event in enumerate(EVENTS)
    )


def gzipped() -> str:
    inside = [{name: value for name, value in event.items() if name != "userId"} for event in EVENTS]
    return lines(
        {"device": {"id": event["userId"]}, "body": base64.b64encode(gzip.compress(json.dumps(each).encode())).decode()}
        for event, each in zip(EVENTS, inside, strict=True)
    )


CLOUD = [
    {"specversion": "1.0", "type": f"com.example.{event['eventName']}", "source": "/shop", "id": f"A-{n:06}",
     "time": event["timestamp"], "data": {"user": {"id": event["userId"]}, "page": event["url"]}}
    for n, event in enumerate(EVENTS)
]  # fmt: skip
OF_SERVER = {"user_id": "c_ip", "event_type": "cs_method", "timestamp": "date_time", "page_url": "cs_uri_stem"}
OF_CLOUD = {"user_id": "data.user.id", "event_type": "type", "timestamp": "time", "page_url": "data.page"}

# What lands, what its columns must be, and how many of its lines are passed over.
LANDED: dict[str, tuple[Callable[[], str], dict[str, str], int]] = {
    "CloudFront's standard logs": (cloudfront, OF_SERVER, 2),
    "the same, of a server that says more at the end": (lambda: cloudfront("\tHit\t0.1"), OF_SERVER, 2),
    "logs of IIS": (iis, OF_SERVER, 2),
    "a load balancer's log": (load_balancer, {"user_id": "column_4", "timestamp": "column_2"}, 0),
    "pairs of keys and values": (
        logfmt,
        {"user_id": "user", "event_type": "event", "timestamp": "ts", "page_url": "path"}, 0,
    ),
    "Kinesis records as Lambda gets them": (of_lambda, SEEN, 0),
    "messages that Pub/Sub pushes": (of_pubsub, SEEN, 0),
    "what is gzipped in base64, beside the visitor": (gzipped, {**SEEN, "user_id": "device.id"}, 0),
    "an array of events a line": (lambda: lines([EVENTS[:9], EVENTS[9:]]), SEEN, 0),
    "CloudEvents, some in a batch": (lambda: lines([CLOUD[:9], CLOUD[9:]]), OF_CLOUD, 0),
    "one array of CloudEvents": (lambda: json.dumps(CLOUD), OF_CLOUD, 0),
    "objects one after another, as Firehose writes them": (lambda: "".join(map(json.dumps, EVENTS)), SEEN, 0),
    "rows as Debezium sends them": (
        debezium, {"user_id": "after.user_id", "event_type": "after.kind", "timestamp": "after.created_at"}, 0,
    ),
    "a payload beside its schema, as Kafka Connect writes it": (
        connect,
        {"user_id": "payload.user", "event_type": "payload.action", "timestamp": "payload.at"}, 0,
    ),
    "Umami's export, where page views have no name": (
        umami, {"user_id": "session_id", "event_type": "event_type", "timestamp": "created_at"}, 0,
    ),
    "a table of hits, which are no more than that": (
        hits,
        {"user_id": "mcvisid", "timestamp": "date_time", "page_url": "page_url"}, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("landed", LANDED)
def test_the_mapping_that_is_written_reads_every_event(landed: str, tmp_path: Path) -> None:
    write, wanted, comments = LANDED[landed]
    file, mine = tmp_path / "landed", tmp_path / "mine.toml"
    file.write_text(write(), newline="")
    assert told(str(file), "--write", str(mine))["looks_like"] is None
    found = told(str(file), "--mapping", str(mine))
    assert (found["events"], found["rejected"], sum(found["passed_over"].values())) == (24, 0, comments)
    mapping = mapping_named(str(mine))
    assert mapping is not None
    firsts = {column: next(iter(mapping.column(column).paths), None) for column in COLUMNS}
    assert {column: firsts[column] for column in wanted} == wanted


def test_an_event_that_has_all_it_needs_is_not_taken_for_the_envelope_of_what_is_packed_in_it(tmp_path: Path) -> None:
    file, mine = tmp_path / "landed", tmp_path / "mine.toml"
    file.write_text(lines({**event, "context": {"raw": json.dumps(event)}} for event in EVENTS))
    told(str(file), "--write", str(mine))
    mapping = mapping_named(str(mine))
    assert mapping is not None
    assert (mapping.envelope, mapping.column("user_id").paths) == ((), ("userId",))


def test_a_count_is_no_time_though_it_is_called_so(tmp_path: Path) -> None:
    file, mine = tmp_path / "landed", tmp_path / "mine.toml"
    file.write_text(
        lines({"uid": "u", "event": "open", "time": 1000 * n, "logged": "2026-11-28T10:00:00Z"} for n in range(9))
    )
    told(str(file), "--write", str(mine))
    assert 'timestamp = ["logged"]\n' in mine.read_text()


SENT = {"type": "track", "event": "Signed Up", "messageId": "m", "timestamp": "2026-11-28T10:00:07Z", "version": 2,
        "userId": "u", "integrations": {}, "context": {"library": {"name": "analytics.js"}}}  # fmt: skip
AROUND: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Kafka Connect's sink": lambda event: {"topic": "t", "partition": 0, "offset": 1, "value": event},
    "EventBridge": lambda event: {"version": "0", "id": "1", "detail-type": "x", "source": "s", "detail": event},
    "Kinesis": lambda event: {"Records": [{"kinesis": {"data": packed(event)}, "eventName": "aws:kinesis:record"}] * 2},
    "an array": lambda event: [event, event],
    "a collector's log, with the body as it came": lambda event: {
        "method": "POST",
        "ip": "192.0.2.1",
        "date": "2026-11-28T10:00:09Z",
        "data": base64.b64encode(gzip.compress(json.dumps([event, event]).encode())).decode(),
    },
}


@pytest.mark.parametrize("around", AROUND)
def test_a_producer_is_recognised_in_what_others_put_around_its_events(around: str, tmp_path: Path) -> None:
    file, mine = tmp_path / "landed", tmp_path / "mine.toml"
    file.write_text(lines([AROUND[around](SENT)] * 4))
    found = told(str(file), "--write", str(mine))
    assert (found["looks_like"], found["inside"]) == (None, "segment")
    again = told(str(file), "--mapping", str(mine))
    assert (set(again["event_types"]), again["rejected"]) == ({"Signed Up"}, 0)


def test_a_producer_is_recognised_in_queries_also_where_something_is_packed_in_its_events(tmp_path: Path) -> None:
    file, mine = tmp_path / "landed", tmp_path / "mine.toml"
    context = packed({"schema": "iglu:com.acme/page/jsonschema/1-0-0", "data": {"type": "x", "url": "/"}})
    said = {"e": "pv", "tna": "sp", "tv": "js-3", "p": "web", "duid": "u1", "dtm": 1764324007000, "cx": context}
    file.write_text("".join(f"/i?{urlencode({**said, 'eid': f'{n:032}'})}\n" for n in range(9)))
    assert told(str(file), "--write", str(mine))["inside"] == "snowplow_collector"
    assert told(str(file), "--mapping", str(mine))["event_types"] == {"page_view": 9}


def test_our_own_events_in_an_envelope_are_recognised(tmp_path: Path) -> None:
    own = {"user_id": "u", "event_type": "click", "timestamp": "2026-11-28T10:00:07Z"}
    file, mine = tmp_path / "landed", tmp_path / "mine.toml"
    file.write_text(lines([{"payload": own}] * 4))
    assert told(str(file), "--write", str(mine))["inside"] == "own"
    assert told(str(file), "--mapping", str(mine))["events"] == 4
