"""``clickstream contract``: typed columns that are declared, for people, for producers, beside another version."""

from __future__ import annotations

from typing import Annotated

import typer

from clickstream_platform.cli.app import AsJson, exit_unless, print_json
from clickstream_platform.errors import SettingsError
from clickstream_platform.events.contract.changes import contract_changes
from clickstream_platform.events.contract.model import Contract, DeclaredColumn
from clickstream_platform.events.contract.producers import json_schema
from clickstream_platform.events.contract.written import SETTING, contract_named, shipped_contracts
from clickstream_platform.settings import from_env
from clickstream_platform.terminal import grid, line, show

commands = typer.Typer(
    no_args_is_help=True,
    help="The typed columns that events has besides: show, export and compare.",
    epilog="Example: clickstream contract show commerce  |  clickstream contract compare old.toml new.toml",
)
Which = Annotated[
    str, typer.Argument(metavar="CONTRACT", help="A name or a .toml file. Default: CLICKSTREAM_CONTRACT.")
]


@commands.command("show", epilog="Example: clickstream contract show commerce")
def show_(name: Which = "") -> None:
    """Which columns are declared, and what is asked of them."""
    contract = _contract_named(name)
    rows = ((each.name, each.type, _rules_in_words(each), each.severity, each.description) for each in contract.columns)
    heads = ("column", "type", "asked", "if not so", "description")
    show(line(f"contract {contract.label}"), grid(*heads, wrap=("asked", "description"), rows=rows))


@commands.command(epilog="Example: clickstream contract export > events.schema.json")
def export(name: Which = "") -> None:
    """Print JSON Schema (2020-12) of what producers have to send, in our own shape."""
    print_json(json_schema(_contract_named(name)))


@commands.command(epilog="Example: clickstream contract compare old.toml new.toml || echo incompatible")
def compare(
    old: Annotated[str, typer.Argument(help="The version of before: a name or a .toml file.")],
    new: Annotated[str, typer.Argument(help="The version of now.")],
    *,
    as_json: AsJson = False,
) -> None:
    """What has changed between two versions. Exit code 1 if it is not compatible."""
    changes = contract_changes(_contract_named(old, "OLD"), _contract_named(new, "NEW"))
    if as_json:
        print_json(
            {"compatible": all(each.is_compatible for each in changes), "changes": [c._asdict() for c in changes]}
        )
    elif not changes:
        typer.echo("nothing has changed")
    for each in () if as_json else changes:
        typer.echo(f"{'compatible' if each.is_compatible else 'INCOMPATIBLE'}: {each.column}: {each.what}")
    exit_unless(all(each.is_compatible for each in changes))


def _contract_named(name: str, subject: str = "CONTRACT") -> Contract:
    contract = contract_named(name, subject) if name else contract_named(from_env().contract)
    if contract is None:
        raise SettingsError(SETTING, "no contract is named", f"say {' or '.join(shipped_contracts())}, or a .toml file")
    return contract


def _rules_in_words(column: DeclaredColumn) -> str:
    needed = column.required
    parts = ["required" if needed is True else f"required of {', '.join(needed)}"] if needed else []
    parts += [f"one of {', '.join(map(str, column.one_of))}"] if column.one_of else []
    parts += [f"at least {column.min}"] if column.min is not None else []
    parts += [f"at most {column.max}"] if column.max is not None else []
    return "; ".join([*parts, *([f"matches {column.pattern}"] if column.pattern else [])])
