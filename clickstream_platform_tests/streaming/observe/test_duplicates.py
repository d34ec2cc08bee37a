"""What came twice is listed beside its event, as it was sent. Hand-made tables; no JVM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import SourceError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.ledger import REPLACEMENT, REPLAY, Amendment
from clickstream_platform.streaming.observe.duplicates import DuplicateReport, duplicate_report
from clickstream_platform.tables.events import rules_from
from clickstream_platform_tests.command import clickstream
from clickstream_platform_tests.conftest import event
from clickstream_platform_tests.homes import Home, entry
from clickstream_platform_tests.lakes import at, write

REASON = "conflicting_duplicate"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path / "home"))
    return Home(Settings(home=tmp_path / "home"))


def stored(event_id: str = "X", **fields: Any) -> dict[str, Any]:
    usual = {"user_id": "u", "session_id": "s", "event_type": "click", "timestamp": at("10:00:00")}
    place = {"source": "l", "partition": "a", "offset": 0, "arrived_at": at("10:01")}
    return {**usual, **place, "event_id": event_id, **fields}


def rejected(offset: int, *, reasons: tuple[str, ...] = (REASON,), **fields: Any) -> dict[str, Any]:
    value = json.dumps(event(**{"event_id": "X", **fields})).encode()
    place = {"source": "l", "partition": "b", "offset": offset, "arrived_at": at(f"11:00:{offset:02}")}
    return {**place, "record_id": str(offset), "value": value, "reasons": list(reasons), "size": len(value)}


def found(home: Home, limit: int = 0, **settings: Any) -> DuplicateReport:
    return duplicate_report(home.lake, rules_from(home.settings.model_copy(update=settings)), limit)


def test_a_conflicting_one_is_listed_beside_its_event_with_what_differs(home: Home) -> None:
    write(home, "events", [stored(), stored("Y"), stored(timestamp=at("10:00:01"), user_id="at another time")])
    write(home, "quarantine", [rejected(1, user="OTHER", extra_field=1)])
    (only,) = found(home).conflicts
    assert only.original is not None
    assert (only.original.partition, only.original.offset, only.original.says["user_id"]) == ("a", 0, "u")
    assert only.differs == ("user_id", "extra")
    assert (only.event_id, only.timestamp, only.says["extra"]) == ("X", at("10:00:00"), '{"extra_field":1}')
    assert json.loads(only.value)["user_id"] == "OTHER"


def test_one_whose_event_has_left_or_says_the_same_by_now_or_cannot_be_read_is_told_so(home: Home) -> None:
    write(home, "events", [stored("Y"), stored("Y", user_id="v", offset=2)])
    write(home, "quarantine", [rejected(1), rejected(2, event_id="Y", user="v"), rejected(3, event_type="scroll")])
    unread, same, gone = found(home).conflicts
    assert (unread.timestamp, unread.original, unread.differs) == (None, None, ())
    assert (same.original is not None, same.differs) == (True, ())
    assert (gone.original, gone.differs) == (None, ())
    shown = clickstream("duplicates").stdout
    assert shown.count("no longer there") == shown.count("the same by now") == 1
    assert "no event by today's settings" in shown


def test_exact_copies_are_counted_by_batches_and_replays(home: Home) -> None:
    write(home, "events", [stored()], of=entry(rows_in=5, rows_out=1, duplicates=3, reused_ids=2, quarantined=1))
    home_of_one = entry("events", rows_in=5, rows_out=1, duplicates=3, quarantined=1)
    write(home, "quarantine", [rejected(1, user="v"), rejected(2, reasons=("bad_timestamp",))], of=home_of_one)
    replayed = Amendment("quarantine", REPLAY, "r", removed=4, duplicates=4)
    write(home, "quarantine", [rejected(3, user="w")], of=replayed)
    counted = found(home, limit=1)
    assert (counted.exact, counted.reused, counted.conflicting) == (7, 2, 2)
    assert [each.offset for each in counted.conflicts] == [3]


def test_an_id_from_a_header_is_the_id(home: Home) -> None:
    write(home, "events", [stored("from the header")])
    headers = [{"key": "id", "value": b"no"}, {"key": "id", "value": b"from the header"}]
    write(home, "quarantine", [{**rejected(1, user="v"), "headers": headers}])
    (only,) = found(home, event_id_header="id").conflicts
    assert (only.event_id, only.differs) == ("from the header", ("user_id",))


def test_the_command_shows_both_and_json_has_every_column(home: Home) -> None:
    write(home, "events", [stored()], of=entry(rows_in=2, rows_out=1, quarantined=1, reasons={REASON: 1}))
    write(home, "quarantine", [rejected(1, user="OTHER", page_url="/c")])
    shown = clickstream("duplicates")
    assert shown.exit_code == 0, shown.output
    assert "1 conflicting duplicate is in quarantine" in shown.stdout
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["X", "b:1", "user_id", "u", "OTHER"] in lines
    assert ["page_url", "-", "/c"] in lines
    told = json.loads(clickstream("duplicates", "--json").stdout)
    assert {name: told[name] for name in ("exact", "reused_ids", "conflicting")} == {
        "exact": 0, "reused_ids": 0, "conflicting": 1,
    }  # fmt: skip
    (only,) = told["conflicts"]
    assert only["differs"] == ["user_id", "page_url"]
    assert (only["event"]["user_id"], only["record"]["user_id"]) == ("u", "OTHER")
    assert json.loads(only["record"]["value"])["page_url"] == "/c"


def test_a_lake_without_any_says_so_and_one_that_is_not_there_is_an_error(home: Home) -> None:
    with pytest.raises(SourceError, match="nothing was read yet"):
        found(home)
    refused = clickstream("duplicates")
    assert refused.exit_code == 1
    assert "there is no lake here yet; `clickstream run` begins one" in refused.stderr
    assert clickstream("duplicates", "--limit", "-1").exit_code == 2
    write(home, "events", [stored()])
    assert "0 conflicting duplicates" in clickstream("duplicates").stdout


def test_copies_at_other_times_are_listed_with_the_time_of_their_event(home: Home) -> None:
    write(home, "events", [stored()], of=entry(rows_in=3, rows_out=1, duplicates=2, set_aside=1, replaced=1))
    write(home, "events", [], of=Amendment("events", REPLACEMENT, "run", removed=1, by="main/1/0"))
    aside: dict[str, Any] = {"left_out_as": "copy", "left_out_by": "main/1/0"}
    aside |= {"timestamp": at("10:05"), "arrived_at": at("12:00")}
    moved: dict[str, Any] = {**aside, "left_out_as": "replaced", "timestamp": at("10:07"), "arrived_at": at("09:00")}
    bytes_: dict[str, Any] = {"value": b'{"user_id": "v"}'}
    write(home, "copies", [stored(offset=1, user_id="v", **aside, **bytes_), stored(offset=2, **moved)])

    known = found(home)
    assert (known.exact, known.set_aside, known.replaced, known.restored) == (1, 1, 1, 0)
    assert [(each.offset, each.left_out_as, each.event_time, each.differs) for each in known.copies] == [
        (1, "copy", at("10:00:00"), ("user_id",)),
        (2, "replaced", at("10:00:00"), ()),
    ]
    assert [each.value for each in known.copies] == [b'{"user_id": "v"}', None]
    told = clickstream("duplicates").output
    assert "1 record came again at another time, and 1 event gave way to a copy at an earlier one" in told
    assert "2024-03-01 10:05:00" in told
    (first, _) = json.loads(clickstream("duplicates", "--json").output)["copies"]
    assert (first["timestamp"], first["event_time"]) == ("2024-03-01T10:05:00+00:00", "2024-03-01T10:00:00+00:00")
    assert first["value"] == '{"user_id": "v"}'


def test_a_copy_is_compared_in_what_is_declared_too_and_has_its_bytes_also_once_it_gave_way(home: Home) -> None:
    write(home, "events", [stored(extra='{"amount":"9.90"}')])
    aside: dict[str, Any] = {"left_out_as": "copy", "left_out_by": "main/1/0", "timestamp": at("10:05")}
    aside["value"] = b"..."
    same, other = ({**aside, "extra": f'{{"amount":{amount}}}'} for amount in ("9.9", "9.91"))
    gave_way: dict[str, Any] = {**other, "left_out_as": "replaced", "left_out_by": "main/1/9", "value": None}
    write(home, "copies", [stored(offset=n, **each) for n, each in ((1, same), (2, other), (2, gave_way))])
    listed = {each.offset: (each.left_out_as, each.differs, each.value) for each in found(home).copies}
    assert listed == {1: ("copy", ("extra",), b"..."), 2: ("replaced", ("extra",), b"...")}
    listed = {each.offset: each.differs for each in found(home, contract="commerce").copies}
    assert listed == {1: (), 2: ("amount",)}
