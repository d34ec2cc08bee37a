"""A lake of two days, which delta-rs wrote."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from clickstream_platform.settings import Settings
from clickstream_platform_tests.homes import Home, delta
from clickstream_platform_tests.lakes import at, write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Two days of events, three sessions of which the watermark (noon) has passed two, one rejected record."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLICKSTREAM_HOME", raising=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    home = Home(Settings(home=tmp_path / ".clickstream"))
    for day in (1, 2):  # the first day's file is the older one, of which the columns are read
        row = {"user_id": f"u{day}", "timestamp": at("10:00:00", day), "event_date": date(2024, 3, day)}
        write(home, "events", [row])
    ends = {"u1": at("11:00:00"), "u2": at("12:00:00"), "u3": at("12:00:01")}
    write(
        home,
        "sessions",
        [
            {"user_id": user, "session_start": at("10:00:00"), "final_at": end, "event_sequence": ["click", "purchase"]}
            for user, end in ends.items()
        ],
    )
    write(home, "quarantine", [{"record_id": "r", "value": b"{\xff", "reasons": ["malformed_json"]}])
    home.plan("sessions", 0, delta(1))
    return home
