"""What is drawn for the steps of a life, but for the records that land."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from clickstream_platform_tests.lives.declared import RELAXED, SOURCES, STRICT
from clickstream_platform_tests.lives.records import File, files

Stopped = tuple[int, str]  # an error at the n-th write of a step, counted from 0, before or after that write's commit
Arrival = tuple[File, str]  # what lands, and in which source
Declaration = tuple[tuple[str, ...], str]  # the event types that are accepted; which columns are declared

whens = st.sampled_from(["before", "after"])
sources = st.sampled_from(SOURCES)
arrivals: st.SearchStrategy[Arrival | None] = st.none() | st.tuples(files, sources)
spans = st.sampled_from([timedelta(hours=1), timedelta(days=1)])
derived_tables = st.sampled_from(["purchases", "user_activity", "sessions", "user_patterns"])
declarations = st.tuples(st.sampled_from([STRICT, STRICT, RELAXED]), st.sampled_from(["", "", "", "commerce"]))


def stops(writes: int) -> st.SearchStrategy[Stopped | None]:
    """None, or at one of a step's first writes."""
    return st.none() | st.tuples(st.integers(0, writes - 1), whens)
