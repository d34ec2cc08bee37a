"""What a commit of a Delta table carries, and whether it is in the table."""

from __future__ import annotations

from dataclasses import dataclass

from deltalake import CommitProperties, Transaction

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.handles import Handle
from clickstream_platform.streaming.lake.tables import LakeTable


@dataclass(frozen=True)
class Commit:
    """What a commit carries: its line of the ledger and, for a batch, the transaction (application id, batch id).

    Of a fill, which delta-rs always writes, the transactions that count it (:mod:`.fills`); of events that give way,
    the one that says so. Nobody asks whether these are there before they are written.
    """

    line: str
    transaction: tuple[str, int] | None = None
    marks: tuple[tuple[str, int], ...] = ()

    def options(self) -> dict[str, str]:
        """Ledger line and transaction as options of Spark's writer, which writes a transaction once."""
        if self.transaction is None:
            return {"userMetadata": self.line}
        app_id, batch_id = self.transaction
        return {"userMetadata": self.line, "txnAppId": app_id, "txnVersion": str(batch_id)}

    def properties(self) -> CommitProperties:
        """Ledger line and transaction as delta-rs takes them, which writes a transaction as often as it is told."""
        transactions = [Transaction(*each) for each in (self.transaction, *self.marks) if each]
        return CommitProperties(custom_metadata={"userMetadata": self.line}, app_transactions=transactions)

    def is_in(self, table: Handle) -> bool:
        """Whether the transaction is in the table already."""
        if self.transaction is None:
            return False
        app_id, batch_id = self.transaction
        last = table.transaction(app_id)
        return last is not None and last >= batch_id

    def is_newest_of(self, path: Place) -> bool:
        """Whether one of the newest commits of a table carries this line: it names the run, so it is this commit."""
        return any(each.get("userMetadata") == self.line for each in LakeTable(path).log.history(10))
