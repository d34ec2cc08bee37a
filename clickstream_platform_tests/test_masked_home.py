"""With masks set, what is named is nowhere in a home: no table, no log, no checkpoint, no proof, no file in between."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event

pytestmark = pytest.mark.spark

SECRET = "s3cr3t-of-someone"
MASKED = {
    "drop_fields": ("email",),
    "hash_fields": ("user_id",),
    "drop_url_parameters": ("token",),
    "hash_secret": SecretStr("a key of sixteen or more"),
    "duplicates": "event_id",
}


def test_what_is_masked_is_nowhere_in_a_home_and_a_person_is_found_by_the_id_that_was_sent(lab: Lab) -> None:
    lab = lab.reading("", **MASKED).only("events", "sessions", "user_patterns")
    named: dict[str, Any] = {"email": SECRET, "page_url": f"/a?token={SECRET}", "deep": {"EMAIL": SECRET}}
    lab.land(event(SECRET, **named), event("other", **named), event(SECRET, "11:00:00", event_type="swipe", **named))
    lab.land(f'{{"email": "{SECRET}"', f'["{SECRET}"]', event(SECRET, "07:00:00", **named), "x" * 1_000_001 + SECRET)
    again = [event(SECRET, f"10:0{n}:00", event_id="e", **named) for n in range(2)]
    lab.land(*again, {**again[0], "timestamp": "2024-03-01T10:02:00Z", "event_type": "swipe"})
    lab.run()
    assert lab.table("copies").where("value IS NOT NULL").count() == 1
    assert lab.table("events").select("user_id").distinct().count() == 2
    assert files_with(SECRET, lab) == []
    assert len(read_of(lab.lake.root)) > 20

    accepting = (*lab.settings.event_types, "swipe")
    lab.contracts["events"] = tables(lab.settings.model_copy(update={"event_types": accepting}))["events"]
    assert replay(lab.contracts["events"], lab.spark, lab.lake).accepted == 1
    assert lab.table("copies").where("value IS NOT NULL").count() == 2
    lab.run("sessions", "user_patterns")
    assert lab.table("events").where("user_id LIKE 'hmac:%'").groupBy("user_id").count().count() == 2
    assert files_with(SECRET, lab) == []
    lab.assert_exact()

    proof = forget(SECRET, list(lab.contracts.values()), lab.spark, lab.lake)
    assert proof.is_about(SECRET)
    assert [erased.rows for erased in proof.tables if erased.table in ("events", "copies")] == [2, 4]
    assert lab.table("events").count() == 1
    assert files_with(SECRET, lab) == []
    lab.assert_exact()


def files_with(text: str, lab: Lab) -> list[Place]:
    """The files of a home, wherever its lake is, but for what has landed, in which a text stands."""
    found = read_of(lab.settings.home) | read_of(lab.lake.root)
    return [file for file, content in found.items() if text in content and not str(file).startswith(str(lab.landing))]


def read_of(folder: Place) -> dict[Place, str]:
    """Every file below a folder as a text; of a Parquet file its rows, which are compressed, and its footer."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file: str(_rows(file) if file.suffix == ".parquet" else file.read_bytes()) for file in files}


def _rows(file: Place) -> tuple[object, ...]:
    content = file.read_bytes()
    return pq.ParquetFile(BytesIO(content)).read().to_pylist(), content[-100_000:]
