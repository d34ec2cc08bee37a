"""What is said of a run that failed: table, finding and remedy. A real instance, no JVM."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from clickstream_platform.defs.sensors import failures


def test_a_failure_is_told_as_table_finding_and_remedy(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def events() -> None:
        msg = "events: the topic is gone; create it"
        raise dg.Failure(msg, allow_retries=False)

    @dg.asset
    def sessions() -> None:
        msg = "a wheel came off\nand rolled away"
        raise ValueError(msg)

    result = dg.materialize([events, sessions], instance=instance, raise_on_error=False)
    assert failures(instance, result.run_id) == [
        "events: the topic is gone; create it",
        "sessions: ValueError: a wheel came off; the run's log has the rest",
    ]


def test_a_failed_check_is_told_by_its_name(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def events() -> None: ...

    specs = [dg.AssetCheckSpec(name, asset="events", blocking=True) for name in ("bad", "good")]

    @dg.multi_asset_check(specs=specs)
    def checks() -> Iterator[dg.AssetCheckResult]:
        for name in ("bad", "good"):
            yield dg.AssetCheckResult(asset_key="events", check_name=name, passed=name == "good", metadata={"found": 7})

    result = dg.materialize([events, checks], instance=instance, raise_on_error=False)
    assert failures(instance, result.run_id) == ["events: bad failed, found: 7; see `clickstream verify events`"]
