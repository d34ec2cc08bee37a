"""The cards of the page, in their order.

A section is a question in SQL and the picture of its answer. One whose table is not in the lake, or has nothing to say
of the time of the report, is left out.
"""

from __future__ import annotations

from collections.abc import Callable

from clickstream_platform.report import intake, visitors
from clickstream_platform.report.figures import Reading
from clickstream_platform.report.patterns import patterns
from clickstream_platform.report.section import Section

EVENTS = "events"  # what every other table is made of

# Every section, with the table that it reads.
SECTIONS: tuple[tuple[str, Callable[[Reading], Section | None]], ...] = (
    ("events", visitors.events),
    ("sessions", visitors.sessions),
    ("sessions", visitors.conversion),
    ("purchases", visitors.purchases),
    ("alerts", visitors.alerts),
    ("user_patterns", patterns),
    ("events", intake.quality),
    ("events", intake.lateness),
    ("events", intake.cost),
)


def sections(lake: Reading) -> list[Section]:
    """The cards of the page: those of which the lake has something to say."""
    return [found for table, section in SECTIONS if {table, EVENTS} <= lake.names and (found := section(lake))]
