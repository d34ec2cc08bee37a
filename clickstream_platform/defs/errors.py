"""What becomes of an error in Dagster: retried, or told in its own words."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from clickstream_platform.errors import ClickstreamError, RetryableError
from clickstream_platform.wording import without_passwords

MAX_RETRIES = 2
FIRST_WAIT = 10  # seconds, doubled for the next: a busy table or a broker that restarts


@contextmanager
def translate_errors(attempt: int) -> Generator[None]:
    """Retry a :class:`RetryableError`; fail with the sentence of any other error of ours, or of the last attempt.

    Not a ``RetryPolicy``: that would also retry what nobody knows to be transient.

    Args:
        attempt: how often the step was retried already.
    """
    try:
        yield
    except ClickstreamError as error:
        if isinstance(error, RetryableError) and attempt < MAX_RETRIES:
            raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=FIRST_WAIT * 2**attempt) from error
        parts = {"subject": error.subject, "finding": error.finding, "remedy": error.remedy}
        metadata = {name: without_passwords(text) for name, text in parts.items()}
        raise dg.Failure(without_passwords(str(error)), metadata=metadata, allow_retries=False) from error


@contextmanager
def show_loading_errors() -> Generator[None]:
    """Where code cannot be loaded for an error of ours, let Dagster show the sentence of that error first.

    Any other kind of exception it puts below one of its own, which says neither what is wrong nor what to do.
    """
    try:
        yield
    except ClickstreamError as error:
        raise dg.DagsterInvalidDefinitionError(without_passwords(str(error))) from error
