"""What stands in for the engine where a command is tried without a JVM."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from clickstream_platform.cli.contents import COMMANDS
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.runtime.report import RunReport
from clickstream_platform.tables import tables
from clickstream_platform_tests.homes import entry

TABLES = list(tables(Settings()))


def loaded(name: str) -> TyperCommand | TyperGroup:
    """A command of the table of contents, imported."""
    group = get_group(import_module(f"clickstream_platform.cli.{COMMANDS[name].module}").commands)
    return group.commands.get(name, group)  # pyright: ignore[reportReturnType]


def report(table: str) -> RunReport:
    """What a run of one batch says."""
    batch = entry(table, rows_in=3, rows_out=2, late_rows=1)
    return RunReport(table, "r", 1, (batch,), 0, None, None, None, None, 0, 2, 1, timedelta(seconds=1.5))


def runs(monkeypatch: pytest.MonkeyPatch, fails_at: str = "", failure: BaseException | None = None) -> None:
    """Let a run of a table end well, or with a failure."""

    def run(table: StreamingTable, *_: object, **__: object) -> RunReport:
        if failure and table.name == fails_at:
            raise failure
        return report(table.name)

    monkeypatch.setattr("clickstream_platform.streaming.runtime.run.run", run)


def found(monkeypatch: pytest.MonkeyPatch, function: str, of: Callable[[str], Any]) -> None:
    """Let ``verify`` or ``validate`` find something for each table."""
    monkeypatch.setattr(f"clickstream_platform.streaming.audit.{function}.{function}", lambda table, *_: of(table.name))  # pyright: ignore[reportUnknownLambdaType]
