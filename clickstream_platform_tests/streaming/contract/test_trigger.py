"""Triggers as people write them, and the one table of facts about them. No JVM."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.trigger import (
    AvailableNow,
    Continuous,
    Once,
    ProcessingTime,
    RealTime,
    Trigger,
    run_trigger,
    stream_trigger,
    trigger_from,
)
from clickstream_platform.streaming.contract.trigger_support import (
    FACTS,
    QUERIES,
    Command,
    require_trigger,
    triggers_page,
)
from clickstream_platform.tables import tables

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ALL: list[Trigger] = [AvailableNow(), Once(), ProcessingTime(MINUTE), Continuous(SECOND), RealTime(5 * SECOND)]
SESSIONS = tables(Settings(home=Path("unused")))["sessions"]


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        ("2 minutes", ProcessingTime(2 * MINUTE)),
        ("every 90s", ProcessingTime(90 * SECOND)),
        ("  1.5   Min ", ProcessingTime(90 * SECOND)),
        ("1 hour", ProcessingTime(60 * MINUTE)),
        ("250 ms", ProcessingTime(timedelta(milliseconds=250))),
        ("available now", AvailableNow()),
        ("Once", Once()),
        ("continuous 1 second", Continuous(SECOND)),
        ("real-time 5 seconds", RealTime(5 * SECOND)),
    ],
)
def test_a_trigger_is_read_as_people_write_it(text: str, trigger: Trigger) -> None:
    assert trigger_from(text) == trigger


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("every now and then", "it is no interval; allowed: a number and a unit, as in 30 seconds"),
        ("", "it is no interval"),
        ("5", "it has no unit; say 5 seconds, 5 minutes or 5 hours"),
        ("continuous 5", "it has no unit"),
        ("2 fortnights", "fortnights is no unit; say 2 seconds"),
        ("0 seconds", "must be at least a millisecond"),
        ("0.0001 s", "must be at least a millisecond"),
        ("-5 seconds", "must be at least a millisecond"),
        ("25 hours", "at most a day"),
        (f"{'9' * 400} hours", "at most a day"),
        ("continuous", "it is no interval"),
        ("real-time 1 second", "must be at least 5 s"),
    ],
)
def test_a_text_that_is_none_is_refused_with_what_is_allowed(text: str, finding: str) -> None:
    with pytest.raises(SettingsError) as refused:
        trigger_from(text, "--every")
    assert str(refused.value).startswith(f"--every: {text!r}: ")
    assert finding in str(refused.value)


@pytest.mark.parametrize("trigger", ALL)
def test_a_trigger_reads_its_own_name(trigger: Trigger) -> None:
    assert trigger_from(trigger.name) == trigger
    assert trigger_from(FACTS[type(trigger)].written).__class__ is trigger.__class__


@pytest.mark.parametrize("kind", [ProcessingTime, Continuous, RealTime])
def test_no_interval_is_no_time_at_all(kind: type[ProcessingTime | Continuous | RealTime]) -> None:
    for interval in (timedelta(0), -SECOND):
        with pytest.raises(ValueError, match="at least"):
            kind(interval)


def test_spark_is_told_intervals_in_milliseconds() -> None:
    assert ProcessingTime(90 * SECOND).options() == {"processingTime": "90000 milliseconds"}
    assert Continuous(SECOND).options() == {"continuous": "1000 milliseconds"}
    assert RealTime(5 * SECOND).options() == {"realTime": "5000 milliseconds"}


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        ("run", {AvailableNow, Once}),
        ("stream", {ProcessingTime}),
        ("tap", {ProcessingTime, Continuous, RealTime}),
    ],
)
def test_a_command_takes_its_triggers_and_says_of_others_why_not_and_what_instead(
    command: Command, taken: set[type[Trigger]]
) -> None:
    for trigger in ALL:
        if type(trigger) in taken:
            require_trigger(trigger, command, "--trigger")
            continue
        with pytest.raises(SettingsError, match=f"{trigger.name} is not for `clickstream {command}`: ") as refused:
            require_trigger(trigger, command, "--trigger")
        assert refused.value.remedy == FACTS[type(trigger)].instead


@pytest.mark.parametrize("trigger", [Continuous(SECOND), RealTime(5 * SECOND)])
def test_a_contract_with_a_trigger_of_tap_is_refused_where_it_is_written(trigger: Trigger) -> None:
    with pytest.raises(ValueError, match=r"sessions: its trigger cannot be .*; use `clickstream stream --every"):
        replace(SESSIONS, trigger=trigger)


def test_a_contract_says_its_trigger_in_the_second_sentence() -> None:
    sentences = replace(SESSIONS, trigger=ProcessingTime(2 * MINUTE)).sentences()
    assert sentences["Trigger decides WHEN to process"] == "what is there, every 2 min, until it is stopped"


def test_a_run_ends_and_a_stream_does_not_whatever_the_contract_says() -> None:
    usual = ProcessingTime(MINUTE)
    assert [run_trigger(trigger) for trigger in ALL[:3]] == [AvailableNow(), Once(), AvailableNow()]
    assert [stream_trigger(trigger, usual) for trigger in ALL[:2]] == [usual, usual]
    assert stream_trigger(ProcessingTime(SECOND), usual) == ProcessingTime(SECOND)


def test_every_trigger_has_its_facts_and_they_speak_of_known_queries() -> None:
    assert set(FACTS) == {type(trigger) for trigger in ALL}
    assert all(facts.refused.keys() <= QUERIES.keys() for facts in FACTS.values())


def test_the_page_about_triggers_is_what_the_facts_make() -> None:
    file = Path(__file__).parents[3] / "docs" / "triggers.md"
    assert file.read_text() == triggers_page(), (
        "python -m clickstream_platform.streaming.contract.trigger_support > docs/triggers.md"
    )
