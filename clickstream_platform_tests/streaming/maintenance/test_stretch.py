"""A stretch that is rebuilt is what a whole rebuild makes of it, whatever was in it; nothing else changes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from deltalake import write_deltalake

from clickstream_platform.errors import CheckpointError, SettingsError
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.lake.delta import open_table
from clickstream_platform.streaming.lake.ledger import REBUILD, Amendment, versioned_lines
from clickstream_platform.streaming.lake.tables import TimeSpan
from clickstream_platform.streaming.maintenance.stretch import parse_ends, rebuild_stretch, require_stretch
from clickstream_platform.tables import tables
from clickstream_platform_tests.conftest import Lab, event

REMAKABLE = ("user_activity", "sessions", "purchases", "clickstream_aggregated")
NOON, TWO = (datetime(2024, 3, 1, hour, tzinfo=timezone.utc) for hour in (12, 14))
Row = dict[str, Any]


def test_what_cannot_be_rebuilt_in_stretches_says_why() -> None:
    contracts = tables(Settings())
    with pytest.raises(CheckpointError, match=r"which its state store alone knows; run `clickstream rebuild user_patt"):
        require_stretch(contracts["user_patterns"], NOON, TWO)
    with pytest.raises(CheckpointError, match="rebuild the tables that read it"):
        require_stretch(contracts["events"], NOON, TWO)
    with pytest.raises(SettingsError, match=r"to: 2024-03-01 12:00:00\+00:00 is not after"):
        parse_ends("2024-03-01T12:00:00Z", "2024-03-01T12:00:00Z", ("from", "to"))
    assert parse_ends("2024-03-01T12:00:00Z", "2024-03-01T14:00:00", ("from", "to")) == (NOON, TWO)
    assert (
        require_stretch(contracts["sessions"], NOON, TWO).until
        - require_stretch(contracts["sessions"], NOON, TWO).since
        == 7.2e9
    )


@pytest.fixture(scope="module")
def day(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A day of four visitors, some of whom never stop for half an hour."""
    lab, chance = Lab(spark, Settings(home=tmp_path_factory.mktemp("day") / "home")), Random(3)
    lab.only("events", *REMAKABLE)
    kinds = ("click", "purchase", "page_view")
    times = [(chance.choice("abc"), chance.randrange(8 * 3600, 20 * 3600)) for _ in range(150)]
    times += [("d", 9 * 3600 + minutes * 1200) for minutes in range(24)]  # one session of eight hours
    moments = ((user, datetime(2024, 3, 1, tzinfo=timezone.utc) + timedelta(seconds=at)) for user, at in times)
    lab.land(*(event(user, at.isoformat(), event_type=chance.choice(kinds)) for user, at in moments))
    lab.run()
    return lab


def rows_of(lab: Lab, name: str) -> list[Row]:
    rows = open_table(lab.lake.table(name).path).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def spoil(lab: Lab, name: str, chance: Random, stretch: TimeSpan, *, inside: bool) -> None:
    """Take rows away, double some, and put something else into some: of those that touch the stretch, or not."""
    contract, held = lab.contracts[name], open_table(lab.lake.table(name).path).to_pyarrow_table()
    whole = {*contract.key, *contract.span}
    other = next(c for c in contract.columns if c.name not in whole and c.type in ("bigint", "string"))
    wrong = {other.name: 10**6 if other.type == "bigint" else "spoilt"}
    spoilt: list[Row] = []
    for row in held.to_pylist():
        first, last = (row[each].timestamp() * 1e6 for each in (contract.span[0], contract.span[-1]))
        how = chance.randrange(4) if (first < stretch.until and last >= stretch.since) == inside else 3
        spoilt += [[], [row, row], [{**row, **wrong}], [row]][how]
    table = held.from_pylist(spoilt, schema=held.schema)
    write_deltalake(open_table(lab.lake.table(name).path), table, mode="overwrite", configuration=None)


@pytest.mark.parametrize("name", REMAKABLE)
def test_a_stretch_that_was_spoilt_is_as_if_all_was_rebuilt(day: Lab, name: str) -> None:
    table, right = day.contracts[name], rows_of(day, name)
    for seed, until in enumerate([TWO, NOON + timedelta(minutes=47)]):
        stretch = require_stretch(table, NOON, until)
        spoil(day, name, Random(seed), stretch, inside=True)
        assert rows_of(day, name) != right
        done, line = rebuild_stretch(table, stretch, day.spark, day.lake), newest_line(day, name)
        assert rows_of(day, name) == right
        assert (line.kind, line.added, line.removed) == (REBUILD, done.added, done.removed)
        assert done.added
        version = day.lake.table(name).version()
        assert rebuild_stretch(table, stretch, day.spark, day.lake).added == 0
        assert day.lake.table(name).version() == version
    day.assert_exact(name)


def newest_line(lab: Lab, name: str) -> Amendment:
    line = next(versioned_lines(lab.lake.table(name))).line
    assert isinstance(line, Amendment)
    return line


def test_what_lies_outside_of_the_stretch_stays_as_it_is(day: Lab) -> None:
    table, right = day.contracts["sessions"], rows_of(day, "sessions")
    stretch = require_stretch(table, NOON, TWO)
    spoil(day, "sessions", Random(5), stretch, inside=False)
    before = rows_of(day, "sessions")
    assert rebuild_stretch(table, stretch, day.spark, day.lake).added == 0
    assert rows_of(day, "sessions") == before
    rebuild_stretch(
        table, require_stretch(table, NOON - timedelta(days=1), TWO + timedelta(days=1)), day.spark, day.lake
    )
    assert rows_of(day, "sessions") == right


def test_a_row_that_was_put_elsewhere_comes_back_once(day: Lab) -> None:
    table, right = day.contracts["sessions"], rows_of(day, "sessions")
    held = open_table(day.lake.table("sessions").path).to_pyarrow_table()
    long = max(right, key=lambda row: row["session_end"] - row["session_start"])
    cut = [{**row, "session_end": row["session_start"]} if row == long else row for row in right]
    table_of = held.from_pylist(cut, schema=held.schema)
    write_deltalake(open_table(day.lake.table("sessions").path), table_of, mode="overwrite")
    rebuild_stretch(table, require_stretch(table, NOON, TWO), day.spark, day.lake)
    assert rows_of(day, "sessions") == right
