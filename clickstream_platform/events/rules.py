"""What makes a record an event, as plain data: what a contract says of it without Spark or Arrow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from clickstream_platform.events.masks import Masks

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from clickstream_platform.events.contract.model import Contract
    from clickstream_platform.events.mapping.model import Mapping
    from clickstream_platform.events.registry.model import Registry
    from clickstream_platform.events.timestamps import Unit


@dataclass(frozen=True)
class Rules:
    """What makes a record an event.

    Args:
        event_types: the accepted event types, case-sensitive; None: every name is one.
        future_tolerance: how far an event may lie ahead of its arrival.
        max_record_bytes: a longer record is rejected unread.
        mask_ip: what becomes of ``ip_address``: ``keep``; ``/24``, which leaves the network of an IPv4 address, 48 bits
            of an IPv6 one, and nothing of any other text; ``drop``.
        event_id_header: the header whose value is the event's id, before a field of the record; none if empty.
        timestamp_unit: how numbers are read as event times: see
            :func:`~clickstream_platform.events.timestamps.to_instants`.
        placeholder_ids: what becomes of a record with an id that is one of :data:`.schema.PLACEHOLDERS`, or a blank
            session_id or event_id: ``count`` accepts it and says so in ``has_placeholder``, ``reject`` rejects it as
            well.
        masks: which other fields, and which parameters of URLs, are dropped or hashed.
        mapping: where a producer has what ``events`` has columns for; without one, records are of our own shape.
        contract: the columns that the lake's owner declares beside those of ``EVENTS``.
        max_events_in_record: an envelope that holds more events is rejected as a whole.
        max_unpacked_bytes: one of which more than this is unpacked, too.
        own_paths: paths of the mapping, each with its column, of which a run says whether records have anything there.
        registry: has the schemas of records of Kafka that its serializers wrote; without one, such are rejected.
        duplicate_span: so long after an event another one of its id is a copy of it; None: only at the same time.
    """

    event_types: tuple[str, ...] | None
    future_tolerance: timedelta
    max_record_bytes: int
    mask_ip: str = "keep"
    event_id_header: str = ""
    timestamp_unit: Unit = "auto"
    placeholder_ids: Literal["count", "reject"] = "count"
    masks: Masks = field(default_factory=Masks)
    mapping: Mapping | None = None
    max_events_in_record: int = 10_000
    max_unpacked_bytes: int = 16_000_000
    contract: Contract | None = None
    own_paths: tuple[tuple[str, str], ...] = ()
    registry: Registry | None = None
    duplicate_span: timedelta | None = None

    @property
    def keeps_bytes(self) -> bool:
        """Whether bytes are kept as they came, and nothing is masked in them."""
        return not self.masks and self.mask_ip == "keep"

    @property
    def stops_at_unknown(self) -> bool:
        """Whether a schema that the registry does not know ends a run: asked for, or its record could not be kept."""
        unknown = self.registry.unknown if self.registry else "quarantine"
        return unknown == "stop" or (unknown == "auto" and not self.keeps_bytes)

    @property
    def replaying(self) -> Rules:
        """The rules for records that are in the lake already: an unknown schema does not stop the run."""
        return self if self.registry is None else replace(self, registry=replace(self.registry, unknown="quarantine"))

    def to_keep(self, events: pa.RecordBatch) -> pa.Array:
        """What of opened events :meth:`kept` is asked for: their bytes or, where these are masked, what they say."""
        from clickstream_platform.events.opening import bytes_to_read  # noqa: PLC0415 - as below

        return events["value"] if self.keeps_bytes else bytes_to_read(events)

    def kept(self, values: pa.Array, unopened: pa.Array | None = None) -> pa.Array:
        """Of the bytes of records, what may be written: see :meth:`.masking.Masking.kept`. Who keeps any asks here.

        Args:
            values: the bytes.
            unopened: why envelopes among them could not be opened, as :mod:`.opening` gives it. What is packed in these
                cannot be masked.
        """
        from clickstream_platform.events.masking import Masking  # noqa: PLC0415 - as below

        unpacks = self.mapping is not None and any(each.steps for each in self.mapping.envelope)
        packed = unopened.is_valid() if unopened is not None and unpacks else None
        return Masking(self.masks).kept(values, self.mask_ip, packed)

    def kept_inherited(self, inherited: pa.Array) -> pa.Array:
        """What may be kept of the JSON objects that events inherit from their envelopes."""
        import pyarrow as pa  # noqa: PLC0415 - as above

        if inherited.null_count == len(inherited):
            return inherited
        return self.kept(inherited.cast(pa.binary())).cast(pa.string())


@dataclass(frozen=True)
class Parse:
    """The query of ``events``: every event, or what was to be one, with its faults and its fields.

    A blank ``user_id``, ``session_id`` or ``event_id`` becomes null, other fields stay as sent. A rejected record's
    ``timestamp`` and ``event_date`` are null, so it cannot move a watermark. Its other fields are whatever could be
    read: see :func:`~clickstream_platform.events.json_record.read_json_record`.
    """

    rules: Rules

    @property
    def label(self) -> str:
        """The mapping's name and a hash of what it says, as the ledger has it; empty without one."""
        return self.rules.mapping.label if self.rules.mapping else ""

    @property
    def contract(self) -> str:
        """The contract's name and a hash of what it says; empty without one."""
        return self.rules.contract.label if self.rules.contract else ""

    @property
    def visitor_paths(self) -> tuple[str, ...]:
        """Where records have the ids of visitors, one of which became ``user_id``; none of our own shape."""
        return self.rules.mapping.column("user_id").paths if self.rules.mapping else ()

    @property
    def visitor_columns(self) -> tuple[str, ...]:
        """The declared columns that are taken from one of these paths."""
        columns = self.rules.contract.columns if self.rules.contract else ()
        return tuple(each.name for each in columns if {*each.paths} & {*self.visitor_paths})

    def __call__(self, raw: DataFrame) -> DataFrame:
        """What becomes of the rows of ``raw``, in a stream as in a batch; each action on it reads the JSON once.

        One row an event: a record that holds several is opened, unless ``raw`` has a column ``inherited`` that is not
        null: then it is an event of an envelope, with the ``index`` that is there.

        Columns: those of ``RAW``; ``index``, ``inherited`` and ``inside`` as :mod:`.opening` gives them; ``reasons``,
        empty if accepted; the other columns of ``EVENTS``; ``has_placeholder``; ``violations``: the rules of the
        contract that it breaks and is not rejected for; the declared columns; and ``passed_over``: why a record is no
        event and was not meant as one, null for all others.
        """
        from clickstream_platform.events.frames import parse_records  # noqa: PLC0415 - a contract is read far oftener than run

        return parse_records(raw, self.rules)
