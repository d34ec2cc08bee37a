"""``clickstream`` itself: its options, how a command ends, what commands share."""

from __future__ import annotations

import errno
import json
import logging
import signal
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from clickstream_platform.cli.contents import COMMANDS
from clickstream_platform.cli.libraries import is_of_files, raised_by_libraries
from clickstream_platform.cli.progress import Warnings, show_start
from clickstream_platform.errors import ClickstreamError, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.settings import Settings


def tables_like(incomplete: str) -> list[str]:
    """For the shell: the tables whose names begin so. A table is a module of its name; none of them is imported."""
    folder = files("clickstream_platform") / "tables"
    names = (each.name.removesuffix(".py") for each in folder.iterdir() if each.name.endswith(".py"))
    return sorted(name for name in names if name.startswith(incomplete) and not name.startswith("_"))


TableNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="TABLES", help="All tables, if none is named.", autocompletion=tables_like),
]
TableName = Annotated[
    str,
    typer.Argument(metavar="TABLE", help="Its name, as `clickstream status` lists it.", autocompletion=tables_like),
]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # whatever was being written: a person can mend the disk
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever Ctrl-C ends, this does."""


class Commands(TyperGroup):
    """The commands of :mod:`.contents`, each imported when it is called.

    Ends in one line what a person can mend and what Spark raised. Anything else is a bug, with its traceback.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, listed in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=listed.help, rich_help_panel=listed.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called."""
        if args and (listed := COMMANDS.get(args[0])):
            module = import_module(f"clickstream_platform.cli.{listed.module}")
            group = get_group(module.commands)
            self.commands[args[0]] = command = group.commands.get(args[0], group)
            _let_flow(command)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Exit code 2: a setting is wrong and nothing has begun; 1: anything else that failed.

        130: Ctrl-C; 143: SIGTERM, as shells and supervisors know them.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            is_sigterm = isinstance(interrupt, Terminated)
            why = "told to end" if is_sigterm else "interrupted"
            typer.echo(f"{why}; what is committed stays, and the next run goes on from there", err=True)
            raise typer.Exit(143 if is_sigterm else 130) from None
        except (ClickstreamError, OSError, *raised_by_libraries()) as error:
            if isinstance(error, OSError) and error.errno not in NO_ROOM and not is_of_files(error):
                raise
            from clickstream_platform.cli.failures import failure  # noqa: PLC0415 - Rich's console, where all went well
            from clickstream_platform.terminal import show  # noqa: PLC0415

            if ctx.params["debug"]:
                raise
            show(failure(error), stderr=True)
            raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from error


def _let_flow(command: Any) -> None:
    """Let the paragraphs of its help fill the terminal. The lines that a docstring breaks them into would stay."""
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(each.split("\n")) for each in paragraphs)
    for each in getattr(command, "commands", {}).values():
        _let_flow(each)


program = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print local variables: settings, records
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - e-mail and zip, for one word

        try:
            typer.echo(f"clickstream {version('clickstream-platform')}")
        except PackageNotFoundError:  # run from a checkout that was never installed
            typer.echo("clickstream, not installed")
        raise typer.Exit


@program.callback(epilog="Settings are variables CLICKSTREAM_... or lines of .env; see .env.example.")
def clickstream(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Click events in, right Delta tables out."""
    ours = Warnings()
    ours.setFormatter(logging.Formatter("warning: %(message)s"))
    ours.addFilter(logging.Filter("clickstream_platform"))  # py4j logs the traceback of whatever it raises
    logging.basicConfig(level=logging.WARNING, handlers=[ours], force=True)


@contextmanager
def spark_session(
    settings: Settings, jvm_stdout: int | None = None, *, records: int = 0, on_lake: bool = True
) -> Generator[SparkSession]:
    """A SparkSession for one command, with so many records to process. What its JVM logs is kept in ``spark.log``.

    Without ``on_lake`` its checkpoints are in a folder, wherever the lake is.
    """
    from py4j.protocol import Py4JError  # noqa: PLC0415 - who has no session does not pay for one

    from clickstream_platform.jvm.session import build_session  # noqa: PLC0415
    from clickstream_platform.jvm.store import store_of  # noqa: PLC0415

    with show_start("starting Spark, some seconds ..."):
        log = settings.home / "spark.log"
        session = build_session(
            settings,
            records=records,
            store=store_of(settings) if on_lake else None,
            jvm_log=log,
            jvm_stdout=jvm_stdout,
        )
    # Spark's own handler calls the JVM while a call to it is being answered, and fails at that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield session
    finally:
        warnings.filterwarnings("ignore", "Unable to cleanly shutdown", RuntimeWarning)  # after Ctrl-C
        with suppress(Py4JError, OSError):  # its JVM has ended before it
            session.stop()


def print_json(value: object) -> None:
    """One JSON object, as `--json` promises."""
    typer.echo(json.dumps(value, indent=2, default=str))  # a time or a decimal of a row


def exit_unless(good: bool) -> None:
    """Exit code 1, for a shell or CI that asked."""
    if not good:
        raise typer.Exit(1)
