"""One alert to one channel over HTTP: attempts, pauses, limits of time, and what went wrong in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import requests
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from clickstream_platform.delivery.channels import Channel, Patience
from clickstream_platform.delivery.outbox import Alert
from clickstream_platform.errors import RETRYABLE_STATUSES


@dataclass(frozen=True)
class _Outcome:
    """The outcome of one attempt: what went wrong, without the address, and whether the next attempt may do better."""

    problem: str | None
    may_pass: bool = False


class Sender:
    """Sends alerts; use it in a ``with``. Connections are kept open between alerts."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._session = requests.Session()
        # Not urllib3's own retries: they log the whole address.
        self._attempts: Retrying = Retrying(
            stop=stop_after_attempt(patience.attempts),
            wait=wait_exponential(multiplier=patience.pause),
            retry=retry_if_result(lambda outcome: outcome.may_pass),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),  # the last one's
        )

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._session.close()

    def send(self, channel: Channel, alert: Alert) -> str | None:
        """Deliver one alert. Returns what went wrong, without the address; None if it was answered with a 2xx."""
        outcome: _Outcome = self._attempts(self._post, channel, alert)
        return outcome.problem

    def _post(self, channel: Channel, alert: Alert) -> _Outcome:
        how: dict[str, Any] = {"timeout": (self._patience.answer,) * 2, "headers": {"Idempotency-Key": alert.key}}
        how["allow_redirects"] = False  # a redirected POST would arrive as a GET, and nobody would know
        try:
            with self._session.post(channel.url, json=channel.body(alert), stream=True, **how) as answer:
                is_taken = 200 <= answer.status_code < 300
                return _Outcome(
                    None if is_taken else f"it answered {answer.status_code}", answer.status_code in RETRYABLE_STATUSES
                )
        except requests.Timeout:
            return _Outcome(f"no answer within {self._patience.answer:g} s", may_pass=True)
        except requests.RequestException as failed:
            reason = getattr(next(iter(failed.args), None), "reason", None) or failed
            return _Outcome(f"it cannot be reached ({type(reason).__name__})", may_pass=True)
