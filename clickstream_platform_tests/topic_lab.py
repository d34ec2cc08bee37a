"""What tests do with a home that reads topics, and what they ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clickstream_platform.streaming.audit.source_account import source_account
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.observe.lag import lag
from clickstream_platform.streaming.sources.kafka import continuity
from clickstream_platform.streaming.sources.kafka.source import KafkaSource
from clickstream_platform.streaming.sources.recount import Recount
from clickstream_platform.streaming.sources.source import Lag
from clickstream_platform_tests.conftest import event

if TYPE_CHECKING:
    from clickstream_platform.streaming.runtime.report import RunReport
    from clickstream_platform_tests.conftest import Lab


def ingest(lab: Lab, **options: Any) -> RunReport:
    return lab.run("events", **options)["events"]


def users(lab: Lab) -> list[str]:
    """Whose events there are."""
    return sorted(row["user_id"] for row in lab.table("events").select("user_id").collect())


def numbered(count: int, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """Events of as many users."""
    return [event(f"u{number:04d}", event_id=f"{number}", **fields) for number in range(first, first + count)]


def unread(lab: Lab) -> Lag:
    return lag(lab.contracts["events"], lab.lake)


def admit(lab: Lab) -> None:
    """What a run does first; as if it had died right then."""
    source = lab.contracts["events"].offsets
    assert isinstance(source, KafkaSource)
    continuity.admit_run(source, generations.current_checkpoint(lab.lake, "events"))


def assert_conserved(lab: Lab) -> None:
    assert_balanced(lab)
    assert recount(lab).errors == ()


def assert_balanced(lab: Lab) -> None:
    (found,) = [each for each in validate(lab.contracts["events"], lab.spark, lab.lake) if each.name == "conservation"]
    assert found.passed, found


def recount(lab: Lab) -> Recount:
    """The topics counted again, against the ledger."""
    return source_account(lab.contracts["events"], lab.lake).recount
