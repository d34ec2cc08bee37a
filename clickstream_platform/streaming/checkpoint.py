"""Checkpoint decides WHEN a batch is complete: ``offsets/<n>`` says it was planned, ``commits/<n>`` that it is done.

Plain Python over Spark's own text files, no JVM. A checkpoint alone does not complete a batch: a batch that was
killed between its Delta commit and ``commits/<n>`` is replayed, and the transaction in the Delta commit makes the
replay write nothing.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from clickstream_platform.errors import DamageError
from clickstream_platform.files import files_in, text_of, write_whole
from clickstream_platform.source_list import MAIN
from clickstream_platform.store.place import Place, is_on_store

BEGIN = "begin.json"
FINGERPRINT = "fingerprint.json"
INITIAL_WATERMARK = "initial_watermark_ms"


@dataclass(frozen=True)
class Planned:
    """What ``offsets/<n>`` holds of one micro-batch."""

    batch_id: int
    watermark_ms: int
    end: dict[str, Any] | None  # the source's own offset, end excluded; None: the source had nothing yet


@dataclass(frozen=True)
class StartingPoint:
    """What a run over Kafka wrote down before Spark planned anything.

    Attributes:
        end: where nothing is read yet, by topic and partition.
        topic_ids: the id of every topic that was ever read. A topic that is made again has another.
        left: of partitions that the source no longer has, by ``topic/number``: how far they were read.
    """

    end: dict[str, dict[str, int]]
    topic_ids: dict[str, str]
    left: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """One generation of a table's checkpoint, as files. It may not exist yet.

    Attributes:
        path: the folder.
        table: the table's name.
        generation: which life of the checkpoint.
        source: of ``events``, which has a checkpoint for each of its sources: the source's name.
    """

    path: Place
    table: str
    generation: int
    source: str = MAIN

    @property
    def app_id(self) -> str:
        """The application id of its batches' transactions."""
        return self.app_id_in(self.table)

    def app_id_in(self, table: str) -> str:
        """The application id of its batches' transactions in a side table.

        Source and generation are part of it, as batch ids start again at 0 with each.
        """
        return f"{table}/{self.generation}" if self.source == MAIN else f"{table}/{self.source}/{self.generation}"

    def fingerprint(self) -> dict[str, Any]:
        """The fingerprint that was written when the checkpoint began; empty if no run was admitted yet."""
        with self._translate_damage(FINGERPRINT):
            return json.loads(text_of(self.path / FINGERPRINT) or "{}")

    def source_identity(self) -> str:
        """The identity of the source that it was made for; empty if no run was admitted yet."""
        then = self.fingerprint()
        return then["source"] if then else ""

    @contextmanager
    def _translate_damage(self, file: str) -> Generator[None]:
        """Raise a DamageError if what is in a file of it cannot be taken for what was written there."""
        try:
            yield
        except (ValueError, LookupError, TypeError) as failed:
            whole = self.source == MAIN and self.table != "events"
            do = f"run `clickstream rebuild {self.table}`" if whole else "restore a backup, or say `clickstream reset`"
            raise DamageError(self.table, f"{self.path / file} is not as it was written", do) from failed

    def committed(self) -> int:
        """The newest completed batch id; -1 before the first."""
        return max(numbers_in(self.path / "commits"), default=-1)

    def planned(self) -> int:
        """The newest planned batch id; -1 before the first."""
        return max(numbers_in(self.path / "offsets"), default=-1)

    def plan(self, batch_id: int) -> Planned | None:
        """What was planned for a batch; None if it was not, or was cleaned up since (Spark keeps the newest 100)."""
        text = text_of(self.path / "offsets" / str(batch_id)) if batch_id >= 0 else None
        if text is None:
            return None
        with self._translate_damage(f"offsets/{batch_id}"):
            _, batch, *sources = text.splitlines()
            source = sources[0] if sources else "-"
            end = None if source == "-" else json.loads(source)
            return Planned(batch_id, json.loads(batch)["batchWatermarkMs"], end)

    def late_before_ms(self, batch_id: int) -> int:
        """What the state store goes by when it drops a late event in this batch: the previous batch's watermark."""
        previous = self.plan(batch_id - 1)
        return previous.watermark_ms if previous else 0

    def watermark_ms(self, committed: int | None = None) -> int | None:
        """The watermark after the newest completed batch; None before there is one (no batch, or no event seen).

        Args:
            committed: that batch, for who has looked it up.
        """
        committed = self.committed() if committed is None else committed
        if committed < 0:
            return None
        with self._translate_damage(f"commits/{committed}"):
            lines = (self.path / "commits" / str(committed)).read_text().splitlines()
            watermark = json.loads(lines[1]).get("nextBatchWatermarkMs", 0)
            return watermark or None

    def start(self, batch_id: int) -> dict[str, Any] | None:
        """The offset where a batch begins: the end of the one before; for the first, what was written down, or None."""
        previous = self.plan(batch_id - 1) if batch_id else self.starting_point()
        return previous.end if previous else None

    def starting_point(self) -> StartingPoint | None:
        """Where the first batch begins, if the source's starting offsets are written down."""
        text = text_of(self.path / BEGIN)
        with self._translate_damage(BEGIN):
            return None if text is None else StartingPoint(**json.loads(text))

    def write_starting_point(self, begun: StartingPoint) -> None:
        """Write down where the first batch begins, whole or not at all."""
        write_whole(self.path / BEGIN, json.dumps(asdict(begun)))

    def planned_by_spark(self) -> bool:
        """Whether Spark has written down where the source begins: it then ignores starting offsets of later starts."""
        return (self.path / "sources" / "0" / "0").exists()

    def initial_watermark_ms(self) -> int | None:
        """Event time up to which batch 0 handles events, in milliseconds since 1970; None if it is not written down."""
        text = text_of(self.path / INITIAL_WATERMARK)
        return None if text is None else int(text)

    def write_initial_watermark(self, to_ms: int) -> int:
        """Write the initial watermark down, whole or not at all, and return it."""
        write_whole(self.path / INITIAL_WATERMARK, str(to_ms))
        return to_ms

    def sweep(self) -> None:
        """Delete what a kill left of writing down the first plan: Spark begins only where there is nothing at all.

        The plan is written under a name that begins with a dot and then renamed; on a store it is put as a whole. The
        caller holds the table's lease.
        """
        if is_on_store(self.path):
            return
        files = files_in(self.path / "offsets")
        if not any(file.name.isdigit() for file in files):
            for file in files:
                if file.name.startswith("."):
                    file.unlink(missing_ok=True)

    def rebase(self) -> None:
        """Correct the whole paths by which Spark's state store names the files of its schemas.

        They are wrong once a lake was moved, copied or restored elsewhere. The caller holds the table's lease. Changes
        nothing where nothing was moved; if it is killed in between, the next run corrects the rest.
        """
        for file in sorted((self.path / "state").glob("*/_metadata/v2/*")):
            if not file.name.startswith("."):
                _rebase(file)


