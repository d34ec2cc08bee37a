"""``clickstream``: parse arguments, call one function, print. A module for each panel of ``clickstream --help``."""

from __future__ import annotations

import signal
import sys
from io import TextIOWrapper
from types import FrameType

from clickstream_platform.cli.app import Terminated, program


def main() -> None:
    """The entry point of ``clickstream``. SIGTERM ends a command as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it may be closed
            stream.reconfigure(errors="backslashreplace")  # what a terminal has no sign for
    program()


def _terminated(_: int, __: FrameType | None) -> None:
    raise Terminated
