"""A table that is open already: what it answers while others write to it, replace it, or clean its log."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from clickstream_platform.simulator.counting import OWN, Request, count_requests
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials
from clickstream_platform.store.place import Place, StorePath
from clickstream_platform.streaming.lake import handles, writer
from clickstream_platform.streaming.lake.commit import Commit
from clickstream_platform.streaming.lake.delta import options_of, uri_of
from clickstream_platform.streaming.lake.store_lease import hold_on_store
from clickstream_platform.streaming.lake.tables import LakeTable
from clickstream_platform.streaming.lake.upkeep import clean_log, compact
from clickstream_platform_tests.on_store import place_on

ROW = pa.table({"key": ["a"]})
CHECKPOINT = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


def add(path: Place, batch: int | None = None) -> None:
    """Another process appends a row: by a handle of its own, of which this process knows nothing."""
    transaction = [Transaction("t/1", batch)] if batch is not None else None
    write_deltalake(
        uri_of(path),
        ROW,
        mode="append",
        storage_options=options_of(path),
        configuration={"delta.checkpointInterval": "10"},
        commit_properties=CommitProperties(app_transactions=transaction),
        post_commithook_properties=CHECKPOINT,
    )


def batch(number: int) -> Commit:
    return Commit("{}", ("t/1", number))


def append(path: Place, number: int) -> bool:
    return writer.append(iter(ROW.to_batches()), 1, path, batch(number))


@pytest.fixture
def table(tmp_path: Path) -> LakeTable:
    """A table in a folder, asked already."""
    table = LakeTable(tmp_path / "t")
    add(table.path, 0)
    assert (table.version(), table.rows()) == (0, 1)
    return table


def test_what_others_commit_is_seen_at_once(table: LakeTable) -> None:
    for number in range(1, 25):  # beyond two checkpoints
        add(table.path, number)

        assert (table.version(), table.rows(), table.transaction("t/1")) == (number, number + 1, number)
        assert [commit["version"] for commit in table.log.commits()] == [*range(number, -1, -1)]
    assert len(table.files(3)) == 4
    assert len(table.files()) == 25


def test_an_older_transaction_is_found_behind_commits_without_one(table: LakeTable) -> None:
    add(table.path)
    assert (table.transaction("t/1"), table.transaction("t/2")) == (0, None)


def test_a_table_that_was_replaced_answers_for_itself(table: LakeTable, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for number in range(3):
        add(other, number)
    assert table.files(0)

    (tmp_path / "t").rename(tmp_path / "aside")
    assert (table.exists, table.version(), table.rows()) == (False, None, 0)
    shutil.copytree(other, tmp_path / "t")

    assert (table.version(), table.rows(), table.transaction("t/1")) == (2, 3, 2)
    assert set(table.files(0)) == set(LakeTable(other).files(0))


def test_another_table_of_the_same_version_is_told_apart(table: LakeTable, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_deltalake(uri_of(other), pa.table({"key": ["b", "c"]}))

    (tmp_path / "t").rename(tmp_path / "aside")
    other.rename(tmp_path / "t")

    assert (table.version(), table.rows(), table.transaction("t/1")) == (0, 2, None)


@pytest.mark.parametrize("left", [(), (0,)], ids=["whole", "killed"])
def test_a_log_that_was_cleaned_hides_nothing(table: LakeTable, left: tuple[int, ...]) -> None:
    """Also not from a handle at the one commit that a cleaning has left which was killed."""
    for number in range(1, 23):
        add(table.path, number)
    for version in {*range(20)} - {*left}:
        (table.path / "_delta_log" / handles.commit_name(version)).unlink()

    assert (table.version(), table.rows()) == (22, 23)


def test_a_commit_of_its_own_is_known_and_a_batch_is_written_once(table: LakeTable) -> None:
    assert append(table.path, 1)
    assert not append(table.path, 1)
    assert (table.version(), table.transaction("t/1")) == (1, 1)

    add(table.path, 2)
    assert not append(table.path, 2)
    assert table.rows() == 3


def test_a_batch_that_another_commits_meanwhile_is_refused(table: LakeTable) -> None:
    def both() -> None:
        with handles.open_for_commit(table.path) as held:
            add(table.path, 1)
            write_deltalake(held.table, ROW, mode="append", commit_properties=batch(1).properties())

    with pytest.raises(CommitFailedError):
        both()

    assert (table.version(), table.rows()) == (1, 2)
    assert append(table.path, 2)


def test_upkeep_leaves_the_handle_where_the_table_is(table: LakeTable) -> None:
    for number in range(1, 12):
        append(table.path, number)

    assert compact(table.path, 1_000_000) == 12
    assert (len(table.files()), table.rows(), table.transaction("t/1")) == (1, 12, 11)
    assert len(table.files(11)) == 12
    clean_log(table.path, timedelta(0))
    assert (table.rows(), table.transaction("t/1"), table.version()) == (12, 11, DeltaTable(str(table.path)).version())


def test_one_that_is_not_there_is_not_there_until_it_is(tmp_path: Path) -> None:
    table = LakeTable(tmp_path / "t")
    assert (table.exists, table.version(), table.transaction("t/1"), [*table.log.commits()]) == (False, None, None, [])
    with pytest.raises(TableNotFoundError):
        table.files()

    add(table.path)

    assert (table.exists, table.rows()) == (True, 1)


@contextmanager
def counted(store: Seaweed, address: str) -> Generator[tuple[LakeTable, list[Request]]]:
    """A table on a store, asked already, and the requests that this process makes there."""
    with lend_credentials(store), count_requests(store.endpoint) as (endpoint, requests):
        table = LakeTable(place_on(endpoint, address) / "t")
        for number in range(3):
            add(table.path, number)
        assert (table.version(), table.transaction("t/1")) == (2, 2)
        requests.clear()
        yield table, requests


def asked(requests: list[Request]) -> list[str]:
    """What was asked, without what a lease is renewed by, which goes by the clock."""
    found = [each.kind for each in requests if not each.path.endswith("/lease")]
    assert {each.client for each in requests} <= {OWN}
    requests.clear()
    return found


def ask(table: LakeTable) -> None:
    """Six questions of a run."""
    assert (table.version(), table.rows(), table.transaction("t/1")) == (2, 3, 2)
    assert table.exists
    assert len(table.files()) == 3
    assert next(table.log.commits())["version"] == 2


def test_on_a_store_a_question_is_one_list_and_under_the_lease_none(store: Seaweed, place: str) -> None:
    with counted(store, place) as (table, requests):
        ask(table)
        assert asked(requests) == ["LIST"] * 6  # each would have found what others have committed

        root = table.path.parent
        assert isinstance(root, StorePath)
        with hold_on_store(root / "_checkpoints" / "t" / "lease", root, "t", {}, timedelta(0)):
            ask(table)
            assert asked(requests) == ["LIST"]  # what was known before there was a lease is not relied on
            assert append(table.path, 3)
            assert (table.version(), table.rows(), table.transaction("t/1")) == (3, 4, 3)
            # A look before and after, the row, its commit, what delta-rs asks around that, the commit read once.
            assert len(asked(requests)) <= 10
            assert len(table.files(3)) == 4
            assert asked(requests) == []

            add(table.path, 4)  # by whoever has taken the lease over, unnoticed
            requests.clear()
            assert not append(table.path, 4)
        assert (table.version(), table.rows()) == (4, 5)


def test_on_a_store_a_table_that_was_replaced_answers_for_itself(store: Seaweed, place: str) -> None:
    with counted(store, place) as (table, _):
        path = table.path
        assert isinstance(path, StorePath)
        path.move(path.parent / "aside")
        assert (table.exists, table.version()) == (False, None)

        for number in range(3):
            add(path, number + 10)

        assert (table.version(), table.transaction("t/1"), table.rows()) == (2, 12, 3)
        path.remove_all()
        for number in range(3):
            add(path, number + 20)
        assert (table.version(), table.transaction("t/1")) == (2, 22)
