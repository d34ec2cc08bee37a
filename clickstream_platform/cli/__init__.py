"""``clickstream``: parse arguments, call one function, print. A module for each panel of ``clickstream --help``."""

from __future__ import annotations

import signal
import sys
from io import TextIOWrapper
from types import FrameType


def main() -> None:
    """The entry point of ``clickstream``. SIGTERM ends a command as Ctrl-C does."""
    answer = signal.getsignal(signal.SIGINT)
    if answer is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing has begun: Ctrl-C ends it at once, without a word
    from clickstream_platform.cli.app import program  # noqa: PLC0415 - most of what a small command waits for

    signal.signal(signal.SIGINT, answer)
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it may be closed
            stream.reconfigure(errors="backslashreplace")  # what a terminal has no sign for
    program()


def _terminated(_: int, __: FrameType | None) -> None:
    from clickstream_platform.cli.app import Terminated  # noqa: PLC0415 - `main` has imported it

    raise Terminated
