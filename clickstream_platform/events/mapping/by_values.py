"""What a field of an unknown shape may be by its values alone, whatever it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

ENOUGH = 8  # values, from which on they tell something
# No digits: ids and counters have some.
_WORD = re.compile(r"[$_]?(?:\[\w+\]_?)?[^\W\d_](?:[^\W\d]| (?=\S)|[.:/-](?=[^\W\d]))*")
_ADDRESS = re.compile(r"https?://\S|/[^/\s]|/\Z")
_MILLISECONDS = re.compile(r"1\d{12}")  # 2001 to 2033; so many digits have few other numbers
_SECONDS = re.compile(r"1\d{9}(?:\.\d+)?")  # 2001 to 2033
_MOST_TYPES = 30
_DAY = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|20\d{6}")
_CLOCK = re.compile(r"\d{1,2}:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?(?:Z| ?[+-]\d\d:?\d\d)?")


def types(samples: Mapping[str, Sequence[str]]) -> list[str]:
    """Fields that may be the type of an event: a few words, each again and again. The flattest first.

    A guess costs no record: every type is accepted by the mapping that is written.
    """
    paths = [path for path, texts in samples.items() if _are_types(texts) and _is_usual(path, samples)]
    return flattest_first(paths)


def addresses(samples: Mapping[str, Sequence[str]]) -> list[str]:
    """Fields that may be the address of a page. The flattest first; behind them those that are ever the same."""
    paths = [path for path, texts in samples.items() if texts and all(map(_ADDRESS.match, texts))]
    return sorted(flattest_first(paths), key=lambda path: len(set(samples[path])) < 2)


def flattest_first(paths: Iterable[str]) -> list[str]:
    """Paths by how deep they lie; of one depth in the order given."""
    return sorted(paths, key=lambda path: path.count("."))


def numbers_of_seconds(samples: Mapping[str, Sequence[str]]) -> list[str]:
    """Fields that may be times, but may count something else: numbers as of seconds since 1970, of this time."""
    return [path for path, texts in samples.items() if texts and all(map(_SECONDS.fullmatch, texts))]


def coming_again(samples: Mapping[str, Sequence[str]]) -> list[str]:
    """Fields of which some values come again and others do not: who may be named by such. Ids before words."""
    paths = [path for path, texts in samples.items() if 1 < len(set(texts)) < len(texts)]
    return sorted(paths, key=lambda path: all(map(_WORD.fullmatch, samples[path])))


def are_milliseconds(texts: Sequence[str]) -> bool:
    """Whether all of them are numbers of milliseconds since 1970, of this time."""
    return bool(texts) and all(map(_MILLISECONDS.fullmatch, texts))


def are_days(texts: Sequence[str]) -> bool:
    """Whether all of them are days without a time of day."""
    return bool(texts) and all(map(_DAY.fullmatch, texts))


def clock_beside(day: str, samples: Mapping[str, Sequence[str]]) -> str | None:
    """The field beside a day that has a time of day in as many records; None if there is none, or are several."""
    beside = [
        path
        for path, texts in samples.items()
        if path.rpartition(".")[0] == day.rpartition(".")[0]
        and len(texts) == len(samples[day])
        and all(map(_CLOCK.fullmatch, texts))
    ]
    return beside[0] if len(beside) == 1 else None


def _are_types(texts: Sequence[str]) -> bool:
    if len(texts) < ENOUGH or not all(len(text) <= 60 and _WORD.fullmatch(text) for text in texts):
        return False
    return 1 < len(set(texts)) <= min(_MOST_TYPES, len(texts) // 3)


def _is_usual(path: str, samples: Mapping[str, Sequence[str]]) -> bool:
    """Whether nearly every record has it: what an event is, each says."""
    return len(samples[path]) >= 0.9 * max(map(len, samples.values()))
