"""What a plot shows, in words: for who cannot see it."""

from __future__ import annotations

from clickstream_platform.report.plots import OverTime, Plot, Spread
from clickstream_platform.wording import number_of


def describe_plot(plot: Plot) -> str:
    """The values of a plot; of one over time, the sum of each kind."""
    if isinstance(plot, OverTime):
        return f"{plot.what} over time, {_listed({kind: f'{sum(n):,}' for kind, n in plot.counts.items()})}"
    values = {name: f"{value:,.0f}" for name, value in plot.values.items()}
    if isinstance(plot, Spread):
        return f"{plot.what} by {plot.unit}, {_listed(values)}"
    return f"{plot.what}, {_listed(values | dict(plot.labels))}"


def _listed(values: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in values.items()) if values else number_of(0, "value")
