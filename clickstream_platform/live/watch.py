"""The dashboard, drawn anew in its place until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from _thread import start_new_thread
from collections.abc import Callable
from datetime import timedelta

from rich.console import Console
from rich.live import Live

from clickstream_platform.live.dashboard import dashboard
from clickstream_platform.live.visitors import DashboardState
from clickstream_platform.terminal import show


def watch(look: Callable[[DashboardState | None], DashboardState], every: timedelta) -> None:
    """Show what ``look`` finds, again and again, on a screen of its own; Ctrl-C gives the terminal back.

    Where there is no terminal, such as in a pipe, it is shown once.
    """
    console = Console(markup=False, emoji=False, highlight=False)
    seen = look(None)
    if not console.is_terminal:
        show(dashboard(seen))
        return
    stop = threading.Event()  # an exception may come where it is swallowed: in a finalizer, say
    # Set by a thread: the handler may interrupt the wait while it holds the event's lock, and would wait for itself.
    before = signal.signal(signal.SIGINT, lambda *_: start_new_thread(stop.set, ()))
    try:
        with Live(dashboard(seen), console=console, screen=True, auto_refresh=False) as live:
            while not stop.wait(every.total_seconds()):
                seen = look(seen)
                live.update(dashboard(seen), refresh=True)
    finally:
        signal.signal(signal.SIGINT, before)
    show(dashboard(seen))  # the screen of its own is gone: leave the last picture
