"""A naive program that is told what is done to a lake, and says which events must be there: plain Python, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from clickstream_platform_tests.lives.records import USERS, File, Key


@dataclass
class Told:
    """What must be there.

    Attributes:
        read: the numbers of the files that have been read.
        records: how many records of each key have been read, and neither forgotten nor expired.
        unfinished: what was killed and has to be said again: ``(method, argument)``.
    """

    landed: list[tuple[str, File]] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    records: Counter[Key] = field(default_factory=Counter)
    unfinished: list[tuple[str, Any]] = field(default_factory=list)

    def copy(self) -> Told:
        """As it is now; what lands later is seen by both."""
        return replace(self, read={*self.read}, records=Counter(self.records), unfinished=[*self.unfinished])

    def run(self, sources: Iterable[str]) -> None:
        """All that has landed in these sources has been read."""
        for number, (source, file) in enumerate(self.landed):
            if source in sources and number not in self.read:
                self.read.add(number)
                self.records.update(file.keys)

    def has_read(self, source: str) -> bool:
        """Whether anything of a source has been read."""
        return any(self.landed[number][0] == source for number in self.read)

    def forget(self, user: str) -> None:
        """Nothing of a user is left."""
        for key in [key for key in self.records if USERS[key[0]] == user]:
            del self.records[key]

    def expire(self, before: date, rejected: Counter[Key]) -> None:
        """Events before a date are gone; rejected records of it are not."""
        for key in [key for key in self.records if key[1].date() < before]:
            self.records[key] = rejected[key]

    def expire_rejected(self, rejected: Counter[Key]) -> None:
        """Rejected records are gone."""
        self.records -= rejected

    def keys(self) -> list[Key]:
        """Of all events, copies left out of account."""
        return sorted(key for key, count in self.records.items() if count > 0)

    def kept(self, span: timedelta | None) -> list[Key]:
        """Of all events: of those of one id, by time, the first, and the next that is later by more than a span."""
        kept: list[Key] = []
        for key in self.keys():
            if span is None or not kept or kept[-1][0] != key[0] or key[1] - kept[-1][1] > span:
                kept.append(key)
        return kept
