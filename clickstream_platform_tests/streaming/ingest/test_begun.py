"""A batch that was killed once its rejected records were committed: the rest has to fit to these."""

from __future__ import annotations

import pytest

from clickstream_platform.errors import CheckpointError
from clickstream_platform.streaming.audit.books import unbalanced
from clickstream_platform_tests.conftest import Lab, event
from clickstream_platform_tests.faults import fault


def test_rules_that_reject_others_are_refused_until_they_are_set_back(lab: Lab) -> None:
    lab.only("events").land(event("u"), event("v", event_type="purchase"), "{")
    with fault(1, "before"), pytest.raises(Exception, match="InjectedError"):
        lab.run()
    fewer = lab.reading("", event_types=("click",)).only("events")
    with pytest.raises(CheckpointError, match=r"would now reject 1 as unknown_event_type \(then 0\)"):
        fewer.run()
    lab.run()
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (2, 1)
    assert unbalanced(lab.contracts["events"], lab.lake) == []
    lab.land(event("w", event_type="purchase"))
    fewer.run()
    assert (lab.table("events").count(), lab.table("quarantine").count()) == (2, 2)
