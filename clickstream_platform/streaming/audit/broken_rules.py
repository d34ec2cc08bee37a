"""Which rules of the contract of columns were broken by what came last, by the ledger alone: no row is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from clickstream_platform.events.contract.model import PREFIX
from clickstream_platform.expectations import KeptContract
from clickstream_platform.streaming.audit.shares import count_offered, describe_violations, newest_runs
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.wording import number_of


@dataclass(frozen=True)
class BrokenRules:
    """What came last, and the rules that it breaks.

    Attributes:
        records: records, or events of envelopes, that were meant to be events.
        rules: how many of them break which rule (``contract:amount:range``), most often first. Each breaks a rule once.
        rejected: how many of these breaks led to a rejection.
    """

    records: int
    rules: dict[str, int]
    rejected: int = 0

    @property
    def share(self) -> float:
        """The share of the records that break the rule that most of them break."""
        return max(self.rules.values(), default=0) / self.records if self.records else 0.0

    def exceeds(self, expectation: KeptContract) -> bool:
        """Whether a rule is broken by more than is expected. Of too few records nothing is said."""
        return self.records >= expectation.at_least and self.share > expectation.most

    def numbers(self) -> dict[str, int | float]:
        """What there is to plot: a number for each column and rule."""
        each = {rule.removeprefix(PREFIX): count for rule, count in self.rules.items()}
        return {"records": self.records, "share": self.share, **each}

    def __str__(self) -> str:
        """In words."""
        if not self.rules:
            return f"none of {number_of(self.records, 'record')} breaks a rule of the contract"
        fate = f"; for {self.rejected:,} of them the record was rejected" if self.rejected else ""
        return f"{describe_violations(self.rules)}; in {number_of(self.records, 'record')}{fate}"


def broken_rules(expectation: KeptContract, lake: Lake) -> BrokenRules:
    """The rules that the newest run saw broken; with the runs before it, until there are as many records as are asked.

    Events that are kept and records that are rejected for it alike. Reads the newest entries, as the shares do.
    """
    newest, _ = newest_runs(expectation.at_least, lake)
    kept, rejected = Counter[str](), Counter[str]()
    for entry in newest:
        kept.update(entry.declared.violations)
        rejected.update({why: count for why, count in entry.records.reasons.items() if why.startswith(PREFIX)})
    return BrokenRules(count_offered(newest), dict((kept + rejected).most_common()), rejected.total())
