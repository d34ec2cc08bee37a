"""Commands that ask the files of the lake: no JVM, and no contract either."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import Annotated, Literal

import typer

from clickstream_platform.cli import results
from clickstream_platform.cli.app import AsJson, print_json
from clickstream_platform.cli.ready import existing_lake, lake_of
from clickstream_platform.export import csv_lines, json_lines
from clickstream_platform.settings import from_env
from clickstream_platform.streaming.observe.quarantine import rejections
from clickstream_platform.terminal import show

PANEL = "Look"
commands = typer.Typer()
Form = Literal["table", "csv", "json"]


@commands.command(rich_help_panel=PANEL, epilog="Example: clickstream quarantine --samples 5")
def quarantine(
    *, samples: Annotated[int, typer.Option(min=0, help="Records shown of each.")] = 2, as_json: AsJson = False
) -> None:
    """Why records were rejected, how many, and the newest of each. Starts no JVM."""
    settings = from_env()
    found = rejections(existing_lake(settings).table("quarantine"), samples, settings.timestamp_unit, settings.mapping)
    if as_json:
        print_json({"reasons": [results.rejection_fields(each) for each in found]})
    else:
        show(results.rejections(found))


@commands.command(
    rich_help_panel=PANEL, epilog='Example: clickstream sql "select rule, count(*) from alerts_final group by rule"'
)
def sql(
    statement: Annotated[str, typer.Argument(help="One statement in DuckDB's SQL; `show tables` lists the views.")],
    *,
    form: Annotated[Form, typer.Option("--format", help="csv and json are for programs: every row, whole.")] = "table",
    limit: Annotated[int, typer.Option(min=0, help="Rows shown in a table; 0 for all.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Ask the tables of the lake. Starts no JVM; reads only. `<table>_final` has the rows that are final."""
    from clickstream_platform.sql import PAGE, ask, connect  # noqa: PLC0415 - DuckDB takes a tenth of a second to import

    form = "json" if as_json else form
    is_limited = form == "table" and limit > 0
    with closing(connect(lake_of(from_env()))) as connection:
        answer = ask(connection, statement, limit + 1 if is_limited else PAGE)
        if form == "table":
            rows = list(islice(answer.rows, limit or None))
            is_cut = is_limited and next(answer.rows, None) is not None
            show(results.answer(answer.columns, answer.numeric, rows), *results.length(len(rows), is_cut=is_cut))
            return
        for line in csv_lines(answer) if form == "csv" else json_lines(answer):
            typer.echo(line)
