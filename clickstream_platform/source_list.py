"""``CLICKSTREAM_SOURCE``, one source as it stands or several as a JSON object by name; and where a first run starts."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

MAIN = "main"  # a source that stands alone; its checkpoint and its transactions are those of lakes of one source
# The remedy where a checkpoint is another source's.
ANOTHER_SOURCE = 'set CLICKSTREAM_SOURCE back; a source beside it needs a name: CLICKSTREAM_SOURCE={"name": "..."}'
_IS_LIST = re.compile(r'\s*\{\s*"')
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")  # a folder of the checkpoints, and part of a transaction
_TAKEN = ("lease",)  # a file beside those folders
_ALLOWED = (
    "allowed: a folder, s3://bucket/prefix, a topic, or several by name: "
    '{"main": "kafka://host:port/topic", "history": "/a/folder"}'
)


def by_name(text: str) -> dict[str, str]:
    """The sources that a text names, in its order. Text that is no JSON object is one source, named ``main``.

    Raises:
        ValueError: it begins as a JSON object does, and is none, or has a name or a source that cannot be one.
    """
    if not _IS_LIST.match(text):
        return {MAIN: text}
    try:
        sources = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as wrong:
        msg = f"it is not the JSON that it begins as ({wrong}); {_ALLOWED}"
        raise ValueError(msg) from wrong
    for name, source in sources.items():
        if not _NAME.fullmatch(name) or name in _TAKEN:
            msg = f"a source cannot be named {name!r}; allowed: up to 40 of a-z, 0-9, _ and -, a letter first"
            raise ValueError(msg)
        if not isinstance(source, str) or not source:
            msg = f"the source {name!r} is {json.dumps(source)}; {_ALLOWED}"
            raise ValueError(msg)
    return sources


def origin(kind: str, name: str) -> str:
    """What records of a source say of it, the first part of their name for ever. Of the main one it is the kind."""
    return kind if name == MAIN else f"{kind}:{name}"


def title(table: str, name: str) -> str:
    """A table, and which of its sources, in words."""
    return table if name == MAIN else f"{table} from {name}"


def name_in(identity: str) -> str:
    """The name of the source in an :func:`origin`."""
    return identity.partition(":")[2] or MAIN


# The same of a column `source`, in SQL that Spark and DuckDB both read.
NAME_IN_SQL = f"coalesce(nullif(split_part(source, ':', 2), ''), '{MAIN}')"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        msg = f"two sources are named {twice!r}; give one of them another name"
        raise ValueError(msg)
    return dict(pairs)


FORMATS = ("auto", "lines", "json", "csv", "tsv")  # how texts of a landing folder may be read: docs/formats.md


def format_by_name(text: str) -> str | dict[str, str]:
    """``CLICKSTREAM_FORMAT``: one of :data:`FORMATS` for every folder, or some of them by the names of sources.

    Raises:
        ValueError: it is neither; says what is allowed.
    """
    allowed = f'allowed: {", ".join(FORMATS)}; or some of them by source: {{"history": "csv"}}'
    try:
        formats = json.loads(text, object_pairs_hook=_once) if _IS_LIST.match(text) else {MAIN: text}
    except json.JSONDecodeError as wrong:
        raise ValueError(allowed) from wrong
    if not all(isinstance(each, str) and each in FORMATS for each in formats.values()):
        raise ValueError(allowed)
    return formats if _IS_LIST.match(text) else text


def starting_at(text: str) -> str | datetime | dict[str, dict[str, int]]:
    """``CLICKSTREAM_STARTING_OFFSETS``: a word, a moment, or offsets by topic and partition.

    Raises:
        ValueError: it is none of them; says what is allowed.
    """
    from pydantic import Field, NonNegativeInt, TypeAdapter  # noqa: PLC0415 - the tasks of a run need only a name of here

    if text in ("earliest", "latest"):
        return text
    msg = 'allowed: earliest, latest, a time with its zone (2026-01-05T10:00:00Z), or {"topic": {"0": 1200}}'
    try:
        if not text.startswith("{"):
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know the Z
            if moment.tzinfo:
                return moment
            raise ValueError(msg)
        return TypeAdapter(dict[str, dict[Annotated[str, Field(pattern=r"^\d+$")], NonNegativeInt]]).validate_json(text)
    except ValueError as wrong:
        raise ValueError(msg) from wrong