def _rebase(metadata: Place) -> None:
    """One file of an operator's: ``v2``, then a line of JSON."""
    version, line = metadata.read_text().split("\n", 1)
    content = json.loads(line)
    schemas = metadata.parent.parent.parent.absolute() / _SCHEMAS
    scheme = "" if is_on_store(schemas) else "file:"  # a place on a store says its own
    for info in content["stateStoreInfo"]:
        names = (path.rpartition(f"/{_SCHEMAS}/")[2] for path in info["stateSchemaFilePaths"])
        info["stateSchemaFilePaths"] = [f"{scheme}{schemas / name}" for name in names]
    if content == json.loads(line):
        return
    metadata.with_name(f".{metadata.name}.crc").unlink(missing_ok=True)  # first: Hadoop asks for it only if it is there
    write_whole(metadata, f"{version}\n{json.dumps(content, separators=(',', ':'))}")


_SCHEMAS = "_stateSchema"


def numbers_in(folder: Place) -> list[int]:
    """The numbers by which files or folders are named that lie in a folder."""
    return [int(file.name) for file in files_in(folder) if file.name.isdigit()]


def next_version(offset: dict[str, Any] | None) -> int:
    """The first version of ``events`` that a Delta offset has not read yet.

    Raises:
        ValueError: the offset ends inside a commit, which the engine never asks for.
    """
    if offset is None:
        return 0
    if offset["index"] >= 0:
        msg = f"the offset ends inside version {offset['reservoirVersion']} of events: {offset}"
        raise ValueError(msg)
    return offset["reservoirVersion"]
