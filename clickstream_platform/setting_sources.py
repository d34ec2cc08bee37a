"""Where settings come from beside the environment: files that hold secrets. And which names are none.

:mod:`clickstream_platform.settings` has the settings themselves.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic_settings import SecretsSettingsSource
from pydantic_settings.exceptions import SettingsError as NotRead

from clickstream_platform.errors import SettingsError

log = logging.getLogger(__name__)

PREFIX = "CLICKSTREAM_"
FOLDER = f"{PREFIX}SECRETS"
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
        if not named:
            return {}
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise SettingsError(FOLDER, f"{folder} is no folder", "make it, or leave the variable out")
        self.secrets_dir = folder
        try:
            found = super().__call__()
        except NotRead as failed:
            reason = failed.__cause__
            remedy = f"{reason.filename}: {reason.strerror}" if isinstance(reason, OSError) else "write it as UTF-8"
        else:
            return {name: value for name, value in found.items() if value != ""}
        # Raised outside of the block: no traceback may show what a file holds.
        raise SettingsError(FOLDER, f"a file in {folder} cannot be read", remedy)


def names_of_secrets(folder: Path | None) -> list[str]:
    """The files of the folder that are called like a setting."""
    return [file.name for file in folder.iterdir() if file.name.upper().startswith(PREFIX)] if folder else []


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
