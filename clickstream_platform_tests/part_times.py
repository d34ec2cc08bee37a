"""What the tests of each part took, also where several parts are run by one command."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from clickstream_platform_tests import parts

_PROPERTY = "part"  # of a test's report, which is all that the process with several workers gets of a test
BUDGET = 600  # seconds that the workers may have for one part


def remember_part(item: pytest.Item, part: str) -> None:
    """Let the reports of a test say which part it is in."""
    item.user_properties.append((_PROPERTY, part))


class PartTimes:
    """A plugin of pytest: it says at the end how many tests of each part were run, and how long they took.

    That is the time of their fixtures and calls, divided among the workers: not the start of the workers, and not the
    time in which one has nothing left to do.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._seconds, self._tests = defaultdict[str, float](float), Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        part = str(dict(report.user_properties)[_PROPERTY])
        self._seconds[part] += report.duration
        self._tests[part] += report.when == "setup"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for part in (name for name in parts.NAMES if name in self._tests):
            took = self._seconds[part] / self._workers
            over = f"; its budget is {BUDGET} s" if took > BUDGET else ""
            terminalreporter.write_line(f"part {part}: {self._tests[part]} tests took {took:.0f} s{over}")
