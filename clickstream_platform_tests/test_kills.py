"""What ``make kills`` is made of, without a cluster and a store: rounds, the span of kills, the score."""

from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from clickstream_platform_tests.kills import Blow, Score, Span, Worker
from clickstream_platform_tests.rounds import AGAIN, BEGIN, LATE, NEW, land
from clickstream_platform_tests.told_driver import BUG, CLEAR, DONE, KILLED, OF_A_LIBRARY, Answer


def landed(folder: Path, number: int) -> list[str]:
    land(folder, number)
    return (folder / f"{number:04}.json").read_text().splitlines()


def test_each_round_lands_events_of_its_own_some_of_them_twice_and_a_line_that_is_none(tmp_path: Path) -> None:
    ids: Counter[str] = Counter()
    for number in range(3):
        *records, broken = landed(tmp_path, number)
        ids.update(json.loads(record)["event_id"] for record in records)
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken)

    assert Counter(ids.values()) == {1: 3 * (NEW - AGAIN), 2: 3 * AGAIN}


def test_some_events_of_a_round_are_of_hours_of_earlier_ones(tmp_path: Path) -> None:
    *records, _ = landed(tmp_path, 4)

    hours = Counter(json.loads(record)["timestamp"][:13] for record in records[:NEW])

    assert hours.pop(f"{BEGIN.replace(hour=4):%Y-%m-%dT%H}") == NEW - LATE
    assert hours.total() == LATE
    assert len(hours) == 4


@pytest.mark.parametrize("lasts", [1.0, 6.0, 40.0])
def test_most_kills_and_not_all_come_before_the_end_of_runs_whatever_they_take(lasts: float) -> None:
    span, drawn, hits = Span(), random.Random(1), list[bool]()
    for _ in range(300):
        hits.append(drawn.random() * span.seconds < lasts)
        span.learn(hit=hits[-1])

    assert 0.7 < sum(hits[100:]) / 200 < 0.9


def test_only_an_error_that_names_a_remedy_is_an_end_nobody_minds(tmp_path: Path) -> None:
    blow = Blow("worker", Worker("worker-1", tmp_path, "spark://nowhere:1", ExitStack()), 0.5, 1)
    score = Score()

    for answer in (
        Answer(DONE, DONE),
        Answer(KILLED, KILLED),
        Answer(CLEAR, "UnreachableError: it does not answer; start it"),
        Answer(OF_A_LIBRARY, "Py4JJavaError: An error occurred"),
        Answer(BUG, "KeyError: 'x'"),
    ):
        score.add(blow, answer, hit=answer.kind != DONE)

    assert score.unclear == ["Py4JJavaError: An error occurred", "KeyError: 'x'"]
    assert score.ends == {"killed": 1, "UnreachableError": 1, "Py4JJavaError": 1, "KeyError": 1}
    assert str(score) == "4 hit a run (4 worker), 1 fell after its end (1 worker)"
