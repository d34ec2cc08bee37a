"""A lake's life as a property: whatever is done to it, in any order, killed anywhere, no event is lost or doubled.

Each example is a life: files land in several sources; runs, replays, erasures and all else that changes ``events`` come
in any order. Some of it is stopped before or after one of its commits, in this process by an error, in one of its own
by ``kill -9``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from clickstream_platform_tests.lives.life import Life

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.timeout(7200)]  # seconds: a life takes one minute or two

LIVES = int(os.environ.get("SOAK_LIVES", "4"))  # the first is a simple one; `make soak` wants more
STEPS = 12


def test_after_any_life_every_event_that_was_not_taken_out_is_there_once(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class Begun(Life):
        def __init__(self) -> None:
            super().__init__(spark, tmp_path_factory.mktemp("life"))

    chosen = settings(
        max_examples=LIVES,
        stateful_step_count=STEPS,
        phases=[Phase.generate],  # shrinking would take hours; the steps of a life that failed are told as they were
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(Begun, settings=chosen)
