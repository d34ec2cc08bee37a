"""The cards of the page, in their order.

A section is a question in SQL and the picture of its answer. One whose table is not in the lake, or has nothing to say
of the time of the report, is left out.
"""

from __future__ import annotations

from collections.abc import Callable

from clickstream_platform.report import intake, visitors
from clickstream_platform.report.figures import Reading
from clickstream_platform.report.patterns import patterns_section
from clickstream_platform.report.section import Section

EVENTS = "events"  # what every other table is made of

# Every section, with the table that it reads.
SECTIONS: tuple[tuple[str, Callable[[Reading], Section | None]], ...] = (
    ("events", visitors.events_section),
    ("sessions", visitors.sessions_section),
    ("sessions", visitors.conversion_section),
    ("purchases", visitors.purchases_section),
    ("alerts", visitors.alerts_section),
    ("user_patterns", patterns_section),
    ("events", intake.quality_section),
    ("events", intake.lateness_section),
    ("events", intake.cost_section),
)


def sections(lake: Reading) -> list[Section]:
    """The cards of the page: those of which the lake has something to say."""
    return [card for table, section in SECTIONS if {table, EVENTS} <= lake.names and (card := section(lake))]
