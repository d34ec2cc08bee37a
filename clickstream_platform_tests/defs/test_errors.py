"""What of a step is retried, and what it says when it gives up."""

from __future__ import annotations

import dagster as dg
import pytest

from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.sensors import failures
from clickstream_platform.errors import SourceError, TableBusyError


def test_only_what_may_pass_is_retried() -> None:
    with pytest.raises(dg.RetryRequested) as first, translate_errors(0):
        raise TableBusyError("events", "another run holds it", "wait")
    with pytest.raises(dg.RetryRequested) as second, translate_errors(1):
        raise TableBusyError("events", "another run holds it", "wait")
    assert (first.value.seconds_to_wait, second.value.seconds_to_wait) == (10, 20)
    with pytest.raises(dg.Failure, match="another run holds it; wait") as last, translate_errors(2):
        raise TableBusyError("events", "another run holds it", "wait")
    assert not last.value.allow_retries
    with pytest.raises(dg.Failure, match="no broker") as failed, translate_errors(0):
        raise SourceError("kafka", "no broker", "start one")
    assert not failed.value.allow_retries
    assert failed.value.metadata["remedy"].value == "start one"
    with pytest.raises(ZeroDivisionError), translate_errors(0):
        _ = 1 / 0


def test_a_step_that_gave_up_is_headed_by_what_was_in_the_way(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_platform.defs.errors.FIRST_WAIT", 0)
    attempts: list[int] = []

    @dg.asset
    def purchases() -> None:
        attempts.append(len(attempts))
        with translate_errors(attempts[-1]):
            raise TableBusyError("purchases", "another run holds it", "wait")

    result = dg.materialize([purchases], instance=instance, raise_on_error=False)
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert attempts == [0, 1, 2]
    assert failed.error is not None
    assert (
        failed.error.message.strip()
        == "dagster._core.definitions.events.Failure: purchases: another run holds it; wait"
    )
    assert failures(instance, result.run_id) == ["purchases: another run holds it; wait"]
