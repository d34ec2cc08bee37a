"""A mapping to start from, written for records that were looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from clickstream_platform.events.mapping.checking import Checked
from clickstream_platform.events.mapping.model import COLUMNS, REQUIRED

# The last key of a path, without signs and in lower case: what producers call such a thing, the likeliest first.
_CALLED: dict[str, tuple[str, ...]] = {
    "user_id": (
        *("userid", "uid", "user", "customerid", "memberid", "accountid", "distinctid", "visitorid", "clientid"),
        *("anonymousid", "userpseudoid", "deviceid", "cookieid"),
    ),
    "session_id": ("sessionid", "sid", "session", "visitid", "gasessionid"),
    "event_type": ("eventtype", "eventname", "event", "type", "action", "name"),
    "page_url": ("pageurl", "url", "currenturl", "pagelocation", "uri", "path"),
    "product_id": ("productid", "itemid", "sku"),
    "timestamp": ("timestamp", "eventtime", "eventtimestamp", "time", "ts", "occurredat", "createdat", "date"),
    "device_type": ("devicetype", "devicecategory", "platform"),
    "ip_address": ("ipaddress", "ip", "clientip", "remoteaddr", "requestip"),
    "event_id": ("eventid", "messageid", "uuid", "insertid", "id"),
}
_ESCAPED = r'["\\]'
_OURS = ("click", "page_view", "purchase")
_SEVERAL = ("user_id", "session_id", "timestamp")  # where a second choice makes sense


def written(found: Checked, extends: str = "") -> str:
    """A mapping as TOML, with all fields that no column takes as remarks.

    Args:
        found: the records, by that preset or, without one, by our own shape.
        extends: the preset that reads them.
    """
    paths = [*found.present, *(path for path, _ in found.extra.most_common())]
    lines = ["# Columns that are not here are null. docs/mapping.md has all that may be said."]
    if extends:
        lines += [f'extends = "{extends}"', "", "[columns]", *_remarks(found.extra)]
        return "\n".join([*lines, *_types(found)])
    lines += ["", "[columns]"]
    for column in COLUMNS:
        guessed = _guessed(column, paths)
        lines.append(
            f"{'' if guessed else '# '}{column} = [{', '.join(map(_quoted, guessed))}]{_missing(column, guessed)}"
        )
    return "\n".join([*lines, *_remarks(found.extra), *_types(found)])


def columns_called(names: Iterable[str]) -> set[str]:
    """The columns that these names are usual for."""
    last = set(map(_last, names))
    return {column for column, called in _CALLED.items() if last & {*called}}


def _guessed(column: str, paths: Iterable[str]) -> list[str]:
    called = _CALLED[column]
    fitting = [(called.index(name), path.count("."), path) for path in paths if (name := _last(path)) in called]
    return [path for _, _, path in sorted(fitting)][: 2 if column in _SEVERAL else 1]


def _last(path: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.split(r"[.\]]", path.rstrip("]"))[-1].lower())


def _missing(column: str, guessed: list[str]) -> str:
    return "  # needed: name the path of it" if column in REQUIRED and not guessed else ""


def _remarks(extra: Mapping[str, int]) -> list[str]:
    remarks = [f"#   {_printable(path)}  {count}" for path, count in extra.items()]
    head = ["", "# Kept in `extra`, unless a column takes it; with the number of records that have it:"]
    return [*head, *remarks] if remarks else []


def _types(found: Checked) -> list[str]:
    remarks = [
        f'#   {_quoted(name)} = "click"  # {count}'
        for name, count in found.event_types.most_common(20)
        if name not in _OURS
    ]
    return ["", "[event_types]", 'accept = "all"', "", "[event_types.names]", *remarks, ""]


def _quoted(text: str) -> str:
    """A text in TOML."""
    return f'"{_printable(re.sub(_ESCAPED, _backslashed, text))}"'


def _backslashed(sign: re.Match[str]) -> str:
    return f"\\{sign[0]}"


def _printable(text: str) -> str:
    """Nothing that ends a line: keys and names are whatever somebody sent."""
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)
