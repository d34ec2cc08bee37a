"""From a run's hooks to the channels: noted before the commit, sent after the run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clickstream_platform.delivery.channels import Channel, Patience, channels_of
from clickstream_platform.delivery.outbox import Outbox, alerts_of
from clickstream_platform.errors import DeliveryError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.runtime.hooks import Hooks

if TYPE_CHECKING:
    from clickstream_platform.delivery.sender import Sender

log = logging.getLogger(__name__)

PAGE = 100  # alerts read at a time


@dataclass(frozen=True)
class DeliveryReport:
    """What one run told one channel.

    Attributes:
        channel: its name.
        alerts: how many were delivered.
        problem: what the last attempt failed of; the alerts that are left wait for the next run.
    """

    channel: str
    alerts: int
    problem: str | None

    def __str__(self) -> str:
        """What was delivered and what is left, in one line."""
        left = f", then {self.problem}; the others wait for the next run" if self.problem else ""
        return f"alerts to {self.channel}: {self.alerts:,} delivered{left}"


def with_delivery(hooks: Hooks, settings: Settings, report: Callable[[str], None] = log.warning) -> Hooks:
    """The hooks, extended: every new row is also delivered to the channels that the settings name.

    An alert is noted in the lake's outbox before the commit of its batch, and sent after a run of its table that ended
    well, or in a stream after each of its commits: then all that is noted is in the table. A run that is killed leaves
    the rest to the next. Each alert is delivered at least once; the key tells repetitions.

    Args:
        hooks: what is called besides, and first.
        settings: name the channels; without any, nothing is noted. Who is forgotten leaves the outbox in any case.
        report: is called with one line for each channel to which an alert was delivered, or could not be.
    """
    channels = channels_of(settings)
    outbox = Outbox.of(Lake(settings.lake_folder))

    def forgotten(user_id: str) -> None:
        hooks.forgotten(user_id)
        outbox.erase(user_id)

    if not channels:
        return replace(hooks, forgotten=forgotten)

    def notify(table: StreamingTable, rows: list[dict[str, Any]]) -> None:
        hooks.notify(table, rows)
        outbox.note(alerts_of(table, rows), [channel.name for channel in channels])

    def ended(table: StreamingTable) -> None:
        hooks.ended(table)
        if table.announces:
            for delivery in deliver(outbox, channels):
                report(str(delivery))

    return replace(hooks, notify=notify, ended=ended, forgotten=forgotten)


def deliver(outbox: Outbox, channels: Sequence[Channel], patience: Patience | None = None) -> list[DeliveryReport]:
    """Send what waits. Raises nothing: a channel that fails is left alone until the next call, and so is the outbox.

    Returns:
        A report for each channel to which an alert was delivered, or could not be.
    """
    from clickstream_platform.delivery.sender import Sender  # noqa: PLC0415 - only who delivers waits for requests

    patience = patience or Patience()
    try:
        with Sender(patience) as sender:
            reports = [_deliver(outbox, channel, sender, patience.run) for channel in channels]
        outbox.forget()
    except DeliveryError as failed:
        log.warning("%s", failed)
        return []
    return [each for each in reports if each.alerts or each.problem]


def _deliver(outbox: Outbox, channel: Channel, sender: Sender, seconds: float) -> DeliveryReport:
    deadline, done = time.monotonic() + seconds, 0
    while page := outbox.waiting(channel.name, PAGE):
        for alert in page:
            if time.monotonic() > deadline:
                return DeliveryReport(channel.name, done, f"{seconds:g} s were over")
            problem = sender.send(channel, alert)
            outbox.tried(channel.name, alert, problem)
            if problem:
                return DeliveryReport(channel.name, done, problem)
            done += 1
    return DeliveryReport(channel.name, done, None)
