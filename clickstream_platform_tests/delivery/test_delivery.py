"""Alerts told to a real server, which fails, hangs and comes back. No JVM but where a run is."""

from __future__ import annotations

import itertools
import json
import logging
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clickstream_platform.cli.app import program
from clickstream_platform.delivery import outbox as outboxes
from clickstream_platform.delivery.channels import Channel, Patience, channels_of
from clickstream_platform.delivery.outbox import Alert, Outbox, alerts_of
from clickstream_platform.delivery.post import DeliveryReport, deliver, with_delivery
from clickstream_platform.errors import DeliveryError, SettingsError
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.runtime.hooks import Hooks
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.delivery.receiving import SECRET, Receiver
from clickstream_platform_tests.local import local

SHORT = Patience(answer=0.3, attempts=2, pause=0.01)
NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "lake" / "_outbox.sqlite")


def contract() -> StreamingTable:
    return tables(Settings())["alerts"]


def row(user: str = "u", **values: Any) -> dict[str, Any]:
    return {"user_id": user, "session_id": None, "window_start": NOON, "rule": "many_events", "value": 101, **values}


def noted(outbox: Outbox, *users: str, channels: tuple[str, ...] = ("webhook",)) -> list[Alert]:
    """Alerts of these users, in the outbox in this order."""
    alerts = alerts_of(contract(), [row(user) for user in users])
    for alert in alerts:
        with pytest.MonkeyPatch.context() as clock:  # the order is by time, in milliseconds
            clock.setattr(outboxes.time, "time_ns", lambda: next(_milliseconds) * 1_000_000)
            outbox.note([alert], channels)
    return alerts


