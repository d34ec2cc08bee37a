"""Which registry has the schemas, and how it lets us in: what ``CLICKSTREAM_REGISTRY...`` say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clickstream_platform.errors import SettingsError
from clickstream_platform.wording import without_passwords

if TYPE_CHECKING:
    from clickstream_platform.settings import Settings

VARIABLE, OPTIONS = "CLICKSTREAM_REGISTRY", "CLICKSTREAM_REGISTRY_OPTIONS"
LOGIN, TOKEN = "basic.auth.user.info", "bearer.auth.token"  # the words of Confluent's own clients
AUTHORITY, CERTIFICATE, KEY = "ssl.ca.location", "ssl.certificate.location", "ssl.key.location"
KEY_PASSWORD = "ssl.key.password"
WORDS = (LOGIN, TOKEN, AUTHORITY, CERTIFICATE, KEY, KEY_PASSWORD)

Unknown = Literal["auto", "quarantine", "stop"]


@dataclass(frozen=True)
class Registry:
    """A schema registry.

    Attributes:
        url: where it is.
        options: how it lets us in, by the names of :data:`WORDS`. Never shown.
        unknown: what becomes of a record whose schema it does not know: see :func:`.framing.decoder`.
    """

    url: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    unknown: Unknown = "auto"

    @property
    def display_name(self) -> str:
        """Where it is, for a person."""
        return without_passwords(self.url)

    def option(self, name: str) -> str | None:
        """The value of one of them."""
        return dict(self.options).get(name)


def registry_from(settings: Settings) -> Registry | None:
    """The registry that the settings name; None if they name none.

    Raises:
        SettingsError: the options contradict themselves, or name a file that is not there. No value that may be a
            secret is shown.
    """
    _check(settings.registry_options)
    if not settings.registry:
        return None
    options = tuple(sorted(settings.registry_options.items()))
    return Registry(settings.registry.rstrip("/"), options, settings.registry_unknown)


def _check(options: Mapping[str, str]) -> None:
    for name in options:
        if name not in WORDS:
            raise SettingsError(OPTIONS, f"{name} is not known", f"allowed: {', '.join(WORDS)}")
    if LOGIN in options and ":" not in options[LOGIN]:
        raise SettingsError(OPTIONS, f"{LOGIN} is no user:password", "write both, with a colon between them")
    if LOGIN in options and TOKEN in options:
        raise SettingsError(OPTIONS, f"it has {LOGIN} and {TOKEN}", "leave one of them out")
    if KEY in options and CERTIFICATE not in options:
        raise SettingsError(OPTIONS, f"{KEY} needs {CERTIFICATE}, which is not there", "add it")
    for name in (AUTHORITY, CERTIFICATE, KEY):
        if name in options and not Path(options[name]).is_file():
            finding = without_passwords(f"{name} is {options[name]}, which is no file")
            raise SettingsError(OPTIONS, finding, "name a PEM file")
