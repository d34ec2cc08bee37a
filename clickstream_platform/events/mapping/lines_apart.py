"""How lines that are no JSON may be taken apart, told by the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clickstream_platform.events.mapping.model import Form

_SEPARATORS = ("\t", ";", "|", ",")  # the likeliest first to be nothing else
_NEARLY = 0.95  # of the lines
_FEWEST = 3  # fields: of whom, of what and when an event is


def form_of(lines: Sequence[str]) -> Form | None:
    """Texts with a separator between them, as many in nearly each line; None if no separator does so.

    A line with another number, as where a text has an escaped separator in it, will be rejected as what it is.
    """
    for separator in _SEPARATORS:
        counts = Counter(line.count(separator) + 1 for line in lines)
        ((count, agree),) = counts.most_common(1) or [(0, 0)]
        if count >= _FEWEST and agree >= _NEARLY * len(lines):
            names = tuple(f"column_{number}" for number in range(1, count + 1))
            return Form(format="delimited", separator=separator, columns=names)
    return None


def values_of(lines: Sequence[str], form: Form) -> dict[str, list[str]]:
    """What lines of a delimited form have in each column, without what is blank."""
    rows = [row for line in lines if len(row := line.split(form.separator)) == len(form.columns)]
    return {name: [row[place] for row in rows if row[place].strip()] for place, name in enumerate(form.columns)}
