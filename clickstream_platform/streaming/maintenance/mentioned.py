"""Which of the records that are kept with their bytes mention a person, as far as anybody can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

from clickstream_platform.events.mapping.envelopes import Limits, inspect_envelope
from clickstream_platform.events.registry.framing import decode_record
from clickstream_platform.events.schema import PLACE
from clickstream_platform.events.subject import Mention, find_mention

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from clickstream_platform.events.mapping.model import Mapping
    from clickstream_platform.events.rules import Rules

ROW_OF_COPIES = (*PLACE, "left_out_by")  # tells the rows of `copies` apart


@dataclass
class MentionSearch:
    """Which records mention some persons.

    Attributes:
        users: their ids.
        rules: by which records are read: decoded by the schemas of a registry, opened by a mapping.
        unsearchable: whether a record counts of which that cannot be told.
        unsearched: the others of these, by why, of the tables that were searched.
    """

    users: Sequence[str]
    rules: Sequence[Rules]
    unsearchable: bool
    unsearched: Counter[str] = field(default_factory=Counter[str])

    def records(self, quarantine: DataFrame) -> DataFrame:
        """The ``record_id`` of every record to be deleted, each once."""
        inherited = F.col("inherited") if "inherited" in quarantine.columns else F.lit(None).cast("string")
        headers = F.col("headers.value").alias("headers")
        return self._ids_to_delete(
            quarantine.select("record_id", "source", "value", "key", headers, inherited.alias("inherited"))
        )

    def copies(self, copies: DataFrame) -> DataFrame:
        """The rows of ``copies`` whose bytes are to be deleted. Their keys and headers are like those in ``events``."""
        name = F.to_json(F.struct(*ROW_OF_COPIES)).alias("record_id")
        none = F.lit(None).cast("binary").alias("key"), F.array().cast("array<binary>").alias("headers")
        kept = copies.where("value IS NOT NULL").select(name, "source", "value", *none, "inherited")
        return copies.join(self._ids_to_delete(kept), name == F.col("record_id"), "left_semi")

    def _ids_to_delete(self, kept: DataFrame) -> DataFrame:
        look = partial(_verdicts, users=self.users, rules=self.rules)
        verdicts = kept.mapInArrow(look, "record_id string, verdict string, why string")
        rows = verdicts.where("verdict <> 'no'").collect()
        ids = {row["record_id"] for row in rows if row["verdict"] == "yes" or self.unsearchable}
        self.unsearched = self.unsearched + Counter(row["why"] for row in rows if row["record_id"] not in ids)
        return kept.sparkSession.createDataFrame([(each,) for each in sorted(ids)], "record_id string")


def _verdicts(
    batches: Iterator[pa.RecordBatch], users: Sequence[str], rules: Sequence[Rules]
) -> Iterator[pa.RecordBatch]:
    """The strongest verdict on each record: of its bytes, what is packed in them, its key and its headers."""
    strength, mappings = ("no", "unknown", "yes").index, _mappings(rules)
    for batch in batches:
        mentions = [
            max(
                (
                    *(find_mention(part, users) for part in (row["value"], row["key"], *(row["headers"] or ()))),
                    *_packed(row, users, mappings),
                ),
                key=lambda mention: strength(mention.verdict),
            )
            for row in (each | {"value": _decoded(each, rules)} for each in batch.to_pylist())
        ]
        verdicts, reasons = [each.verdict for each in mentions], [each.why for each in mentions]
        yield pa.RecordBatch.from_pydict({"record_id": batch["record_id"], "verdict": verdicts, "why": reasons})


def _decoded(row: dict[str, Any], rules: Sequence[Rules]) -> bytes | None:
    """What a record says; its own bytes, if they are not to be decoded, or cannot be."""
    texts = (decode_record(row["value"], row["source"], each).text for each in rules if row["inherited"] is None)
    return next((text for text in texts if text is not None), row["value"])


def _packed(row: dict[str, Any], users: Sequence[str], mappings: Sequence[tuple[Mapping, Limits]]) -> Iterator[Mention]:
    """What an envelope says that was not opened, and what an event has from one that was."""
    if row["inherited"] is not None:
        yield find_mention(row["inherited"].encode(), users)
        return
    for mapping, limits in mappings:
        contents = inspect_envelope(row["value"] or b"", mapping, limits)
        yield from (find_mention(part, users) for part in contents.parts)
        if not contents.is_whole:
            yield Mention("unknown", "it is packed, and cannot be unpacked to its end")


def _mappings(rules: Sequence[Rules]) -> list[tuple[Mapping, Limits]]:
    """The mappings that have envelopes, each with what one record may hold."""
    return [
        (each.mapping, Limits(each.max_events_in_record, each.max_unpacked_bytes))
        for each in rules
        if each.mapping and each.mapping.envelope
    ]
