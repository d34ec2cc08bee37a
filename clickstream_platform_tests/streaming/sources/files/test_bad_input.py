"""What producers and disks do to a landing folder: each fault is booked, and nothing good is lost for it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from clickstream_platform.streaming.sources.files.intake import Intake
from clickstream_platform.streaming.sources.files.manifest import Manifest
from clickstream_platform_tests.conftest import KINDS, Lab, event

pytestmark = pytest.mark.spark


def test_every_fault_in_one_folder_costs_nothing_but_itself(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    good = json.dumps(event("good")).encode()
    lab.only(*KINDS).land(name="empty.json")
    _write(lab, "half.json", good + b"\n" + good[:40])
    lab.land(b'{"user_id": "' + b"x" * 5_000_000 + b'"}', event("beside"), name="large.json")
    junk = (bytes(range(128, 256)), b"\x00\x01\x02", b'{"user_id": "a\x00b"}')
    lab.land(*junk, event("among junk"), event("among junk"), name="junk.json")
    lab.land(*junk, name="junk.bin")
    lab.land('{"user_id": "first", "user_id": "last", "event_type": "click", "timestamp": "2024-03-01T10:00:00Z"}')
    lab.land(event(42, "2024-03-01T10:00:00Z", session_id=None), event("null_session", session_id=None))  # type: ignore[arg-type]
    lab.land(event("old", "0001-06-01T00:00:00Z"), event("new", "9999-06-01T00:00:00Z"))
    lab.land(event("first day", "0001-01-01T00:00:00Z"), event("last day", "9999-12-31T23:59:59Z"))
    _write(lab, "deep/er/whole.json.gz", gzip.compress(good + b"\n"))
    many = b"".join(json.dumps(event(f"cut{i}")).encode() + b"\n" for i in range(5_000))
    _write(lab, "cut.json.gz", gzip.compress(many)[:-40])
    _write(lab, "denied.json", b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>')
    _write(lab, "_writing.json", good)
    _write(lab, ".hidden/file.json", good)
    report = lab.run()["events"]
    users = sorted(row.user_id for row in lab.table("events").collect())
    assert users == ["42", "among junk", "among junk", "beside", "good", "good", "last", "null_session", "old"]
    assert report.batches[0].records.reasons == {
        "malformed_json": 4,
        "too_large": 1,
        "future_timestamp": 1,
        "bad_timestamp": 2,
    }
    assert [*report.unreadable] == ["cut.json.gz", "denied.json", "junk.bin"]
    assert "cut.json.gz is refused whole: gzip: cut off" in caplog.text
    large = max(lab.table("quarantine").collect(), key=lambda row: row.size)
    assert (large.size, len(large.value)) == (5_000_015, 1_000)
    lab.assert_exact()


def test_a_file_deleted_between_listing_and_reading_is_booked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.land(event("stays"), name="stays.json")
    goes = lab.land(event("goes"), name="goes.json")
    write = Intake.write

    def delete_after_the_plan(intake: Intake, manifests: list[Manifest], source: Path) -> None:
        write(intake, manifests, source)
        goes.unlink(missing_ok=True)

    monkeypatch.setattr(Intake, "write", delete_after_the_plan)
    report = lab.run("events")["events"]
    assert [row.user_id for row in lab.table("events").collect()] == ["stays"]
    assert report.unreadable == {"goes.json": "deleted before it was read"}


def test_a_landing_folder_that_does_not_exist_yet_is_made(lab: Lab) -> None:
    assert not lab.landing.exists()
    assert lab.run("events")["events"].rows == 0
    lab.land(event())
    assert lab.run("events")["events"].rows == 1


def _write(lab: Lab, name: str, content: bytes) -> None:
    file = lab.landing / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
