"""What is looked at before a command does anything, above all before it starts a JVM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clickstream_platform.errors import ClickstreamError, SetupError, TableBusyError
from clickstream_platform.jvm.machine import require_folder
from clickstream_platform.settings import Settings
from clickstream_platform.store.place import is_on_store
from clickstream_platform.store.proof import require_store
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.lease import require_free
from clickstream_platform.streaming.lake.places import Lake

if TYPE_CHECKING:
    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.observe.lag import Lags

WAITS = "this waits up to ten minutes for that run to end"


def lake_of(settings: Settings, *, to_write: bool = False, finishing: str = "") -> Lake:
    """The lake that the settings name, which may not be there yet.

    Args:
        settings: the settings.
        to_write: whether the command makes or changes tables. One that only looks needs no more than to read.
        finishing: a command that may find itself stopped in its middle, and goes on.

    Raises:
        SetupError: its folder cannot be one, or not be written to, or its store refuses this user; names the variable.
        UnreachableError: its store does not answer.
        LayoutError: it is of a newer version, or in the middle of another command that changes it as a whole.
    """
    lake = _reachable_lake(settings, to_write=to_write)
    layout.require_layout(lake, finishing)
    return lake


def existing_lake(settings: Settings, *, to_write: bool = False, finishing: str = "") -> Lake:
    """The lake that the settings name, for a command that begins none. Where there is none, nothing is left behind.

    Raises:
        SetupError: there is no lake; or what :func:`lake_of` raises.
    """
    lake = _reachable_lake(settings)
    if not layout.require_layout(lake, finishing).is_begun:
        remedy = f"`clickstream run` begins one, or set {_variable_of_lake(settings)} to where one is"
        raise SetupError(str(lake.root), "there is no lake here yet", remedy)
    if to_write:
        make_lake_folder(settings)
    return lake


def _reachable_lake(settings: Settings, *, to_write: bool = False) -> Lake:
    """The lake, whose folder or store was looked at; made, if it is to be written to."""
    if is_on_store(place := settings.lake_folder):
        require_store(place)
    elif not to_write:
        require_folder(place, _variable_of_lake(settings), to_write=False)
    if to_write:
        make_lake_folder(settings)
    return Lake(place)


def make_lake_folder(settings: Settings) -> None:
    """Make the folder that a command writes to: the lake's; of one on a store, that of what stays on this host.

    Raises:
        SetupError: it cannot be made, or not be written to; names the variable to set.
    """
    if is_on_store(place := settings.lake_folder):
        make_writable_folder(place.access.scratch, "CLICKSTREAM_HOME")
    else:
        make_writable_folder(place, _variable_of_lake(settings))


def _variable_of_lake(settings: Settings) -> str:
    return "CLICKSTREAM_LAKE" if settings.lake else "CLICKSTREAM_HOME"


def make_writable_folder(folder: Path, variable: str) -> Path:
    """The folder, made if it was not there.

    Raises:
        SetupError: it cannot be made, or not be written to; names the variable, or the option, to set.
    """
    require_folder(folder, variable)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failed:  # what permissions do not tell: a file system that takes no folders
        finding = f"it cannot be made ({failed.strerror})"
        raise SetupError(str(folder), finding, f"set {variable} to a folder that can") from failed
    return folder


def require_source(contracts: Iterable[StreamingTable], lake: Lake, settings: Settings) -> Lags:
    """Raise what a run of these tables would raise of its source; of several, say what is wrong with some of them.

    Returns:
        What there is to read of each source, as it was listed now.

    Raises:
        SourceError, UnreachableError, DataLossError: the landing folder or the topic cannot be read.
        CheckpointError: `events` was read from another source.
        SettingsError: two sources have something in common; or a column is declared with another type than it has.
        SetupError: the landing folder cannot be made.
    """
    from clickstream_platform.streaming.observe import lag  # noqa: PLC0415 - who only looks needs it not
    from clickstream_platform.streaming.runtime.admission import require_unchanged_declarations  # noqa: PLC0415

    contracts = list(contracts)
    for table in contracts:
        require_unchanged_declarations(table, lake)
    if not settings.source:
        make_writable_folder(Path(settings.source_url), "CLICKSTREAM_HOME")
    is_named = bool(settings.source)
    lags = lag.require_source(contracts, lake, lambda source: source.describe_availability(is_named=is_named))
    for problem in lags.values():
        if isinstance(problem, ClickstreamError):
            typer.echo(f"warning: {problem}; the other sources are read", err=True)
    return lags


def say_if_busy(names: Iterable[str], lake: Lake, then: str) -> None:
    """Say of each table that is held who holds it, and what the command does then: it waits."""
    for name in names:
        try:
            require_free([name], lake)
        except TableBusyError as busy:
            typer.echo(f"{busy.subject}: {busy.finding}; {then}", err=True)
