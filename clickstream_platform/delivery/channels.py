"""Where alerts are told, and in which words: a webhook of your own, or one that takes what Slack takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from clickstream_platform.delivery.outbox import Alert
from clickstream_platform.settings import Settings

Body = Callable[[Alert], "dict[str, Any]"]


@dataclass(frozen=True)
class Channel:
    """An address that is sent one POST for each alert.

    Attributes:
        name: as `clickstream status` calls it.
        url: the address, which often is a secret: never shown.
        body: what is sent, as JSON.
    """

    name: str
    url: str = field(repr=False)
    body: Body = field(repr=False)


@dataclass(frozen=True)
class Patience:
    """How long a channel may take. One that hangs holds up a run for ``attempts * answer`` seconds and the pauses.

    Attributes:
        answer: seconds for a connection, and again for an answer.
        attempts: at one alert, in one run.
        pause: seconds before the second attempt, doubled for each further one.
        run: seconds for all alerts of one run and channel; what is left then waits for the next run.
    """

    answer: float = 3.0
    attempts: int = 3
    pause: float = 0.5
    run: float = 20.0


def channels_of(settings: Settings) -> list[Channel]:
    """The channels that the settings name."""
    named: list[tuple[str, str, Body]] = [
        ("webhook", settings.alert_webhook.get_secret_value(), _full_alert),
        ("slack", settings.alert_slack_webhook.get_secret_value(), _for_people),
    ]
    return [Channel(name, url, body) for name, url, body in named if url]


def _full_alert(alert: Alert) -> dict[str, Any]:
    return {"key": alert.key, "table": alert.table, "row": alert.row}


def _for_people(alert: Alert) -> dict[str, Any]:
    row = alert.row
    columns = ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)
    return {"text": f"{alert.table}: {_escape(columns)}"}


def _escape(text: str) -> str:
    """Text that is neither a link nor a mention, by Slack's own rules."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
