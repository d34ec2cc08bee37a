"""``clickstream`` itself: its options, how a command ends, what commands share."""

from __future__ import annotations

import json
import logging
import signal
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any

import typer
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from typer.core import TyperGroup

from clickstream_platform.cli import views
from clickstream_platform.errors import ClickstreamError, SettingsError
from clickstream_platform.jvm.session import build_session
from clickstream_platform.settings import Settings
from clickstream_platform.terminal import show

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TableNames = Annotated[list[str] | None, typer.Argument(metavar="TABLES", help="All tables, if none is named.")]
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="Its name, as `clickstream status` lists it.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


class Commands(TyperGroup):
    """Ends in one line what a person can mend and what Spark raised. Anything else is a bug, with its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Exit code 2: a setting is wrong and nothing has begun; 130: Ctrl-C; 1: anything else."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted; what is committed stays, and the next run goes on from there", err=True)
            raise typer.Exit(130) from None
        except (ClickstreamError, PySparkException, Py4JError) as error:
            if ctx.params["debug"]:
                raise
            show(views.failure(error), stderr=True)
            raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from error


program = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables: settings, records
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"clickstream {version('clickstream-platform')}")
        except PackageNotFoundError:  # run from a checkout that was never installed
            typer.echo("clickstream, not installed")
        raise typer.Exit


@program.callback(epilog="Settings are variables CLICKSTREAM_... or lines of .env; see .env.example.")
def clickstream(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Click events in, right Delta tables out."""
    ours = logging.StreamHandler()
    ours.setFormatter(logging.Formatter("warning: %(message)s"))
    ours.addFilter(logging.Filter("clickstream_platform"))  # py4j logs the traceback of whatever it raises
    logging.basicConfig(level=logging.WARNING, handlers=[ours], force=True)


@contextmanager
def spark_session(settings: Settings, jvm_stdout: int | None = None) -> Generator[SparkSession]:
    """A SparkSession for one command. What its JVM logs is kept in ``spark.log`` of the home, not shown."""
    session = build_session(settings, jvm_log=settings.home / "spark.log", jvm_stdout=jvm_stdout)
    # Spark's own handler calls the JVM while a call to it is being answered, and fails at that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield session
    finally:
        warnings.filterwarnings("ignore", "Unable to cleanly shutdown", RuntimeWarning)  # after Ctrl-C
        with suppress(Py4JError, OSError):  # its JVM has ended before it
            session.stop()


def print_json(found: object) -> None:
    """One JSON object, as `--json` promises."""
    typer.echo(json.dumps(found, indent=2))


def exit_unless(good: bool) -> None:
    """Exit code 1, for a shell or CI that asked."""
    if not good:
        raise typer.Exit(1)
