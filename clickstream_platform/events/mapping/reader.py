"""A mapping made into the function that reads a record by it. What a run reads by, and `clickstream check`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from clickstream_platform.events.json_record import NO_JSON, ParsedRecord, text_of
from clickstream_platform.events.mapping.column_choosers import WRONG, shared_path_takers
from clickstream_platform.events.mapping.compiled import Texts, compile_columns
from clickstream_platform.events.mapping.envelopes import as_fields, inherit
from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.paths import Getter, getter, steps_of
from clickstream_platform.events.mapping.records import field_reader
from clickstream_platform.events.masking import Masking
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.schema import Reason

ReadRecord = Callable[..., ParsedRecord]  # of a record's bytes, and what it has inherited
Take = Callable[[dict[str, Any], "tuple[str | None, ...]"], None]


@lru_cache(maxsize=16)
def record_reader(mapping: Mapping, masks: Masks | None = None) -> ReadRecord:
    """The function that reads a record by a mapping. It raises nothing, whatever the bytes.

    Beside the bytes it takes what an event of an envelope has inherited, as a JSON object.

    Args:
        mapping: the mapping.
        masks: what of a record may not be kept, by the names that its producer has for it: masked before it is read.
    """
    mask = Masking(masks).fields if masks else None
    taken, over = field_reader(mapping.record), pass_over_rules(mapping)
    choosers, shared = compile_columns(mapping), shared_path_takers(mapping)

    def read(value: bytes, inherited: str | None = None) -> ParsedRecord:
        fields = taken(value)
        if isinstance(fields, Reason):
            return ParsedRecord(fault=fields)
        try:
            if inherited and inherited != "{}":
                inherit(fields, as_fields(inherited))
            fields = mask(fields) if mask else fields
            if over and (why := passed_over_value(fields, over)):
                return ParsedRecord(passed_over=why)
            return _read(fields, choosers(fields), shared)
        except NO_JSON:  # a number that no encoder writes
            return ParsedRecord(fault=Reason.MALFORMED_JSON)

    return read


def _read(fields: dict[str, Any], texts: Texts, shared: Sequence[Take]) -> ParsedRecord:
    for take in shared:
        take(fields, texts)
    extra = text_of(fields) if fields else None
    if WRONG in texts:
        return ParsedRecord(tuple(None if text == WRONG else text for text in texts), extra, is_of_wrong_type=True)
    return ParsedRecord(texts, extra)


class PassOverRule(NamedTuple):
    """Where to look for what makes a record no event.

    Attributes:
        find: gives the value.
        exact: the values that do.
        patterns: those with a ``*``, by the name of their group in ``among``.
        among: all of these; None if there are none.
    """

    find: Getter
    exact: frozenset[str]
    patterns: dict[str, str]
    among: re.Pattern[str] | None


def pass_over_rules(mapping: Mapping) -> list[PassOverRule]:
    """What of a mapping tells that a record is no event."""
    rules: list[PassOverRule] = []
    for path, values in mapping.pass_over:
        patterns = {f"_{number}": value for number, value in enumerate(values) if "*" in value}
        among = "|".join(f"(?P<{name}>{_as_regex(value)})" for name, value in patterns.items())
        exact = frozenset(value for value in values if "*" not in value)
        rules.append(
            PassOverRule(getter(steps_of(path)), exact, patterns, re.compile(among, re.DOTALL) if among else None)
        )
    return rules


def _as_regex(value: str) -> str:
    return ".*".join(re.escape(part) for part in value.split("*"))


def passed_over_value(fields: dict[str, Any], over: Sequence[PassOverRule]) -> str | None:
    """The declared value by which a record is no event; None if it is meant to be one."""
    for find, exact, patterns, among in over:
        value = text_of(find(fields))
        if value is None:
            continue
        if value in exact:
            return value
        if among and (match := among.fullmatch(value)):
            return patterns[match.lastgroup or ""]
    return None
