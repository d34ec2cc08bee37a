"""A folder with a file of each format, good and hostile, in two cuts, killed in between: exact, to the record."""

from __future__ import annotations

import json
import signal
from collections import Counter

import pytest

from clickstream_platform.streaming.audit.balance import imbalances
from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.stopped_run import Stop
from clickstream_platform_tests.streaming.sources.files.formatted import FORMATTED
from clickstream_platform_tests.streaming.sources.files.packing import PACK

pytestmark = pytest.mark.spark

GOOD = json.dumps(event("beside", "12:00:00")).encode()
HOSTILE = {
    "an array cut.json": b"[" + GOOD + b"," + GOOD[:30],
    "no array.json": b"[" + GOOD + b"; " + GOOD + b"]",
    "pretty but cut.json": b"{\n" + GOOD[1:] + b"\n{\n",
    "no end of a text.csv": b'user_id,event_type\nu,"click\n',
    "a name twice.tsv": b"user_id\tuser_id\nu\tv\n",
    "cut.parquet": FORMATTED["parquet"][1]([event()] * 9)[:-20],
    "packed.json.gz": PACK["gzip"](b"[" + GOOD + b"]" + b" " * 99_999)[:-9],
}
SPOILED = {
    "rows.csv": b"user_id,session_id,event_type,timestamp\nu,s\nok1,s,click,2024-03-01T12:00:00Z\nu,s,c,l,i\n",
    "objects.json": b'[{"a": ' + b"[" * 600 + b"]" * 600 + b"}, nonsense,\n" + GOOD.replace(b"beside", b"ok2") + b"]",
    "numbers.json": b'{\n"user_id": 1e9999999999999999999\n}' + GOOD.replace(b"beside", b"ok3"),
    "long.parquet": FORMATTED["parquet"][1]([event("x" * 1_100_000), event("ok4", "12:00:00")]),
}


def test_a_folder_of_every_format_is_exact_in_any_cut_and_after_a_kill(lab: Lab) -> None:
    lab = lab.only("events", "user_activity")
    for cut in range(2):
        for form, (name, written) in FORMATTED.items():
            objects = [event(form, f"{10 + cut}:{i:02}:00", event_id=f"{form} {cut} {i}") for i in range(7)]
            _land(lab, f"{cut}/{name}", written(objects))
            if form != "parquet":
                _land(lab, f"{cut}/{name}.zst", PACK["zstd"](written([*objects, event(f"{form} packed")])))
        if cut:
            for name, content in {**HOSTILE, **SPOILED}.items():
                _land(lab, name, content)
            killed = Stop("kill group", 1, "before").start("run", "events", **lab.environment)
            assert killed.wait(timeout=300) == -signal.SIGKILL
        lab.run()
    users = Counter(row.user_id for row in lab.table("events").collect())
    assert users == Counter(
        dict.fromkeys(FORMATTED, 14)
        | {f"{form} packed": 2 for form in FORMATTED if form != "parquet"}
        | {f"ok{number}": 1 for number in range(1, 5)}
    )
    ledger = list(entries(lab.lake.events))
    assert {name for entry in ledger for name in entry.account.unreadable} == {*HOSTILE}
    values = {(row.partition, row.offset): bytes(row.value) for row in lab.table("quarantine").collect()}
    assert {place: value[:60] for place, value in values.items()} == {
        ("rows.csv", 0): b"user_id,session_id,event_type,timestamp\nu,s",
        ("rows.csv", 2): b"user_id,session_id,event_type,timestamp\nu,s,c,l,i",
        ("objects.json", 0): b'{"a": ' + b"[" * 54,
        ("objects.json", 1): b"nonsense",
        ("numbers.json", 0): b'{\n"user_id": 1e9999999999999999999\n}',
        ("long.parquet", 0): b'{"user_id":"' + b"x" * 48,
    }
    formats = {name: each for entry in ledger for name, each in entry.account.formats.items()}
    assert Counter(formats.values()) == {"json": 25, "csv": 10, "tsv": 5, "parquet": 4, "json-seq": 4, "jsonp": 4}
    assert imbalances(ledger) == []
    found = source_account(lab.contracts["events"], lab.lake)
    assert (found.errors, found.recount.unread, found.recount.notes) == ((), {}, ())
    lab.assert_exact()


def _land(lab: Lab, name: str, content: bytes) -> None:
    file = lab.landing / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
