"""A mapping made into the function that reads a record by it. What a run reads by, and `clickstream check`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from clickstream_platform.events.json_record import NO_JSON, ParsedRecord, text_of
from clickstream_platform.events.mapping.column_choosers import WRONG, shared_path_takers
from clickstream_platform.events.mapping.compiled import compile_columns
from clickstream_platform.events.mapping.envelopes import as_fields, inherit
from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.paths import getter, steps_of
from clickstream_platform.events.mapping.records import field_reader
from clickstream_platform.events.masks import Masks
from clickstream_platform.events.schema import Reason

ReadRecord = Callable[..., ParsedRecord]  # of a record's bytes, and what it has inherited


@lru_cache(maxsize=16)
def record_reader(mapping: Mapping, masks: Masks | None = None) -> ReadRecord:
    """The function that reads a record by a mapping. It raises nothing, whatever the bytes.

    Beside the bytes it takes what an event of an envelope has inherited, as a JSON object.

    Args:
        mapping: the mapping.
        masks: what of a record may not be kept, by the names that its producer has for it: masked before it is read.
    """
    mask = _mask(masks) if masks else None
    taken, passed_over = field_reader(mapping.record), _passing_over(mapping)
    columns, shared = compile_columns(mapping), shared_path_takers(mapping)
    has_types = any(column.kind not in ("text", "time") for _, column in mapping.columns)

    def read(value: bytes, inherited: str | None = None) -> ParsedRecord:
        fields = taken(value)
        if not isinstance(fields, dict):
            return ParsedRecord(fault=fields)
        try:
            if inherited and inherited != "{}":
                inherit(fields, as_fields(inherited))
            if mask:
                fields = mask(fields)
            if passed_over and (why := passed_over(fields)):
                return ParsedRecord(passed_over=why)
            texts = columns(fields)
            for take in shared:
                take(fields, texts)
            extra = text_of(fields) if fields else None
        except NO_JSON:  # a number that no encoder writes
            return ParsedRecord(fault=Reason.MALFORMED_JSON)
        if has_types and WRONG in texts:
            return ParsedRecord(tuple(None if text == WRONG else text for text in texts), extra, is_of_wrong_type=True)
        return ParsedRecord(texts, extra)

    return read


def _mask(masks: Masks) -> Callable[[dict[str, Any]], dict[str, Any]]:
    from clickstream_platform.events.masking import Masking  # noqa: PLC0415 - Arrow, for who only explains a record

    return Masking(masks).fields


def _passing_over(mapping: Mapping) -> Callable[[dict[str, Any]], str | None] | None:
    """A function that gives the declared value by which a record is no event; None where there is none to give."""
    rules = [_PassOverRule(path, values) for path, values in mapping.pass_over]
    if len(rules) < 2:
        return rules[0].value_of if rules else None

    def value_of(fields: dict[str, Any]) -> str | None:
        return next((value for rule in rules if (value := rule.value_of(fields))), None)

    return value_of


class _PassOverRule:
    """A path, and the values there by which a record is no event."""

    def __init__(self, path: str, values: Sequence[str]) -> None:
        """A ``*`` in a value stands for any signs."""
        self._find = getter(steps_of(path))
        self._exact = frozenset(value for value in values if "*" not in value)
        self._patterns = {f"_{number}": value for number, value in enumerate(values) if "*" in value}
        among = "|".join(f"(?P<{name}>{_as_regex(value)})" for name, value in self._patterns.items())
        self._match = re.compile(among, re.DOTALL).fullmatch if among else None

    def value_of(self, fields: dict[str, Any]) -> str | None:
        """The declared value that a record has there; None if it has none of them."""
        value = text_of(self._find(fields))
        if value in self._exact:
            return value
        match = self._match(value) if self._match and value is not None else None
        return self._patterns[match.lastgroup or ""] if match else None


def _as_regex(value: str) -> str:
    return ".*".join(re.escape(part) for part in value.split("*"))
