"""Where settings come from beside the environment: files that hold secrets. And which names are none.

:mod:`clickstream_platform.settings` has the settings themselves.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv.parser import Binding, parse_stream
from pydantic import SecretStr
from pydantic_core import to_jsonable_python
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SecretsSettingsSource
from pydantic_settings.exceptions import SettingsError as NotRead

from clickstream_platform.errors import SettingsError
from clickstream_platform.wording import without_passwords

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

log = logging.getLogger(__name__)

PREFIX = "CLICKSTREAM_"
DOTENV = ".env"  # of the current folder
FOLDER = f"{PREFIX}SECRETS"
SUBJECT = "settings"  # of what is wrong with that folder: what follows a secret's name is taken for one, and not shown
_NAMED = re.compile(rf"(?:export\s+)?({PREFIX}\w+)", re.IGNORECASE)  # how a line of a setting begins
# Kubernetes gives every pod such variables for a service named `clickstream`.
OF_A_SERVICE = re.compile(r"SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")


class SecretFiles(SecretsSettingsSource):
    """The files of the folder ``secrets``: each is called like its variable, in any case, and holds its value.

    Containers and systemd give secrets to a program in this way. The environment and ``.env`` win over a file, and an
    empty file sets nothing.
    """

    def __call__(self) -> dict[str, Any]:
        """Read the folder that the sources before this one name, if they name one.

        Raises:
            SettingsError: there is no such folder, or a file in it cannot be read.
        """
        named: str | Path | None = self.current_state.get("secrets")
        if not named or not str(named).strip():
            return {}
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise SettingsError(SUBJECT, f"there is no folder {folder}", f"make it, or leave {FOLDER} out")
        self.secrets_dir = folder
        try:
            values = super().__call__()
        except NotRead as failed:
            reason = failed.__cause__
            is_shut = isinstance(reason, OSError)
            remedy = f"let this user read {reason.filename} ({reason.strerror})" if is_shut else "write it as UTF-8"
        else:
            return {name: value for name, value in values.items() if value != ""}
        # Raised outside of the block: no traceback may show what a file holds.
        raise SettingsError(SUBJECT, f"a file in {folder} ({FOLDER}) cannot be read", remedy)


def require_names(settings: type[BaseSettings]) -> None:
    """Refuse what is nearly a setting in the environment or ``.env``, and a ``.env`` that cannot be read as it seems.

    Raises:
        SettingsError: names the variable, or the line.
    """
    _require_said(Path(DOTENV))
    for where, source in (
        ("the environment", EnvSettingsSource(settings)),
        (DOTENV, DotEnvSettingsSource(settings)),
    ):
        refuse_misspelt(where, source.env_vars, settings.model_fields)


def require_secrets(folder: Path | None, settings: type[BaseSettings]) -> None:
    """Refuse files in the folder of secrets that are nearly called like a setting."""
    if folder:
        names = [file.name for file in folder.iterdir() if file.name.upper().startswith(PREFIX)]
        refuse_misspelt(str(folder), names, settings.model_fields)


def _require_said(file: Path) -> None:
    """Refuse a file of settings that cannot be read, or in which a line with the name of a setting sets nothing.

    Such a line is passed over by whoever reads the file after this. One that is somebody else's is none of ours.

    Raises:
        SettingsError: names the file, and the line.
    """
    if not file.is_file():
        return
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        remedy = "save it as UTF-8"
    except OSError as failed:
        remedy = f"let this user read it, or move it away ({failed.strerror})"
    else:
        for line in parse_stream(StringIO(text)):
            _require_set(line, str(file))
        return
    # Raised outside of the block: no traceback may show what the file holds.
    raise SettingsError(str(file), "it cannot be read", remedy)


def _require_set(line: Binding, file: str) -> None:
    text = line.original.string.strip()
    is_set = not line.error and (line.key is None or line.value is not None or text.startswith("export "))
    if not is_set and (name := _NAMED.match(text)):
        finding = f"its line {line.original.line} names {name[1]}, and sets nothing"
        raise SettingsError(file, finding, f"write {name[1]}=value, with both quotes if with one; or remove the line")


# What to say instead of a value, by what pydantic calls its fault.
_SAY = {
    "int_parsing": "say a whole number",
    "int_from_float": "say a whole number",
    "float_parsing": "say a number",
    "bool_parsing": "say true or false",
    "time_delta_parsing": "say a length of time: PT90M is 90 minutes, P30D is 30 days, 01:30:00 an hour and a half",
    "greater_than_equal": "say {ge} or more",
    "greater_than": "say more than {gt}",
    "less_than_equal": "say {le} or less",
    "less_than": "say less than {lt}",
    "literal_error": "say {expected}",
    "string_type": 'write each value as a text: "1", not 1',
    "dict_type": 'write it as JSON, such as {{"name": "value"}}',
}


def refusal(fault: ErrorDetails, fields: Mapping[str, FieldInfo]) -> SettingsError:
    """What to say of a value that is not allowed. One that may be a secret is not shown.

    Args:
        fault: what pydantic found.
        fields: the settings there are.
    """
    name = str(fault["loc"][0]) if fault["loc"] else "settings"
    known = fields.get(name)
    remedy = _remedy(fault, known.description if known else None)
    is_hidden = known and (not known.repr or known.annotation is SecretStr)
    finding = "its value is not allowed" if is_hidden else f"{_shown(fault['input'])} is not allowed"
    return SettingsError(f"{PREFIX}{name.upper()}", without_passwords(finding), remedy)


def _shown(value: object) -> str:
    """A value that was refused, as it was set and not as Python writes it."""
    if isinstance(value, tuple):
        return repr(",".join(map(str, value)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return repr(to_jsonable_python(value))  # of a length of time as it is written: PT0S


def _remedy(fault: ErrorDetails, description: str | None) -> str:
    """What to set instead, in words for a person."""
    context = fault.get("ctx", {})
    if say := _SAY.get(fault["type"]):
        return say.format(**{name: f"{one:g}" if isinstance(one, float) else one for name, one in context.items()})
    raised = context.get("error")
    if isinstance(raised, json.JSONDecodeError):
        return f'write it as JSON, such as {{"name": "value"}} ({raised.msg} at its character {raised.pos + 1})'
    if raised:
        return str(raised)
    return f"allowed: {description[:1].lower()}{description[1:].rstrip('.')}" if description else fault["msg"]


def refuse_misspelt(where: str, given: Iterable[str], fields: Iterable[str]) -> None:
    """Refuse names that are nearly settings, and warn of those that begin like one.

    Args:
        where: where they are given, for the message.
        given: names, in any case; those that do not begin like a setting are passed over.
        fields: the settings there are.

    Raises:
        SettingsError: one is no setting, but nearly one.
    """
    known = {name.upper() for name in fields}
    ours = {name.upper().removeprefix(PREFIX) for name in given if name.upper().startswith(PREFIX)}
    for name in sorted(ours - known):
        variable, finding = f"{PREFIX}{name}", f"there is no such setting, but {where} has it"
        if near := get_close_matches(name, known, n=1):
            raise SettingsError(variable, finding, f"say {PREFIX}{near[0]}, or remove it")
        if not OF_A_SERVICE.fullmatch(name):
            log.warning("%s: %s; .env.example lists all settings", variable, finding)
