"""When the sensor asks for a run. A real instance, real files, no JVM."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.events import StepMaterializationData  # what a step that ends writes; there is no public way
from deltalake import write_deltalake

from clickstream_platform.defs.runs import FIRST_PAUSE, LONGEST_PAUSE, POSITION, attempts, stopped_reason
from clickstream_platform.defs.schedules import every_five_minutes
from clickstream_platform.defs.sensors import unread_sensor
from clickstream_platform.errors import UnreachableError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.trigger import ProcessingTime
from clickstream_platform.streaming.lake.lease import lease
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform_tests.local import local
from clickstream_platform_tests.small_store import small_store
from clickstream_platform_tests.topics import Topic


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"home": tmp_path})


def tick(instance: dg.DagsterInstance, settings: Settings, cursor: str | None = None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = unread_sensor(settings)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def land(settings: Settings, name: str = "1.json") -> None:
    file = Path(settings.source_url, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}\n")


def commit(settings: Settings, batch_id: int) -> None:
    """As if a batch of ``events`` had been committed that read nothing of what is there."""
    checkpoint = settings.lake_folder / "_checkpoints" / "events" / "1"
    for folder, text in (("commits", 'v1\n{"nextBatchWatermarkMs":0}'), ("offsets", 'v1\n{"batchWatermarkMs":0}\n-')):
        (checkpoint / folder).mkdir(parents=True, exist_ok=True)
        local(checkpoint / folder / str(batch_id)).write_text(text)


def ended(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> str:
    """A refresh that has this status."""

    @dg.job(name="refresh")
    def refresh() -> None: ...

    run = instance.create_run_for_job(refresh, tags=tags or {})
    if status is dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run)
    elif status is dg.DagsterRunStatus.CANCELED:
        instance.report_run_canceled(run)
    elif status is dg.DagsterRunStatus.STARTED:
        instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, "refresh"), run_id=run.run_id
        )
    return run.run_id


def materialized(instance: dg.DagsterInstance, asset: str, run_id: str) -> None:
    """As if a step of this run had ended that made this asset."""
    made = dg.AssetMaterialization(asset)
    instance.report_dagster_event(
        dg.DagsterEvent(
            dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            "refresh",
            event_specific_data=StepMaterializationData(made),
        ),
        run_id=run_id,
    )


def reason(result: dg.SensorResult) -> str:
    assert not result.run_requests
    assert result.skip_reason is not None
    return result.skip_reason.skip_message or ""


def test_nothing_unread_asks_for_nothing(instance: dg.DagsterInstance, settings: Settings) -> None:
    assert reason(tick(instance, settings)) == "every table has read all there is"


def test_tables_that_dagster_was_never_told_of_ask_for_a_refresh_until_it_was(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    write_deltalake(str(Lake(settings.lake_folder).table("purchases").path), pa.table({"event_id": ["e1"]}))
    (request,) = tick(instance, settings).run_requests or []
    assert request.tags.keys() == {POSITION}
    instance.report_runless_asset_event(dg.AssetMaterialization("purchases"))
    assert reason(tick(instance, settings)) == "every table has read all there is"


def test_what_a_stream_reads_asks_for_nothing(instance: dg.DagsterInstance, settings: Settings) -> None:
    land(settings)
    every_second = ProcessingTime(timedelta(seconds=1))
    with lease(Lake(settings.lake_folder), "events", "live", trigger=every_second.name):
        assert reason(tick(instance, settings)) == "`clickstream stream` keeps events up to date (every 1 s)"
    assert tick(instance, settings).run_requests


def test_something_unread_asks_for_a_refresh_of_everything(instance: dg.DagsterInstance, settings: Settings) -> None:
    land(settings)
    (request,) = tick(instance, settings).run_requests or []
    assert request.run_key is None  # Dagster would never ask again for a key whose run failed
    assert request.asset_selection is None
    assert request.tags.keys() == {POSITION}


def test_each_of_several_sources_is_observed_and_any_of_them_asks(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    history = settings.home / "history"
    history.mkdir()
    land(settings)
    several = json.dumps({"main": str(settings.home / "landing"), "history": str(history)})
    found = tick(instance, settings.model_copy(update={"source": several}))
    assert found.run_requests
    observed = {each.asset_key.path[-1]: each.metadata["lag"].value for each in found.asset_events}
    assert observed == {"landing": 1, "history": 0}
    history.rmdir()  # what is there of the others is read all the same
    found = tick(instance, settings.model_copy(update={"source": several}))
    assert found.run_requests
    assert "events from history" in (found.cursor or "")


def test_what_lands_on_a_store_is_asked_for_too(
    instance: dg.DagsterInstance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with small_store() as store:
        there = {"source": "s3://bucket/in", "store_endpoint": store.endpoint, "store_allow_http": True}
        on_store = settings.model_copy(update=there)
        assert reason(tick(instance, on_store)) == "every table has read all there is"
        store.objects |= {"in/a.json": b"{}\n", "in/b//c.json": b"{}\n", "in/_later": b"{}\n"}
        found = tick(instance, on_store)
        assert found.run_requests
        assert [each.metadata["lag"].value for each in found.asset_events] == [2]
        store.failing = 1_000
        with pytest.raises(UnreachableError, match="does not do what it is asked"):
            tick(instance, on_store)


def test_a_run_that_failed_is_asked_for_again(instance: dg.DagsterInstance, settings: Settings) -> None:
    land(settings)
    first = tick(instance, settings)
    (request,) = first.run_requests or []
    ended(instance, dg.DagsterRunStatus.FAILURE, dict(request.tags))
    assert tick(instance, settings, first.cursor).run_requests == [request]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_under_way_is_not_joined_by_another(
    instance: dg.DagsterInstance, settings: Settings, status: dg.DagsterRunStatus
) -> None:
    land(settings)
    run_id = ended(instance, status)
    assert reason(tick(instance, settings)) == f"run {run_id[:8]} (refresh) is {status.value.lower()}"


def test_a_run_that_is_done_with_events_is_followed_by_one_that_reads_what_came_since(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    land(settings)
    first = ended(instance, dg.DagsterRunStatus.STARTED)
    materialized(instance, "events", "an-earlier-run")
    assert reason(tick(instance, settings)) == f"run {first[:8]} (refresh) is started"
    materialized(instance, "events", first)
    assert tick(instance, settings).run_requests
    second = ended(instance, dg.DagsterRunStatus.NOT_STARTED)
    assert reason(tick(instance, settings)) == f"run {second[:8]} (refresh) is not_started"
    materialized(instance, "events", second)
    assert reason(tick(instance, settings)) == f"run {second[:8]} (refresh) is not_started"  # a third would only wait


def test_a_run_whose_later_tables_have_something_left_is_not_joined_by_another(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    table = Lake(settings.lake_folder).table("events")
    write_deltalake(str(table.path), pa.table({"event_id": ["e1"]}))
    run_id = ended(instance, dg.DagsterRunStatus.STARTED)
    materialized(instance, "events", run_id)
    result = tick(instance, settings)
    assert json.loads(result.cursor or "")["sessions"] == "1 event"
    assert reason(result) == f"run {run_id[:8]} (refresh) is started"


def test_the_schedule_asks_for_a_run_unless_one_is_under_way() -> None:
    with dg.instance_for_test() as instance, dg.build_schedule_context(instance=instance) as context:
        assert every_five_minutes(context) == dg.RunRequest()
        run_id = ended(instance, dg.DagsterRunStatus.STARTED)
        assert every_five_minutes(context) == dg.SkipReason(f"run {run_id[:8]} (refresh) is started")


def test_three_failures_at_one_position_wait_and_one_at_the_next_does_not(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    land(settings)
    (request,) = tick(instance, settings).run_requests or []
    run_ids = [ended(instance, dg.DagsterRunStatus.FAILURE, dict(request.tags)) for _ in range(3)]
    assert reason(tick(instance, settings)).startswith(
        f"refresh failed 3 times at this position, last in run {run_ids[-1][:8]}; next attempt at "
    )
    commit(settings, 0)
    (elsewhere,) = tick(instance, settings).run_requests or []
    assert elsewhere.tags != request.tags


def test_a_run_that_somebody_stopped_does_not_start_again_at_once(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    land(settings)
    run_id = ended(instance, dg.DagsterRunStatus.CANCELED)
    assert reason(tick(instance, settings)).startswith(f"run {run_id[:8]} was stopped; next attempt at ")
    assert stopped_reason(instance, datetime.now(timezone.utc) + FIRST_PAUSE) is None
    ended(instance, dg.DagsterRunStatus.FAILURE)  # a later run, by hand
    assert tick(instance, settings).run_requests


def test_the_pause_grows_up_to_a_limit(instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        ended(instance, dg.DagsterRunStatus.FAILURE, {POSITION: "here"})
    three = attempts(instance, "here")
    assert three.pause(three.ended + FIRST_PAUSE - timedelta(seconds=1))
    assert three.pause(three.ended + FIRST_PAUSE) is None
    ended(instance, dg.DagsterRunStatus.FAILURE, {POSITION: "here"})
    four = attempts(instance, "here")
    assert four.pause(four.ended + FIRST_PAUSE)
    assert four.pause(four.ended + 2 * FIRST_PAUSE) is None
    many = four.__class__(1_000, four.run_id, four.ended)
    assert many.pause(many.ended + LONGEST_PAUSE) is None
    assert attempts(instance, "elsewhere").failures == 0


def test_the_source_is_observed_when_what_is_unread_changes(instance: dg.DagsterInstance, settings: Settings) -> None:
    land(settings)
    first = tick(instance, settings)
    (seen,) = first.asset_events
    assert seen.asset_key == dg.AssetKey("landing")
    assert (seen.metadata["lag"].value, seen.metadata["unit"].value) == (1, "files")
    assert tick(instance, settings, first.cursor).asset_events == []
    land(settings, "2.json")
    (again,) = tick(instance, settings, first.cursor).asset_events
    assert again.metadata["lag"].value == 2


@pytest.mark.usefixtures("impatient")
def test_a_source_that_cannot_be_asked_fails_the_tick(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "source": "kafka://127.0.0.1:1/clicks"})
    with pytest.raises(UnreachableError, match="does not answer"):
        tick(instance, settings)


@pytest.mark.spark
def test_a_topic_is_observed_by_partition(instance: dg.DagsterInstance, settings: Settings, topic: Topic) -> None:
    settings = settings.model_copy(update={"source": topic.url})
    topic.made(2)
    assert tick(instance, settings).skip_reason is not None
    topic.send(b"{}", b"{}", partition=1)
    found = tick(instance, settings)
    (seen,) = found.asset_events
    assert seen.asset_key == dg.AssetKey(["kafka", topic.name])
    assert seen.metadata["lag"].value == 2
    assert seen.metadata["partitions"].value == {f"{topic.name}/0": 0, f"{topic.name}/1": 2}
    assert found.run_requests


def test_the_cursor_names_every_table(instance: dg.DagsterInstance, settings: Settings) -> None:
    cursor = tick(instance, settings).cursor
    assert json.loads(cursor or "")["sessions"] == "0 events"
