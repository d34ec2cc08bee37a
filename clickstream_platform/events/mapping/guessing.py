"""Which field of a record of an unknown shape each column may be: by what fields are called, and by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from clickstream_platform.events.mapping.by_values import (
    ENOUGH,
    addresses,
    are_days,
    are_milliseconds,
    clock_beside,
    flattest_first,
    types,
)
from clickstream_platform.events.mapping.called import ADDRESSES, BOXES, CALLED, ENDINGS, LISTS, MAILS, NO_TYPES
from clickstream_platform.events.mapping.model import COLUMNS
from clickstream_platform.events.mapping.time_forms import forms_of, is_clf
from clickstream_platform.events.placeholders import is_none
from clickstream_platform.events.timestamps import to_instants

_SEVERAL = ("user_id", "session_id", "timestamp")  # where a second choice makes sense
FEW = 3  # values by which a field of a telling name is looked at
LONG = 16  # signs: a shorter id may be a counter that each visitor has
_APART = 0.9  # of the values of an id are different: some records may have come twice
_SMALL = re.compile(r"-?\d{1,7}(?:\.\d+)?")
_INSIDE = re.compile(r"(.+?)\[0\]\.(.+)")

Samples = Mapping[str, Sequence[str]]  # some values at each path, as texts


class Guess(NamedTuple):
    """Where the columns may be.

    Attributes:
        paths: of each column, the likeliest first; within an event, if there is an envelope.
        envelope: where records have their events; empty if each is one.
        inherit: what events have from the record around them.
    """

    paths: dict[str, list[str]]
    envelope: str = ""
    inherit: tuple[str, ...] = ()

    @property
    def begin(self) -> str:
        """What the paths begin with in a whole record, of which the first event is looked at."""
        return f"{self.envelope}[0]." if self.envelope else ""


def guess(samples: Samples) -> Guess:
    """A guess at the columns of some records, by what they hold."""
    ranked = _ranked(samples)
    envelope = _envelope(ranked)
    if not envelope:
        return Guess(_some(ranked, samples))
    begin = f"{envelope}[0]."
    inside = {path[len(begin) :]: texts for path, texts in samples.items() if path.startswith(begin)}
    within = _ranked(inside)
    around = _ranked({path: texts for path, texts in samples.items() if not path.startswith(begin)})
    from_around = {name: paths for name in COLUMNS if not within[name] and (paths := _from_around(name, around))}
    inherit = {re.split(r"[.\[]", path)[0] for paths in from_around.values() for path in paths}
    return Guess(_some({**within, **from_around}, inside), envelope, tuple(sorted(inherit)))


def add_from_around(guessed: Guess, around: Samples) -> Guess:
    """A guess at events, and for columns that they lack, at the object in which they were packed."""
    ranked = _ranked(around)
    missing = {name: paths for name in COLUMNS if not guessed.paths[name] and (paths := _from_around(name, ranked))}
    inherit = {re.split(r"[.\[]", path)[0] for paths in missing.values() for path in paths}
    return Guess({**guessed.paths, **missing}, guessed.envelope, tuple(sorted(inherit)))


def _from_around(column: str, ranked: Mapping[str, Sequence[str]]) -> list[str]:
    """Where a column may be in what is around events: one path, and of whom they are, also what is there instead."""
    paths = [path for path in ranked[column] if "[" not in path]
    return [] if column == "event_id" or ranked[column][:1] != paths[:1] else paths[: 2 if column == "user_id" else 1]


def is_address(path: str) -> bool:
    """Whether a path is called like the address of a visitor, which many visitors may share."""
    return any(name in ADDRESSES for name in _names(path))


def columns_called(names: Iterable[str]) -> set[str]:
    """The columns that these names are usual for."""
    plain = set(map(_plain, names))
    called = {**CALLED, "user_id": (*CALLED["user_id"], *ADDRESSES)}
    return {column for column, names in called.items() if plain & {*names}}


def _ranked(samples: Samples) -> dict[str, list[str]]:
    """The candidate paths of each column, the likeliest first."""
    candidates = {column: _paths_called(called, samples) for column, called in CALLED.items()}
    for column in ("user_id", "event_type"):
        candidates[column] = candidates[column] or _paths_ending(ENDINGS[column], samples)
    candidates["user_id"] = [path for path in candidates["user_id"] if not _are_flags(samples[path])]
    candidates["user_id"] = candidates["user_id"] or _paths_called(MAILS, samples)
    candidates["event_type"] = [path for path in candidates["event_type"] if not _is_of_something(path)]
    if not any(_names_all(samples[path], samples) for path in candidates["user_id"][:1]):
        candidates["user_id"] += _paths_called(ADDRESSES, samples)
    pages = addresses(samples)
    candidates["page_url"] = (
        [path for path in candidates["page_url"] if path in pages] or pages or candidates["page_url"]
    )
    candidates["timestamp"] = _times(candidates, samples)
    candidates["event_type"] = _types_beside(
        [*candidates["user_id"][:1], *candidates["timestamp"][:1]], candidates["event_type"], samples
    )
    ids = [path for path in candidates["event_id"] if _tells_apart(path, samples[path])]
    candidates["event_id"] = sorted(ids, key=lambda path: min(map(len, samples[path][:FEW])) < LONG)
    return candidates


def _times(candidates: Mapping[str, Sequence[str]], samples: Samples) -> list[str]:
    """What may be the time of an event; in the object that has who and what first, if that has one.

    A time around that object is when somebody passed it on.
    """
    times = [path for path in candidates["timestamp"] if _are_times(samples[path][:FEW])]
    # Where none is called a time, or what is holds none: what holds a day and a time of day, in one field or in two.
    others = (path for path, texts in samples.items() if _are_telling_times(texts[:FEW]))
    ending = (path for path in _paths_ending(ENDINGS["timestamp"], samples) if _are_times(samples[path][:FEW]))
    days = (path for path, texts in samples.items() if are_days(texts) and clock_beside(path, samples))
    times = times or flattest_first(others) or [*ending] or flattest_first(days)
    inside = _around(candidates["user_id"])
    if not inside or inside != _around(candidates["event_type"]):
        return times
    return sorted(times, key=lambda path: not path.startswith(f"{inside}."))


def _types_beside(known: Sequence[str], called: Sequence[str], samples: Samples) -> list[str]:
    """What may be the type of an event: what is called so, but not a word about something else around it.

    Such as the type of the schema, beside a payload that has the visitor and the time. Codes go behind names.
    """
    parts = {"", *map(_part, known)}
    near = [path for path in called if _part(path) in parts]
    if not near and all(_is_one_or_each_another(samples[path]) for path in called):
        near = [path for path in types(samples) if _part(path) in parts or not called]
    if near and _is_no_type(samples[near[0]]):
        telling = types(samples)
        near += [path for path in called if path in telling and path not in near]
        near = sorted(near, key=lambda path: (path not in telling, _is_no_type(samples[path])))
    ranked = [*near, *(path for path in called if path not in near)]
    return sorted(ranked, key=lambda path: bool(samples[path]) and all(map(str.isdecimal, samples[path])))


def _is_one_or_each_another(texts: Sequence[str]) -> bool:
    return len(set(texts)) < 2 or (len(set(texts)) == len(texts) >= ENOUGH)


def _is_no_type(texts: Sequence[str]) -> bool:
    return all(_plain(text) in NO_TYPES for text in texts)


def _part(path: str) -> str:
    """The part of a record that a path leads into; empty of a field of the record itself."""
    first, *inside = re.split(r"[.\[]", path, maxsplit=1)
    return first if inside else ""


def _around(paths: Sequence[str]) -> str:
    """What the likeliest path begins with, without its last key; empty of a field of the record itself."""
    return next(iter(paths), "").rpartition(".")[0]


def _names_all(texts: Sequence[str], samples: Samples) -> bool:
    """Whether each record has a value there, and none of them is a placeholder."""
    return len(texts) >= max(map(len, samples.values())) and not any(map(is_none, texts))


def _tells_apart(path: str, texts: Sequence[str]) -> bool:
    """Whether a field may be the id of an event: of two events with one id and time, one would be left out."""
    is_of_event = _names(path)[0] != "id" or "." not in path or _names(path)[1] == "eventid"
    return is_of_event and "[" not in path and bool(texts) and len(set(texts)) >= _APART * len(texts)


def _paths_called(called: Sequence[str], samples: Samples) -> list[str]:
    ranks = {path: [called.index(name) for name in _names(path) if name in called] for path in samples}
    return [path for _, _, path in sorted((min(rank), path.count("."), path) for path, rank in ranks.items() if rank)]


def _paths_ending(endings: Sequence[str], samples: Samples) -> list[str]:
    ends = {path: [place for place, end in enumerate(endings) if _names(path)[0].endswith(end)] for path in samples}
    return [path for _, _, path in sorted((place[0], path.count("."), path) for path, place in ends.items() if place)]


def _are_flags(texts: Sequence[str]) -> bool:
    return bool(texts) and all(text.lower() in ("true", "false") for text in texts)


def _is_of_something(path: str) -> bool:
    """Whether a path is called like another column than the type of an event: the type of a device."""
    return any(_names(path)[1] in called for column, called in CALLED.items() if column != "event_type")


def _names(path: str) -> tuple[str, str]:
    keys = [key for key in re.split(r"(?:\.|\[key=|\[|\])+", path) if key and not key.isdigit()]
    while len(keys) > 1 and _plain(keys[-1]) in BOXES:
        keys.pop()
    return _plain(keys[-1]) if keys else "", _plain("".join(keys[-2:]))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _are_times(texts: Sequence[str]) -> bool:
    is_iso = bool(texts) and not to_instants(pa.array(texts, pa.string())).null_count
    is_iso = is_iso and not all(map(_SMALL.fullmatch, texts))  # it counts something else
    return is_iso or is_clf(texts) or bool(forms_of(texts))


def _are_telling_times(texts: Sequence[str]) -> bool:
    """Whether they are times without anybody saying so: a number or a date may be anything else."""
    return are_milliseconds(texts) or (all(":" in text for text in texts) and _are_times(texts))


def _some(ranked: dict[str, list[str]], samples: Samples) -> dict[str, list[str]]:
    some = {name: ranked[name][: 2 if name in _SEVERAL else 1] for name in COLUMNS}
    return {**some, "event_type": _type_of_each(ranked["event_type"], samples)}


def _type_of_each(ranked: Sequence[str], samples: Samples) -> list[str]:
    """The likeliest type, behind one that those records have which lack it: of several, a mapping takes the last."""
    most = max(map(len, samples.values()), default=0)
    if ranked and len(samples.get(ranked[0], ())) < most:
        return [*[path for path in ranked[1:] if len(samples[path]) == most][:1], ranked[0]]
    return [*ranked[:1]]


def _envelope(ranked: dict[str, list[str]]) -> str:
    """The list whose items have the type of an event, and a time or a telling name; or say who and when."""
    inside = _INSIDE.fullmatch(next(iter(ranked["event_type"]), ""))
    if not ranked["event_type"]:
        inside = _INSIDE.fullmatch(next(iter(ranked["user_id"]), ""))
        inside = inside if inside and ranked["timestamp"] else None
    if inside is None:
        return ""
    has_time = any(path.startswith(f"{inside[1]}[0].") for path in ranked["timestamp"])
    is_called_so = bool(ranked["event_type"]) and _plain(inside[1].split(".")[-1]) in LISTS
    return inside[1] if has_time or is_called_so else ""
