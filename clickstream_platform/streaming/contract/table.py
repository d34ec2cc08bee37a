"""The contract of a table: six sentences, each of them a field, each of them enforced."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from clickstream_platform.events.schema import PLACE, Column
from clickstream_platform.expectations import Expectation
from clickstream_platform.source_list import MAIN, title
from clickstream_platform.streaming.contract.side_tables import SideTable
from clickstream_platform.streaming.contract.sink import Sink
from clickstream_platform.streaming.contract.state import State
from clickstream_platform.streaming.contract.trigger import Trigger
from clickstream_platform.streaming.contract.trigger_support import FACTS
from clickstream_platform.streaming.contract.watermark import Watermark
from clickstream_platform.streaming.sources.source import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class Sql:
    """A query as SQL text, over the table ``{events}``. As pure and local as any query."""

    text: str

    def __call__(self, events: DataFrame) -> DataFrame:
        """The rows that the text selects."""
        return events.sparkSession.sql(self.text, events=events)


@dataclass(frozen=True)
class StreamingTable:
    """A Delta table that equals ``query`` over all accepted events after every committed batch.

    Attributes:
        name: its folder in the lake and its key in Dagster; stable for its users.
        version: raised by hand when the meaning changes; the next run then asks for a rebuild.
        description: its grain, in one sentence.
        columns: what the query must return, checked before a stream starts.
        offsets: WHAT to process.
        trigger: WHEN. Another one needs no new checkpoint.
        query: HOW, a function or :class:`Sql`; pure, runs unchanged on a stream and on a batch, local to the state's
            ``by`` columns.
        state: WHAT to remember.
        watermark: WHAT to forget.
        sink: where a batch lands; it fixes the output mode.
        expectations: what asset checks validate.
        parameters: the settings the query depends on; a change of one asks for a rebuild.
        partition_by: columns that split the table's files into folders.
        max_state_rows: rows that its state store may hold after a batch; a run that finds more there stops.
        announces: whether new rows are given to the run's ``notify`` hook.
        side_output: the side table that the same batches write: what was rejected, or what came too late.
        copies: the side table of what they remember beside that, made when it is first needed: records that may become
            events yet. It has the declared columns too.
        further: more sources, each of another name. They are read after ``offsets``, one after another, each from a
            checkpoint of its own.
        declared: more columns, declared by the lake's owner: no part of what its checkpoint is made for. A derived
            table passes them on as ``events`` has them, and is made anew when they change there.
    """

    name: str
    version: int
    description: str
    columns: tuple[Column, ...]
    offsets: Source
    trigger: Trigger
    query: Callable[[DataFrame], DataFrame]
    state: State
    watermark: Watermark
    sink: Sink
    expectations: tuple[Expectation, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    max_state_rows: int = 10_000_000
    announces: bool = False
    side_output: SideTable | None = None
    copies: SideTable | None = None
    further: tuple[Source, ...] = ()
    declared: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a contract that contradicts itself."""
        problem = self._contradiction()
        if problem:
            msg = f"{self.name}: {problem}"
            raise ValueError(msg)

    def _contradiction(self) -> str | None:
        names, kind = {column.name for column in self.columns}, type(self.state).__name__
        if len({source.source_name for source in self.sources}) <= len(self.further):
            return "two of its sources have one name, and so one checkpoint"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            return "a table is named in lower case, as it is a folder and an asset key"
        facts = FACTS[type(self.trigger)]
        if not {"run", "stream"} & set(facts.taken_by):
            return f"its trigger cannot be {self.trigger.name}: {facts.reason}; {facts.instead}"
        if self.state.revises != self.sink.revises:
            return self.state.sink_rule
        if not names.issuperset((*self.state.key, *self.state.span)):
            return "the state's key and span must be columns of the table"
        if not names.issuperset((*self.sink.keys, *self.sink.span)):
            return "the sink's key and span must be columns of the table"
        if self.sink.revises and "final_at" not in names:
            return "rows are revised, so a column final_at must say until when they are"
        if not self.state.by and self.state.reaches:
            return f"{kind} needs a column of the key to be local to"
        if self.state.lists_late and self.side_output is None:
            return f"{kind} leaves late events out, so a side table must be declared that lists them"
        return None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that the table reads, in the order in which a run takes them."""
        return (self.offsets, *self.further)

    def by_source(self) -> tuple[StreamingTable, ...]:
        """The contract once for each source, with that one alone: what a checkpoint and a query are made for."""
        return tuple(replace(self, offsets=source, further=()) for source in self.sources) if self.further else (self,)

    @property
    def title(self) -> str:
        """The table, and which source of it, where that is not the main one."""
        return title(self.name, MAIN if self.further else self.offsets.source_name)

    @property
    def schema(self) -> StructType:
        """Its columns as Delta keeps them, comments included. Needs a session."""
        from pyspark.sql.types import DataType, StructField, StructType  # noqa: PLC0415 - a contract needs no Spark

        columns = (*self.columns, *self.declared)
        return StructType([StructField(c.name, DataType.fromDDL(c.type), metadata=c.metadata) for c in columns])

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell its rows apart."""
        return self.sink.keys or self.state.key or PLACE

    @property
    def span(self) -> tuple[str, ...]:
        """The columns that say between which times the events of a row lie; one column where a row is one event."""
        return self.sink.span or self.state.span or (self.watermark.column,)

    @property
    def derived(self) -> bool:
        """Whether the table reads ``events``, not a source, and so can be rebuilt."""
        return self.offsets.is_table

    @property
    def side_tables(self) -> tuple[SideTable, ...]:
        """The side tables that its batches write, each of them before the table itself."""
        return tuple(each for each in (self.side_output, self.copies) if each)

    @property
    def names(self) -> tuple[str, ...]:
        """The Delta tables that its batches write: its own, and the side tables; not all of them may be there."""
        return (self.name, *(each.name for each in self.side_tables))

    @property
    def _query_name(self) -> str:
        query = self.query.func if isinstance(self.query, partial) else self.query
        name = "SQL text" if isinstance(query, Sql) else getattr(query, "__name__", type(query).__name__.lower())
        return f"{name}({'events' if self.derived else 'records'})"

    def sentences(self) -> dict[str, str]:
        """The six sentences, each with what it means for this table."""
        own = any(source.source_name != MAIN for source in self.sources)
        folder = f"{self.name}/<source>" if own else self.name
        return {
            "Offsets decide WHAT to process": "; then ".join(str(source) for source in self.sources),
            "Trigger decides WHEN to process": str(self.trigger),
            "SQL decides HOW to process": f"{self._query_name}: {self.description}",
            "State decides WHAT to remember": str(self.state),
            "Watermark decides WHAT to forget": str(self.watermark),
            "Checkpoint decides WHEN a batch is complete": f"_checkpoints/{folder}/<generation>; {self.sink}",
        }
