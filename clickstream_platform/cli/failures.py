"""How an error is shown."""

from __future__ import annotations

import re

from rich.text import Text

from clickstream_platform.cli.libraries import is_of_files
from clickstream_platform.errors import ClickstreamError, SetupError
from clickstream_platform.events.registry.failures import registry_refusal
from clickstream_platform.terminal import line
from clickstream_platform.wording import without_passwords

DAMAGED = "if a file is damaged or gone, `clickstream rebuild` makes a table anew, and a backup brings back what it has"
_PYTHON = re.compile(r"Traceback \(most recent call last\):\n(?:[ ].*\n)*(?=(\S.*))")
_CALLED = "An error occurred while calling "  # and then which object of Py4J's, which tells nobody anything
_JAVA = re.compile(r"^(?:: |Caused by: )(?:[\w$]+\.)*([A-Z]\S*(?: .*)?)$", re.MULTILINE)
NO_ROOM = "make room, or choose another disk, then give the command again: what is committed stays"


def failure(error: BaseException) -> Text:
    """An error in one line. Those of libraries begin with what went wrong; a plan and a stack come after."""
    error = error if isinstance(error, ClickstreamError) else registry_refusal(error) or error
    if isinstance(error, ClickstreamError):
        return line(without_passwords(str(error)), "bold red")
    first = _reason(without_passwords(str(error)).strip())[:300]
    if is_of_files(error):
        return line(f"lake: {first}; {DAMAGED}, --debug shows more", "bold red")
    if isinstance(error, OSError):
        no_room = SetupError(str(error.filename or "disk"), error.strerror or str(error), NO_ROOM)
        return line(without_passwords(str(no_room)), "bold red")
    return line(f"spark: {first}; the JVM's words are in spark.log of CLICKSTREAM_HOME, --debug shows more", "bold red")


def _reason(text: str) -> str:
    """What went wrong, of all that a library says: the first line, or what ended the Python or Java that was called."""
    if of_python := _PYTHON.findall(text):
        return of_python[-1]
    first = text.partition("\n")[0]
    if not first.startswith(_CALLED) or not (causes := _JAVA.findall(text)):
        return first
    return causes[0] if len(causes) == 1 else f"{causes[0]} ({causes[-1]})"
