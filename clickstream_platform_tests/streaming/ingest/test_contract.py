"""Declared columns through whole runs: a lake that gains them, resends of what came before, one that is given up."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.streaming.audit.books import newest_violations
from clickstream_platform.streaming.audit.validate import validate
from clickstream_platform.streaming.lake.ledger import Amendment, entries, ledger_lines
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab


def bought(minute: int, **fields: object) -> dict[str, object]:
    when = {"timestamp": f"2024-03-01T10:{minute:02}:00Z", "event_id": f"e-{minute}"}
    return {"user_id": "u", "event_type": "purchase", **when, **fields}


def with_contract(lab: Lab, contract: str) -> None:
    lab.contracts = tables(lab.settings.model_copy(update={"contract": contract}))
    lab.only("events", "purchases")


@pytest.mark.spark
def test_a_lake_gains_declared_columns_and_every_record_is_accounted_for(lab: Lab, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[columns.amount]\ntype = "decimal(18,4)"\nmin = 0\nseverity = "reject"\n'
        '[columns.currency]\ntype = "text"\none_of = ["EUR", "USD"]\n'
    )
    lab.only("events", "purchases")
    lab.land(bought(0, amount="9.90", currency="EUR", more=1), name="a.json")
    lab.run()

    with_contract(lab, str(mine))
    lab.land(
        bought(0, amount="9.90", currency="EUR", more=1),  # the same as before, which has it in `extra`
        bought(0, amount="9.91", currency="EUR", more=1),  # not the same
        bought(1, amount=12.5, currency="EUR"),
        bought(1, amount=12.5, currency="EUR"),
        bought(1, amount=12.6, currency="EUR"),  # differs in a declared column alone
        bought(2, amount=-1, currency="GBP"),
        bought(3, amount=1, currency="GBP"),
        name="b.json",
    )
    lab.run()
    entry = next(entries(lab.lake.events))
    assert (entry.rows_out, entry.copies.duplicates, entry.records.quarantined) == (2, 2, 3)
    assert entry.records.reasons == {"conflicting_duplicate": 2, "contract:amount:range": 1}
    assert newest_violations(lab.lake) == {"contract:currency:one_of": 1}
    assert entry.declared.contract.startswith("mine ")
    rows = lab.table("events").orderBy("timestamp").collect()
    assert [(row.amount, row.currency) for row in rows] == [
        (None, None),
        (Decimal("12.5000"), "EUR"),
        (Decimal("1.0000"), "GBP"),
    ]
    assert [row.extra for row in rows] == ['{"amount":"9.90","currency":"EUR","more":1}', None, None]

    mine.write_text(mine.read_text().replace("min = 0", "min = -5"))  # and what was rejected comes in
    with_contract(lab, str(mine))
    assert replay(lab.contracts["events"], lab.spark, lab.lake, "contract:amount:range").accepted == 1

    replayed = next(line for line in ledger_lines(lab.lake.events) if isinstance(line, Amendment))
    assert replayed.violations == {"contract:currency:one_of": 1}

    mine.write_text('[columns.amount]\ntype = "text"\n')
    with_contract(lab, str(mine))
    lab.land(bought(4, amount=7), name="c.json")
    with pytest.raises(SettingsError, match=r"amount as decimal\(18,4\), and it is declared as text"):
        lab.run()

    with_contract(lab, "")  # a column that is given up stays, and new values are in `extra` again
    lab.run()
    rows = lab.table("events").orderBy("timestamp").collect()
    assert [row.amount for row in rows] == [None, Decimal("12.5000"), Decimal("-1.0000"), Decimal("1.0000"), None]
    assert rows[-1].extra == '{"amount":7}'
    lab.assert_exact()
    conservation = next(r for r in validate(lab.contracts["events"], lab.spark, lab.lake) if r.name == "conservation")
    assert conservation.found == "the ledger balances"
