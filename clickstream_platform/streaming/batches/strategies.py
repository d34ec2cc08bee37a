"""The strategy of every kind of state: a line each."""

from __future__ import annotations

from typing import Any

from clickstream_platform.streaming.batches.processor import ProcessorBatches
from clickstream_platform.streaming.batches.recompute import RecomputeBatches
from clickstream_platform.streaming.batches.state_store import StateStoreBatches
from clickstream_platform.streaming.batches.stateless import StatelessBatches
from clickstream_platform.streaming.batches.strategy import Strategy
from clickstream_platform.streaming.contract.state import Processor, Recompute, Stateless, StateStore
from clickstream_platform.streaming.contract.table import StreamingTable

STRATEGIES: dict[type[Any], type[Strategy[Any]]] = {
    Stateless: StatelessBatches,
    StateStore: StateStoreBatches,
    Recompute: RecomputeBatches,
    Processor: ProcessorBatches,
}


def strategy_of(table: StreamingTable) -> Strategy[Any]:
    """How the batches of a table that reads ``events`` are handled."""
    return STRATEGIES[type(table.state)](table, table.state)
