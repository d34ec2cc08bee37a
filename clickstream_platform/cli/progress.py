"""What goes on, on a terminal, while nothing else is printed. Elsewhere nothing of it is."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TextIO

import typer

PATIENCE = 2.0  # seconds without a line, after which a person wonders
ERASED = "\r\x1b[2K"
_one_at_a_time = Lock()


@contextmanager
def show_progress(what: object) -> Generator[None]:
    """Until the block ends, say on the terminal what goes on and for how long, on a line that is erased again.

    What goes on is a text, or what has one that changes. Print with :func:`print_line` meanwhile.
    """
    if not sys.stderr.isatty():
        yield
        return
    ended = Event()
    ticking = Thread(target=_tick, args=(what, ended), daemon=True)
    ticking.start()
    try:
        yield
    finally:
        ended.set()
        ticking.join()
        _draw("")


@contextmanager
def show_start(what: str) -> Generator[None]:
    """As :func:`show_progress`, while this process's stderr is somebody else's: the line stands still."""
    if sys.stderr.isatty():
        _draw(what)
    try:
        yield
    finally:
        if sys.stderr.isatty():
            _draw("")


def print_line(text: str) -> None:
    """Print a line on stdout, in place of the one that says what goes on."""
    with _one_at_a_time:
        if sys.stderr.isatty():
            _write("")
        typer.echo(text)


class Warnings(logging.StreamHandler[TextIO]):
    """Print warnings on stderr, in place of the line that says what goes on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Erase that line, then print."""
        with _one_at_a_time:
            if sys.stderr.isatty():
                _write("")
            super().emit(record)


def _tick(what: object, ended: Event) -> None:
    since = time.monotonic()
    ended.wait(PATIENCE)
    while not ended.is_set():
        _draw(f"{what} ... {time.monotonic() - since:.0f} s")
        ended.wait(1)


def _draw(text: str) -> None:
    with _one_at_a_time:
        _write(text)


def _write(text: str) -> None:
    sys.stderr.write(f"{ERASED}{text}")
    sys.stderr.flush()
