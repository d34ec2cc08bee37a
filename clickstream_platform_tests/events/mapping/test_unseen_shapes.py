"""Records of producers without a preset, as their documentation has them: who, what and when is found in each."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.named import mapping_named
from clickstream_platform.events.mapping.unfolding import ways_in
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.events.mapping.checked import told

COUNT = 24
NAMES = ("page_view", "click", "signup", "purchase")


def who(n: int) -> str:
    return f"u{n % 5}"


def what(n: int) -> str:
    return NAMES[n * 7 % 4]


def when(n: int) -> str:
    return f"2026-11-28T10:{n:02}:07Z"


def seconds(n: int) -> int:
    return 1764324007 + 60 * n


def address(n: int) -> str:
    return f"192.0.2.{n % 5}"


def lines(of: Callable[[int], Any]) -> str:
    return "".join(f"{json.dumps(of(n))}\n" for n in range(COUNT))


def table(names: list[str], of: Callable[[int], list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *map(of, range(COUNT))])
    return text.getvalue()


def otlp(n: int) -> Any:
    record = {
        "timeUnixNano": str(seconds(n) * 10**9), "severityText": "INFO", "eventName": what(n),
        "attributes": [{"key": "user.id", "value": {"stringValue": who(n)}}],
    }  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scopes = [{"scope": {"name": "s"}, "logRecords": [record]}]
    return {"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}


def insights(n: int) -> Any:
    return {
        "event": [{"name": what(n), "count": 1}],
        "internal": {"data": {"id": f"i{n:020}", "documentVersion": "1.61"}},
        "context": {"data": {"eventTime": when(n)}, "user": {"anonId": who(n), "isAuthenticated": False},
                    "device": {"type": "PC"}, "location": {"clientip": "0.0.0.0"}},
    }  # fmt: skip


def stream(n: int) -> Any:
    image = {"userId": {"S": who(n)}, "type": {"S": what(n)}, "ts": {"N": str(seconds(n) * 1000)}}
    return {"eventID": f"{n:032}", "eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": "1"}}


def based(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def packed(event: Any) -> str:
    return based(json.dumps(event))


def written(form: str) -> Callable[[int], str]:
    return lambda n: datetime.fromtimestamp(seconds(n), timezone.utc).strftime(form)


TIMES: dict[str, Callable[[int], str]] = {
    ".NET": lambda n: f"/Date({seconds(n)}123)/",
    "mails": written("%a, %d %b %Y %H:%M:%S +0000 (UTC)"),
    "HTTP": written("%a, %d %b %Y %H:%M:%S GMT"),
    "JavaScript": written("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)"),
    "C": written("%a %b %d %H:%M:%S %Y"),
    "Java": written("%a %b %d %H:%M:%S UTC %Y"),
    "Go": written("%Y-%m-%d %H:%M:%S.123456789 +0000 UTC"),
    "Excel": written("%m/%d/%y %H:%M"),
}


def expected(user: str, kind: str, time: str, event_id: str = "") -> dict[str, str | None]:
    return {"user_id": user, "event_type": kind, "timestamp": time, **({"event_id": event_id} if event_id else {})}


def event(n: int) -> dict[str, Any]:
    return {"uid": who(n), "event": what(n), "ts": seconds(n)}


LANDED: dict[str, tuple[str, str, dict[str, str | None]]] = {
    "OpenTelemetry's logs, lists in lists": (
        "a.json", lines(otlp), expected("attributes[key=user.id].value.stringValue", "eventName", "timeUnixNano"),
    ),
    "GA4's measurement protocol": (
        "a.json",
        lines(lambda n: {"client_id": who(n), "events": [{"name": what(n)}],
                         "timestamp_micros": f"{seconds(n)}000000"}),
        expected("client_id", "name", "timestamp_micros"),
    ),
    "Cloudflare's Logpush, in nanoseconds": (
        "a.json",
        lines(lambda n: {"ClientIP": address(n), "ClientRequestMethod": "GET",
                         "EdgeStartTimestamp": seconds(n) * 10**9}),
        expected("ClientIP", "ClientRequestMethod", "EdgeStartTimestamp"),
    ),
    "Application Insights": (
        "a.json", lines(insights), expected("context.user.anonId", "event[0].name", "context.data.eventTime"),
    ),
    "Branch": (
        "a.json",
        lines(lambda n: {"name": what(n).upper(), "timestamp": seconds(n) * 1000,
                         "user_data": {"developer_identity": who(n), "ip": "192.0.2.1", "os": "Android"}}),
        expected("user_data.developer_identity", "name", "timestamp"),
    ),
    "AppsFlyer's raw data": (
        "a.csv",
        table(["Event Time", "Event Name", "AppsFlyer ID", "Customer User ID", "IP"],
              lambda n: [when(n), what(n), f"1600-{n % 5}", who(n), "192.0.2.1"]),
        expected("Customer User ID", "Event Name", "Event Time"),
    ),
    "Adjust's raw data": (
        "a.csv",
        table(["adid", "event_name", "created_at", "ip_address"],
              lambda n: [who(n), what(n), str(seconds(n)), "192.0.2.1"]),
        expected("adid", "event_name", "created_at"),
    ),
    "Shopify's pixels, whose type is none": (
        "a.json",
        lines(lambda n: {"id": f"sh-{n:030}", "name": what(n), "type": "standard", "clientId": who(n),
                         "timestamp": when(n)}),
        expected("clientId", "name", "timestamp", "id"),
    ),
    "a dump of Elasticsearch, whose type is none": (
        "a.json",
        lines(lambda n: {"_index": "clicks", "_type": "_doc", "_id": f"{n:020}", "_source": {
            "user": {"id": who(n)}, "event": {"action": what(n)}, "@timestamp": when(n)}}),
        expected("_source.user.id", "_source.event.action", "_source.@timestamp"),
    ),
    "a stream of DynamoDB": (
        "a.json",
        lines(stream),
        expected("dynamodb.NewImage.userId.S", "dynamodb.NewImage.type.S", "dynamodb.NewImage.ts.N"),
    ),
    "Pendo, where many visitors have an account": (
        "a.json",
        lines(lambda n: {"accountId": "acme", "visitorId": who(n), "browserTime": seconds(n) * 1000, "type": what(n)}),
        expected("visitorId", "type", "browserTime"),
    ),
    "Parse.ly, where whether there is a visitor is no visitor": (
        "a.json",
        lines(lambda n: {"action": what(n), "ts_action": when(n), "visitor_site_id": who(n), "visitor": True,
                         "ip": "192.0.2.1"}),
        expected("visitor_site_id", "action", "ts_action"),
    ),
    "SendGrid, where a mail's address is who": (
        "a.json",
        json.dumps([{"email": f"{who(n)}@example.org", "timestamp": seconds(n), "event": what(n), "ip": "192.0.2.1"}
                    for n in range(COUNT)]),
        expected("email", "event", "timestamp"),
    ),
    "Countly's events, beside the name of a page": (
        "a.json",
        lines(lambda n: {"_id": f"{n:03}", "e": ("[CLY]_view", "signup")[n % 2], "uid": who(n), "ts": seconds(n) * 1000,
                         "sg": {"name": f"/p/{n}"}}),
        expected("uid", "e", "ts"),
    ),
    "a user's id with a word before it": (
        "a.json",
        lines(lambda n: {"shop_visitor_id": who(n), "action": what(n), "at": when(n), "ip": "192.0.2.1"}),
        expected("shop_visitor_id", "action", "at"),
    ),
    "when it was taken in is not when it happened": (
        "a.json",
        lines(lambda n: {"userId": who(n), "action": what(n), "occurred": when(n), "EnqueuedUtcTime": when(n)}),
        expected("userId", "action", "occurred"),
    ),
    "Countly's queries, with events that are JSON in them": (
        "a.txt",
        "".join(urlencode({"app_key": "k", "device_id": who(n), "events": json.dumps(
            [{"key": what(n), "count": 1, "timestamp": seconds(n) * 1000}])}) + "\n" for n in range(COUNT)),
        expected("device_id", "key", "timestamp"),
    ),
    "a parameter in base64": (
        "a.txt",
        "".join(f"data={quote(packed({'event': what(n), 'distinct_id': who(n), 'time': seconds(n)}))}\n"
                for n in range(COUNT)),
        expected("distinct_id", "event", "time"),
    ),
    "what a gateway got from a form, in base64": (
        "a.json",
        lines(lambda n: {"isBase64Encoded": True, "requestTimeEpoch": seconds(n) * 1000,
                         "body": based(urlencode({"uid": who(n), "ev": "x", "event": what(n)}))}),
        expected("uid", "event", "requestTimeEpoch"),
    ),
    "lines in base64": (
        "a.txt",
        "".join(packed({"uid": who(n), "event": what(n), "ts": seconds(n)}) + "\n" for n in range(COUNT)),
        expected("uid", "event", "ts"),
    ),
    "JSON twice": (
        "a.json",
        lines(lambda n: json.dumps({"uid": who(n), "event": what(n), "ts": seconds(n)})),
        expected("uid", "event", "ts"),
    ),
    "a list of events in a text": (
        "a.json",
        lines(lambda n: {"body": json.dumps({"client_id": who(n), "timestamp_micros": f"{seconds(n)}000000",
                                             "events": [{"name": what(n)}]})}),
        expected("client_id", "name", "timestamp_micros"),
    ),
    "CloudEvents with their data in base64": (
        "a.json",
        lines(lambda n: {"specversion": "1.0", "type": what(n), "time": when(n), "id": f"{n:030}",
                         "data_base64": packed({"userId": who(n), "page": "/p"})}),
        expected("userId", "type", "time"),
    ),
    "a log's own time, around that of the event": (
        "a.json",
        lines(lambda n: {"log": json.dumps({"user": who(n), "event": what(n), "ts": seconds(n)}) + "\n",
                         "stream": "stdout", "time": when(n)}),
        expected("log.user", "log.event", "log.ts"),
    ),
    "one answer of an API, with texts that are objects": (
        "a.json",
        json.dumps({"results": [{"objectId": who(n), "eventType": what(n), "occurredAt": when(n),
                                 "props": json.dumps({"url": "https://example.org/"})} for n in range(COUNT)]}),
        expected("objectId", "eventType", "occurredAt") | {"page_url": "props.url"},
    ),
    "an id that comes again is no event's": (
        "a.json",
        lines(lambda n: {"id": f"{n % 5:016x}", "event": what(n), "ts": seconds(n)}),
        {"event_type": "event", "timestamp": "ts", "user_id": "id", "event_id": None},
    ),
    "a day in one field, and the time of day in another": (
        "a.csv",
        table(["Datum", "Uhrzeit", "Kunde", "Ereignis"],
              lambda n: [f"{n + 1}.11.2025", f"9:{n:02}", who(n), what(n)]),
        expected("Kunde", "Ereignis", "Datum"),
    ),
    "Optimizely's, whose events have a key for a name, in lists in lists": (
        "a.json",
        lines(lambda n: {"account_id": "1", "visitors": [{"visitor_id": who(n), "snapshots": [
            {"events": [{"entity_id": "x", "timestamp": seconds(n) * 1000, "key": what(n)}]}]}]}),
        expected("visitor_id", "key", "timestamp"),
    ),
    "a location that is no page": (
        "a.csv",
        table(["Path", "Visitor", "Event", "Location", "Date"], lambda n: ["/p", who(n), what(n), "DE", when(n)]),
        expected("Visitor", "Event", "Date") | {"page_url": "Path"},
    ),
    "a file of Hive's": (
        "000000_0",
        "".join(f"{seconds(n)}\x01{who(n)}\x01{what(n)}\n" for n in range(COUNT)),
        expected("column_2", "column_3", "column_1"),
    ),
    "JSON behind a word and a byte order mark": (
        "a.log",
        "".join(f"INFO:app:\ufeff{json.dumps({'user': who(n), 'event': what(n), 'ts': seconds(n)})}\n"
                for n in range(COUNT)),
        expected("json.user", "json.event", "json.ts"),
    ),
    "HAProxy's times, and keys without a value": (
        "a.log",
        "".join(f"[28/Nov/2025:10:{n:02}:07.123] user={who(n)} what={what(n)} term= abc= -\n" for n in range(COUNT)),
        expected("user", "what", "column_1"),
    ),
    "Matomo's visits, of whom some have no user's id": (
        "a.json",
        json.dumps([{"idVisit": f"{m}", "visitorId": who(m), "userId": "" if m % 2 else f"user {m}", "actionDetails": [
            {"type": "action", "url": "https://example.org/", "timestamp": seconds(4 * m + n)} for n in range(4)]}
            for m in range(COUNT // 4)], indent=1),
        expected("userId", "type", "timestamp"),
    ),
    "CleverTap's events, which are of one type and have times as digits": (
        "a.json",
        json.dumps({"status": "success", "records": [
            {"profile": {"identity": who(n)}, "ts": int(written("%Y%m%d%H%M%S")(n)), "event_props": {"a": 1}}
            for n in range(COUNT)]}),
        {"user_id": "profile.identity", "timestamp": "ts", "event_type": None},
    ),
    "Tealium's, whose type is none": (
        "a.json",
        lines(lambda n: {"data": {"dom": {"url": "https://example.org/"}, "udo": {"tealium_event": what(n)}},
                         "type": "LIVE", "visitor_id": who(n), "post_time": seconds(n) * 1000}),
        expected("visitor_id", "data.udo.tealium_event", "post_time"),
    ),
    "Piwik PRO's answer, whose types are numbers with names": (
        "a.json",
        json.dumps({"data": [[who(n), when(n), [n % 2 + 1, ("Page view", "Custom event")[n % 2]]]
                             for n in range(COUNT)], "meta": {"columns": ["visitor_id", "timestamp", "event_type"]}}),
        expected("visitor_id", "event_type[1]", "timestamp"),
    ),
    "a log of Google's queries": (
        "a.json",
        lines(lambda n: {"time": when(n), "remote_addr": address(n),
                         "query": f"v=2&cid={who(n)}&en={what(n)}&dl=https%3A%2F%2Fexample.org%2F"}),
        expected("cid", "en", "time"),
    ),
    "Matomo's queries in a list": (
        "a.json",
        lines(lambda n: {"requests": [f"?idsite=1&uid={who(n)}&e_a={what(n)}&time={seconds(n)}"], "token_auth": "x"}),
        expected("uid", "e_a", "time"),
    ),
    "a list of JSON texts": (
        "a.json", lines(lambda n: [json.dumps(event(n))]), expected("uid", "event", "ts"),
    ),
    "Google's charts, whose columns have labels": (
        "a.js",
        "/*O_o*/\ngoogle.visualization.Query.setResponse(" + json.dumps({"status": "ok", "table": {
            "cols": [{"id": "A", "label": name, "type": "string"} for name in event(0)],
            "rows": [{"c": [{"v": each} for each in event(n).values()]} for n in range(COUNT)]}}) + ");",
        expected("uid.v", "event.v", "ts.v"),
    ),
    "a server's log, where no user is a hyphen": (
        "a.json",
        lines(lambda n: {"remote_user": who(n) if n == 9 else "-", "remote_addr": address(n), "request_method": "GET",
                         "time_iso8601": when(n)}),
        expected("remote_user", "request_method", "time_iso8601"),
    ),
    "syslog's priority before the time": (
        "a.log",
        "".join(f"<134>{when(n)} cache log[35]: user={who(n)} what={what(n)}\n" for n in range(COUNT)),
        expected("user", "what", "column_1"),
    ),
    "the same before JSON": (
        "a.log",
        "".join(f"<134>{when(n)} cache log[35]: {json.dumps({'user': who(n), 'what': what(n)})}\n"
                for n in range(COUNT)),
        expected("json.user", "json.what", "column_1"),
    ),
    "calls of a function, one a line": (
        "a.js", "".join(f"cb({json.dumps(event(n))});\n" for n in range(COUNT)), expected("uid", "event", "ts"),
    ),
    "one call over lines": (
        "a.js", f"cb({json.dumps([event(n) for n in range(COUNT)], indent=1)})", expected("uid", "event", "ts"),
    ),
    "a text sequence": (
        "a", "".join(f"\x1e{json.dumps(event(n))}\n" for n in range(COUNT)), expected("uid", "event", "ts"),
    ),
    "an export of Firebase, by keys that are ids": (
        "a.json",
        json.dumps({"events": {f"-NabcdefghijklmnopQ{n:02}": event(n) for n in range(COUNT)}, "v": 1}, indent=2),
        expected("uid", "event", "ts", "event_id"),
    ),
    "an event a record, by its key": (
        "a.json", lines(lambda n: {f"-N{n}": event(n)}), expected("uid", "event", "ts") | {"event_id": None},
    ),
    "BigQuery's answer": (
        "a.json",
        json.dumps({"kind": "bigquery#queryResponse", "schema": {"fields": [{"name": n} for n in event(0)]},
                    "rows": [{"f": [{"v": str(each)} for each in event(n).values()]} for n in range(COUNT)]}, indent=1),
        expected("uid.v", "event.v", "ts.v"),
    ),
    "Athena's answer, whose first row has the names again": (
        "a.json",
        json.dumps({"ResultSet": {
            "Rows": [{"Data": [{"VarCharValue": str(each)} for each in row]} for row in
                     [[*event(0)], *([*event(n).values()] for n in range(COUNT))]],
            "ResultSetMetadata": {"ColumnInfo": [{"CatalogName": "hive", "Name": n, "Label": n} for n in event(0)]}}}),
        expected("uid.VarCharValue", "event.VarCharValue", "ts.VarCharValue"),
    ),
    "Azure's answer, a table in a list": (
        "a.json",
        json.dumps({"tables": [{"name": "PrimaryResult", "columns": [{"name": n, "type": "x"} for n in event(0)],
                                "rows": [[*event(n).values()] for n in range(COUNT)]}]}),
        expected("uid", "event", "ts"),
    ),
    "what pandas calls split": (
        "a.json",
        json.dumps({"columns": [*event(0)], "index": [*range(COUNT)],
                    "data": [[*event(n).values()] for n in range(COUNT)]}),
        expected("uid", "event", "ts"),
    ),
    "rows below one of names": (
        "a.json",
        json.dumps([[*event(0)], *([*event(n).values()] for n in range(COUNT))]),
        expected("uid", "event", "ts"),
    ),
    "what pandas calls index": (
        "a.json", json.dumps({n: event(n) for n in range(COUNT)}), expected("uid", "event", "ts") | {"event_id": None},
    ),
    "what pandas calls columns": (
        "a.json",
        json.dumps({name: {n: event(n)[name] for n in range(COUNT)} for name in event(0)}),
        expected("uid", "event", "ts"),
    ),
    "columns as lists": (
        "a.json",
        json.dumps({name: [event(n)[name] for n in range(COUNT)] for name in event(0)}),
        expected("uid", "event", "ts"),
    ),
    **{f"times of {name}": ("a.json", lines(lambda n, at=at: {"user": who(n), "event": what(n), "date": at(n)}),
                            expected("user", "event", "date")) for name, at in TIMES.items()},
    "JSON behind the words of syslog": (
        "a.log",
        "".join(f'<14>1 {when(n)} a b - - - {json.dumps({"user": who(n), "action": what(n)})}\n' for n in range(COUNT)),
        expected("json.user", "json.action", "column_2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("landed", LANDED)
def test_the_mapping_that_is_written_finds_who_what_and_when(landed: str, tmp_path: Path) -> None:
    name, text, wanted = LANDED[landed]
    file, mine = tmp_path / name, tmp_path / "mine.toml"
    file.write_text(text, newline="")
    assert told(str(file), "--write", str(mine))["looks_like"] is None
    found = told(str(file), "--mapping", str(mine))
    assert (found["events"], found["rejected"]) == (COUNT, 0)
    mapping = mapping_named(str(mine))
    assert mapping is not None
    firsts = {column: next(iter(mapping.column(column).paths), None) for column in COLUMNS}
    assert {column: firsts[column] for column in wanted} == wanted


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_records_are_enough_where_the_type_that_all_have_is_none(count: int, tmp_path: Path) -> None:
    file, mine = tmp_path / "a.json", tmp_path / "mine.toml"
    rows = [{"name": what(n), "type": "standard", "clientId": who(n), "timestamp": when(n)} for n in range(count)]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told(str(file), "--write", str(mine))
    assert set(told(str(file), "--mapping", str(mine))["event_types"]) == {row["name"] for row in rows}


def test_all_of_a_list_in_a_list_is_read(tmp_path: Path) -> None:
    """Not the first of each inner list alone."""
    file, mine = tmp_path / "a.json", tmp_path / "mine.toml"
    scopes = [otlp(n)["resourceLogs"][0]["scopeLogs"][0] for n in range(COUNT)]
    both = [{"scope": {}, "logRecords": each["logRecords"] * 2} for each in scopes]
    file.write_text("".join(f"{json.dumps({'resourceLogs': [{'scopeLogs': [each, each]}]})}\n" for each in both))
    told(str(file), "--write", str(mine))
    assert told(str(file), "--mapping", str(mine))["events"] == 4 * COUNT


def test_a_day_without_a_time_of_day_is_said_to_be_its_midnight(tmp_path: Path) -> None:
    file, mine = tmp_path / "a.json", tmp_path / "mine.toml"
    file.write_text(lines(lambda n: {"user": who(n), "event": what(n), "date": "2026-11-28"}))
    told(str(file), "--write", str(mine))
    assert 'timestamp = ["date"]  # of a day without a time of day, the midnight\n' in mine.read_text()


def test_who_keys_may_be_is_named(tmp_path: Path) -> None:
    file, mine = tmp_path / "a.json", tmp_path / "mine.toml"
    of_each = {who(m): {f"-N{n}": {"event": what(n), "ts": seconds(n)} for n in range(m, COUNT, 5)} for m in range(5)}
    file.write_text(json.dumps({"events": of_each, "version": 3}, indent=1))
    told(str(file), "--write", str(mine))
    assert 'user_id = ["key"]  # needed: a guess, as the same values come again there' in mine.read_text()
    assert told(str(file), "--mapping", str(mine))["events"] == COUNT


def test_of_an_object_with_very_many_keys_few_are_tried_as_what_is_around_an_event() -> None:
    record = {f"-N{n:05}": {"a": n, "b": [n]} for n in range(3_000)}
    assert len([*ways_in([record], [])]) <= 21


def test_an_answer_that_is_too_large_is_drafted_and_the_settings_of_its_limits_are_named(tmp_path: Path) -> None:
    file, mine = tmp_path / "a.json", tmp_path / "mine.toml"
    file.write_text(json.dumps({"columns": [*event(0)], "data": [[*event(n).values()] for n in range(10_001)]}))
    told(str(file), "--write", str(mine))
    said = clickstream("check", str(file), "--mapping", str(mine)).stdout
    assert "1 rejected" in said
    assert "CLICKSTREAM_MAX_EVENTS_IN_RECORD" in " ".join(said.split())


def test_objects_in_an_event_are_no_events_by_keys_though_they_have_who_and_what(tmp_path: Path) -> None:
    file, mine = tmp_path / "a.json", tmp_path / "mine.toml"
    cart = {f"sku{n}": {"id": f"s{n}", "name": "x", "user": who(n)} for n in range(4)}
    file.write_text(lines(lambda n: {"userId": who(n), "action": what(n), "ts": seconds(n), "cart": cart}))
    told(str(file), "--write", str(mine))
    assert "envelope" not in mine.read_text()
    file.write_text(lines(lambda n: {"payload": {"userId": who(n), "action": what(n), "ts": seconds(n)}}))
    told(str(file), "--write", str(tmp_path / "other.toml"))
    assert 'user_id = ["payload.userId"]' in (tmp_path / "other.toml").read_text()


def test_what_a_preset_has_in_objects_is_found_in_a_table_that_they_became(tmp_path: Path) -> None:
    file, mine = tmp_path / "a.csv", tmp_path / "mine.toml"
    names = ["type", "event", "userId", "messageId", "timestamp", "context.page.url", "context.ip"]
    file.write_text(
        table(names, lambda n: ["track", what(n), who(n), f"m{n}", when(n), f"https://example.org/{n}", address(n)]),
        newline="",
    )
    assert told(str(file), "--write", str(mine))["looks_like"] == "segment"
    columns = told(str(file), "--mapping", str(mine))["columns"]
    assert (columns["page_url"], columns["ip_address"]) == (COUNT, COUNT)