_milliseconds = itertools.count(time.time_ns() // 1_000_000)


def webhook(url: str, name: str = "webhook") -> Channel:
    return Channel(name, url, lambda alert: {"user": alert.row["user_id"]})


def closed_port() -> str:
    return f"http://127.0.0.1:1{SECRET}"


def test_each_alert_arrives_once_with_its_key_and_its_row(outbox: Outbox, receiver: Receiver) -> None:
    (channel,) = channels_of(Settings.model_validate({"alert_webhook": receiver.url}))
    alerts = noted(outbox, "a", "b")
    noted(outbox, "a")  # the batch was killed before its commit, and announced them again
    assert deliver(outbox, [channel], SHORT) == [DeliveryReport("webhook", 2, None)]
    assert deliver(outbox, [channel], SHORT) == []
    assert receiver.keys == [alert.key for alert in alerts]
    assert receiver.bodies[0] == {
        "key": alerts[0].key,
        "table": "alerts",
        "row": row("a", window_start="2024-03-01T12:00:00Z"),
    }


def test_a_key_says_which_row_it_is_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(**values: Any) -> str:
        return alerts_of(contract(), [row(**values)])[0].key

    assert key() == key(value=500) != key(user="v") != key(rule="many_purchases")
    try:
        for zone in ("UTC", "Asia/Tokyo"):  # Spark hands times over in the machine's zone, without saying so
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert key(window_start=NOON.astimezone().replace(tzinfo=None)) == key()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_who_is_forgotten_is_not_even_in_the_bytes_of_the_file(outbox: Outbox) -> None:
    noted(outbox, "anna-7f3e", "ben")
    outbox.erase("anna-7f3e")
    assert [alert.row["user_id"] for alert in outbox.waiting("webhook", 9)] == ["ben"]
    assert b"anna-7f3e" not in outbox.path.read_bytes()


def test_slack_is_sent_text_that_mentions_nobody(outbox: Outbox, receiver: Receiver) -> None:
    (channel,) = channels_of(Settings.model_validate({"alert_slack_webhook": receiver.url}))
    noted(outbox, "<!channel> & co", channels=("slack",))
    assert [str(told) for told in deliver(outbox, [channel], SHORT)] == ["alerts to slack: 1 delivered"]
    assert receiver.bodies == [
        {
            "text": "alerts: user_id=&lt;!channel&gt; &amp; co, window_start=2024-03-01T12:00:00Z, "
            "rule=many_events, value=101"
        }
    ]


@pytest.mark.parametrize("hiccup", [500, 503, 429, "hang"])
def test_what_may_pass_is_tried_again_at_once(outbox: Outbox, receiver: Receiver, hiccup: int | str) -> None:
    noted(outbox, "a")
    receiver.answers = [hiccup]
    assert deliver(outbox, [webhook(receiver.url)], SHORT) == [DeliveryReport("webhook", 1, None)]


@pytest.mark.parametrize(("refusal", "tries"), [(404, 1), (403, 1), (302, 1), (500, 2)])
def test_what_is_refused_waits_for_the_next_run(outbox: Outbox, receiver: Receiver, refusal: int, tries: int) -> None:
    noted(outbox, "a", "b")
    receiver.answers = [refusal] * tries
    assert deliver(outbox, [webhook(receiver.url)], SHORT) == [DeliveryReport("webhook", 0, f"it answered {refusal}")]
    assert receiver.asked == tries
    assert deliver(outbox, [webhook(receiver.url)], SHORT) == [DeliveryReport("webhook", 2, None)]


def test_a_server_that_hangs_holds_nobody_up_and_is_told_when_it_is_back(outbox: Outbox, receiver: Receiver) -> None:
    alerts = noted(outbox, *(f"u{number}" for number in range(50)))
    receiver.answers = ["hang"] * 2
    assert deliver(outbox, [webhook(receiver.url)], SHORT) == [DeliveryReport("webhook", 0, "no answer within 0.3 s")]
    assert deliver(outbox, [webhook(receiver.url)], Patience(answer=60, run=600)) == [
        DeliveryReport("webhook", 50, None)
    ]
    assert receiver.asked == 2 + 50  # after two attempts at the first, the other 49 were not tried
    assert set(receiver.keys) == {alert.key for alert in alerts}
    assert len(receiver.keys) == 50


def test_a_dead_channel_does_not_keep_an_alert_from_another(outbox: Outbox, receiver: Receiver) -> None:
    noted(outbox, "a", channels=("dead", "alive"))
    channels = [webhook(closed_port(), "dead"), webhook(receiver.url, "alive")]
    dead, alive = deliver(outbox, channels, SHORT)
    assert (dead.alerts, alive.alerts) == (0, 1)
    assert dead.problem == "it cannot be reached (NewConnectionError)"


def test_an_alert_that_is_always_refused_holds_up_no_other(outbox: Outbox, receiver: Receiver) -> None:
    noted(outbox, "poison", "b", "c")
    receiver.answers = [400]
    deliver(outbox, [webhook(receiver.url)], SHORT)
    receiver.answers = [200, 200, 400]
    assert deliver(outbox, [webhook(receiver.url)], SHORT) == [DeliveryReport("webhook", 2, "it answered 400")]
    assert receiver.bodies == [{"user": "b"}, {"user": "c"}]


def test_what_does_not_fit_into_one_run_waits(outbox: Outbox, receiver: Receiver) -> None:
    noted(outbox, "a", "b")
    hasty = Patience(answer=0.3, attempts=1, run=-1)
    assert deliver(outbox, [webhook(receiver.url)], hasty) == [DeliveryReport("webhook", 0, "-1 s were over")]
    assert outbox.status()[0].waiting == 2


def test_nobody_is_shown_the_address(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.model_validate({"alert_webhook": closed_port(), "alert_slack_webhook": closed_port()})
    noted(outbox, "a", channels=("webhook", "slack"))
    with caplog.at_level(logging.INFO):
        told = deliver(outbox, channels_of(settings), SHORT)
    shown = [repr(settings), str(channels_of(settings)), str(told), str(outbox.status()), caplog.text]
    assert not [text for text in shown if "/secret" in text]
    assert b"T0/B0" not in outbox.path.read_bytes()


@pytest.mark.parametrize(
    "wrong", ["hooks.example.com/T0/secret", "ftp://h/secret", "https:///secret", "http://[secret"]
)
def test_an_address_that_is_none_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("CLICKSTREAM_ALERT_WEBHOOK", wrong)
    with pytest.raises(SettingsError) as refused:
        from_env()
    assert str(refused.value).startswith("CLICKSTREAM_ALERT_WEBHOOK: its value is not allowed; ")
    assert "secret" not in str(refused.value) + str(refused.value.__cause__)


def test_a_delivery_is_forgotten_after_a_month_and_what_waits_never(
    outbox: Outbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted(outbox, "a")
    deliver(outbox, [webhook(receiver.url)], SHORT)
    noted(outbox, "b")
    later = time.time_ns() + timedelta(days=31) // timedelta(microseconds=1) * 1000
    monkeypatch.setattr(outboxes.time, "time_ns", lambda: later)
    outbox.forget()
    (status,) = outbox.status()
    assert (status.delivered, status.waiting) == (0, 1)


def test_an_outbox_that_cannot_be_written_stops_the_batch_before_its_commit(outbox: Outbox, receiver: Receiver) -> None:
    outbox.path.parent.mkdir()
    local(outbox.path).write_text("no database" * 100)
    with pytest.raises(DeliveryError, match="the outbox cannot be used"):
        noted(outbox, "a")
    assert deliver(outbox, [webhook(receiver.url)], SHORT) == []  # the run is over, and right


def test_without_a_channel_nothing_is_kept(tmp_path: Path) -> None:
    hooks = Hooks()
    assert with_delivery(hooks, Settings(home=tmp_path)).notify is hooks.notify


def test_status_says_what_waits_and_why(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    outbox = Outbox(tmp_path / "lake" / "_outbox.sqlite")
    noted(outbox, "a", "b")
    receiver.answers = [200, 404]
    deliver(outbox, [webhook(receiver.url)], SHORT)
    text = CliRunner().invoke(program, ["status"]).stdout
    assert "alerts to webhook: 1 delivered, 1 wait for the next run (20" in text
    assert "it answered 404)" in text
    (found,) = json.loads(CliRunner().invoke(program, ["status", "--json"]).stdout)["deliveries"]
    assert {name: found[name] for name in ("channel", "delivered", "waiting", "problem")} == {
        "channel": "webhook",
        "delivered": 1,
        "waiting": 1,
        "problem": "it answered 404",
    }


@pytest.mark.spark
def test_killed_between_note_and_commit_an_alert_is_told_after_the_commit_under_one_key(
    lab: Lab, receiver: Receiver
) -> None:
    settings = Settings.model_validate({"home": lab.settings.home, "alert_webhook": receiver.url})
    said: list[str] = []
    hooks = with_delivery(Hooks(), settings, said.append)

    def killed(table: StreamingTable, rows: list[dict[str, Any]]) -> None:
        hooks.notify(table, rows)
        raise RuntimeError("killed")

    lab.land(*(event("u", f"10:00:0{i}", event_type="purchase") for i in range(6)))
    lab.run("events")
    with pytest.raises(Exception, match="killed"):
        lab.run("alerts", hooks=Hooks(notify=killed, ended=hooks.ended))
    assert (receiver.keys, list(entries(lab.lake.table("alerts")))) == ([], [])
    receiver.answers = [404]  # a dead channel does not stop the table
    lab.run("alerts", hooks=hooks)
    assert said == ["alerts to webhook: 0 delivered, then it answered 404; the others wait for the next run"]
    assert lab.table("alerts").count() == 1
    lab.run("alerts", hooks=hooks)  # nothing new, but something left to tell
    expected = alerts_of(lab.contracts["alerts"], [r.asDict() for r in lab.table("alerts").collect()])
    assert receiver.keys == [alert.key for alert in expected]
    assert receiver.bodies[0]["row"]["window_start"] == "2024-03-01T10:00:00Z"
