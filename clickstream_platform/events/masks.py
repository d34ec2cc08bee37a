"""Which fields and URL parameters are dropped or hashed, as plain data: what a contract says of it without Arrow."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.parameters import plain_name
from clickstream_platform.events.placeholders import is_none

if TYPE_CHECKING:  # settings read the environment, and tasks that mask records need none
    from clickstream_platform.settings import Settings

HASHED = "hmac:"
_HASH = re.compile(rf"{HASHED}[0-9a-f]{{64}}")
_SHORTEST_SECRET = 16  # characters
# Without them a record is no event, or nobody can tell that it came twice.
_NEEDED = frozenset({"user_id", "timestamp", "event_type", "event_id"})
_READ = frozenset({"timestamp", "event_type"})  # what they say decides what becomes of a record


@dataclass(frozen=True)
class Masks:
    """Which fields and URL parameters of a record are dropped or hashed. Names are in lower case.

    Attributes:
        dropped: fields that are left out.
        hashed: fields of which an HMAC-SHA256 is kept.
        dropped_parameters: parameters of URLs, in their queries and fragments, that are left out.
        hashed_parameters: those of which a hash is kept.
        secret: the key of the hashes.
    """

    dropped: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    dropped_parameters: frozenset[str] = frozenset()
    hashed_parameters: frozenset[str] = frozenset()
    secret: bytes = field(default=b"", repr=False)

    def __bool__(self) -> bool:
        """Whether anything is masked."""
        return bool(self.fields or self.parameters)

    @property
    def fields(self) -> frozenset[str]:
        """The fields that are masked in either way."""
        return self.dropped | self.hashed

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters that are masked in either way."""
        return self.dropped_parameters | self.hashed_parameters

    def hash_of(self, text: str) -> str:
        """What is kept of a hashed text. One that is blank, a placeholder, or a hash already, stays as it is."""
        if is_none(text) or _HASH.fullmatch(text):
            return text
        return HASHED + hmac.new(self.secret, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    def names_of(self, user_id: str) -> list[str]:
        """As what a visitor may stand in ``events``: by the id, and by its hash, whatever the field is called."""
        return [user_id, self.hash_of(user_id)] if self.hashed else [user_id]


def masks(settings: Settings) -> Masks:
    """The masks that the settings ask for.

    Raises:
        SettingsError: a field is named that every event needs; a name is to be dropped and hashed; something is to be
            hashed, and there is no secret for it.
    """
    from clickstream_platform.settings import PREFIX  # noqa: PLC0415 - who has settings has imported it

    named = {
        "DROP_FIELDS": settings.drop_fields,
        "HASH_FIELDS": settings.hash_fields,
        "DROP_URL_PARAMETERS": settings.drop_url_parameters,
        "HASH_URL_PARAMETERS": settings.hash_url_parameters,
    }
    sets = {name: frozenset(map(plain_name, names)) for name, names in named.items()}
    secret = settings.hash_secret.get_secret_value()
    for of, refused in (("DROP_FIELDS", _NEEDED), ("HASH_FIELDS", _READ)):
        if taken := sorted(sets[of] & refused):
            finding = f"{', '.join(taken)} cannot be among them: no record would be an event"
            raise SettingsError(PREFIX + of, finding, "leave it out")
    for of in ("FIELDS", "URL_PARAMETERS"):
        if twice := sorted(sets[f"DROP_{of}"] & sets[f"HASH_{of}"]):
            finding = f"{', '.join(twice)} is also in CLICKSTREAM_DROP_{of}"
            raise SettingsError(PREFIX + f"HASH_{of}", finding, "name it in one of them")
    if (sets["HASH_FIELDS"] or sets["HASH_URL_PARAMETERS"]) and len(secret) < _SHORTEST_SECRET:
        finding = "something is to be hashed, and the secret has fewer than 16 characters"
        remedy = "set it to a long random text, such as `openssl rand -hex 32` gives, and keep it"
        raise SettingsError("CLICKSTREAM_HASH_SECRET", finding, remedy)
    dropped, hashed, dropped_parameters, hashed_parameters = sets.values()
    return Masks(dropped, hashed, dropped_parameters, hashed_parameters, secret.encode())
