"""What a batch of ``events`` has committed that was killed between its commits: the rest of it has to fit to that."""

from __future__ import annotations

from clickstream_platform.errors import CheckpointError
from clickstream_platform.events.schema import Reason
from clickstream_platform.streaming.checkpoint import Checkpoint
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake import generations
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import entries
from clickstream_platform.streaming.lake.places import Lake


def begun(table: StreamingTable, lake: Lake, checkpoint: Checkpoint) -> Entry | None:
    """What a batch says of itself that is in a side table and not in the table; None if there is no such batch.

    Args:
        table: the contract of ``events``.
        lake: where the tables lie.
        checkpoint: that plans the batch.
    """
    beside = table.names[1:]
    batch_id = generations.half_committed(lake, table.name, beside, [checkpoint.source]).get(checkpoint.source)
    if batch_id is None:
        return None
    place = (checkpoint.source, checkpoint.generation, batch_id)
    made = (each for name in beside for each in entries(lake.table(name)))
    return next((each for each in made if (each.source, each.generation, each.batch_id) == place), None)


def require_as_rejected(now: Entry, then: Entry) -> None:
    """Refuse a batch that would reject records which it has not rejected when it was begun: they would be in no table.

    Args:
        now: what the ledger is to say of it.
        then: what it said when its rejected records were committed.

    Raises:
        CheckpointError: it would reject others, as the settings have changed.
    """
    if not then.records.quarantined:
        return
    before = then.records.reasons
    more = {name: n for name, n in now.records.reasons.items() if n > before.get(name, 0)}
    more.pop(Reason.CONFLICTING_DUPLICATE.value, None)  # decided by what is stored, not by a setting
    if more:
        said = ", ".join(f"{n} as {name} (then {before.get(name, 0)})" for name, n in sorted(more.items()))
        finding = f"batch {now.batch_id} was killed when it had committed what it rejects, and would now reject {said}"
        remedy = "what makes a record an event has changed meanwhile, settings or a file: set it back for one run"
        raise CheckpointError(now.title, finding, remedy)
