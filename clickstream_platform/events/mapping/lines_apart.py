"""How lines that are no JSON may be taken apart, told by the lines."""

from __future__ import annotations

from collections.abc import Sequence

from clickstream_platform.events.mapping.model import Form

_SEPARATORS = ("\t", ";", "|", ",")  # the likeliest first to be nothing else
_FEWEST = 3  # fields: of whom, of what and when an event is


def form_of(lines: Sequence[str]) -> Form | None:
    """Texts with a separator between them, as many in each line; None if no separator does so."""
    for separator in _SEPARATORS:
        counts = {line.count(separator) + 1 for line in lines}
        if len(counts) == 1 and (count := counts.pop()) >= _FEWEST:
            names = tuple(f"column_{number}" for number in range(1, count + 1))
            return Form(format="delimited", separator=separator, columns=names)
    return None


def values_of(lines: Sequence[str], form: Form) -> dict[str, list[str]]:
    """What lines of a delimited form have in each column, without what is blank."""
    rows = [line.split(form.separator) for line in lines]
    return {name: [row[place] for row in rows if row[place].strip()] for place, name in enumerate(form.columns)}
