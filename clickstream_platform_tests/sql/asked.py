"""What SQL over a lake gives, is refused with, and prints."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from clickstream_platform.cli.app import program
from clickstream_platform.errors import QueryError
from clickstream_platform.sql import ask, connect
from clickstream_platform_tests.homes import Home


def answer(home: Home, statement: str) -> list[tuple[Any, ...]]:
    return list(ask(connect(home.lake), statement).rows)


def refused(home: Home, statement: str) -> str:
    with pytest.raises(QueryError) as error:
        answer(home, statement)
    return str(error.value)


def clickstream(*arguments: str) -> Any:
    return CliRunner().invoke(program, ["sql", *arguments])
