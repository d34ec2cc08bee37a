"""A landing folder against what is booked of it: each way in which they can contradict each other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from clickstream_platform.streaming.lake.entry import Account, Entry
from clickstream_platform.streaming.sources.files.recount import Plans, recount_files
from clickstream_platform.streaming.sources.recount import Recount, VanishedInput


def entry(
    files: dict[str, list[int]], *, batch: int = 0, refused: dict[str, str] | None = None, rows: int = -1
) -> Entry:
    """A batch that has read some files; ``rows`` only where it does not name them."""
    rows_in = rows if rows >= 0 else sum(records for _, records in files.values())
    return Entry(
        table="events", generation=1, batch_id=batch, run_id="r", start={"logOffset": batch - 1} if batch else None,
        end={"logOffset": batch}, events_version=-1, rows_in=rows_in, rows_out=rows_in, late_rows=0, revisions=0,
        late_before_ms=0, committed_at_ms=batch, duration_ms=0, account=Account(files, refused or {}),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def land(folder: Path, name: str, text: str = "{}\n{}\n") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def of(
    folder: Path, *entries: Entry, committed: Iterable[str] = (), by_spark: dict[int, list[str]] | None = None
) -> Recount:
    named = {name for each in entries for name in each.account.files}
    return recount_files(folder, Plans(frozenset({*named, *committed}), by_spark or {}), entries)


def test_a_folder_that_is_as_it_was_booked_has_no_contradiction(folder: Path) -> None:
    land(folder, "a.json")
    land(folder, "b/ü #%.json")
    assert of(folder, entry({"a.json": [6, 2], "b/ü #%.json": [6, 2]})) == Recount("files", 2, 12, 4)


def test_another_size_and_another_count_are_named_with_what_was_booked(folder: Path) -> None:
    land(folder, "a.json")
    assert of(folder, entry({"a.json": [5, 1]})).errors == (
        "a.json has 6 bytes, booked are 5",
        "a.json holds 2 records, booked are 1",
    )


def test_a_file_that_a_committed_batch_read_and_no_entry_names_is_an_error(folder: Path) -> None:
    land(folder, "a.json")
    assert of(folder, committed={"a.json"}).errors == (
        "a.json: 6 bytes and 2 records that no entry accounts for, though a committed batch has read the file",
    )


def test_a_file_that_is_not_read_yet_is_listed_and_one_whose_name_marks_it_as_unfinished_is_named(folder: Path) -> None:
    for name in ("a.json", ".hidden", "_unfinished/a.json", "b._COPYING_", "b.Tmp"):
        land(folder, name)
    (folder / "_SUCCESS").touch()
    note = "not counted, as their names mark them as unfinished: .hidden, _unfinished, b.Tmp (in all 4)"
    assert of(folder) == Recount("files", unread={"a.json": 6}, notes=(note,))


def test_a_deleted_file_is_not_checkable(folder: Path) -> None:
    assert of(folder, entry({"a.json": [6, 2]})).gone == (VanishedInput("a.json", 6, 2, "the file is gone"),)


def test_a_refused_file_that_can_be_read_now_is_named_and_one_that_cannot_is_not(folder: Path) -> None:
    land(folder, "mended.json")
    (folder / "cut.gz").write_bytes(b"\x1f\x8b\x08")
    refused = {"mended.json": "permission denied", "cut.gz": "gzip: cut off"}
    found = of(folder, entry({"mended.json": [6, 0], "cut.gz": [3, 0]}, refused=refused))
    assert (found.checked, found.records) == (2, 0)  # as many as were read
    assert found.notes == (
        "mended.json: it was refused (permission denied) and can be read now: 2 records;"
        " land it again under another name",
    )
    assert not found.errors


DOCUMENTS = ["<!DOCTYPE html>\n<p>", "HTTP/1.1 403 Forbidden\nA: b\n", "Received: a\nFrom: b\n", "-- MySQL dump\nx\n"]


@pytest.mark.parametrize(
    "text", [*DOCUMENTS, "---\na: b\n", "# mine\n[a]\nb = 1\n", "#!/bin/sh\ntrue\n", "/*!40101 SET\n"]
)
def test_a_document_that_was_refused_cannot_be_read_now_either(folder: Path, text: str) -> None:
    land(folder, "a.json", text)
    assert of(folder, entry({}, refused={"a.json": "no records: it begins like one"})).notes == ()


def test_a_read_file_that_cannot_be_read_any_more_is_an_error(folder: Path) -> None:
    (folder / "a.gz").write_bytes(b"\x1f\x8b\x08")
    assert "cannot be read" in of(folder, entry({"a.gz": [3, 2]})).errors[0]


def test_what_is_booked_twice_is_an_error_under_one_name_or_two(folder: Path) -> None:
    land(folder, "a.json")
    (folder / "b.json").hardlink_to(folder / "a.json")
    found = of(folder, entry({"a.json": [6, 2]}), entry({"a.json": [6, 2], "b.json": [6, 2]}, batch=1))
    assert found.errors == (
        "a.json is booked twice: in batch 0 and 1",
        "a.json and b.json are one file, and both are booked",
    )


def test_links_and_loops_lead_to_no_other_file(folder: Path) -> None:
    land(folder, "b/a.json")
    (folder / "b" / "loop").symlink_to(folder)
    (folder / "a").symlink_to(folder / "b")
    (folder / "up").symlink_to(folder.parent)
    (folder / "nothing").symlink_to(folder / "missing")
    os.mkfifo(folder / "pipe")
    assert of(folder, entry({"b/a.json": [6, 2]})) == Recount("files", 1, 6, 2)


def test_a_batch_of_before_the_ledger_named_files_is_compared_as_a_whole(folder: Path) -> None:
    land(folder, "a.json")
    land(folder, "b.json")
    by_spark = {0: ["a.json"], 1: ["b.json"]}
    right, wrong = entry({}, rows=2), entry({}, batch=1, rows=3)
    found = of(folder, right, wrong, committed={"a.json", "b.json"}, by_spark=by_spark)
    assert found.errors == ("batch 1, of 1 file: they hold 2 records, booked are 3",)
    (folder / "b.json").unlink()
    found = of(folder, right, wrong, committed={"a.json", "b.json"}, by_spark=by_spark)
    assert [(gone.what, gone.records) for gone in found.gone] == [("batch 1, of 1 file", 3)]
    assert not found.errors


def test_a_file_that_such_a_batch_refused_is_accounted_for(folder: Path) -> None:
    (folder / "cut.gz").write_bytes(b"\x1f\x8b\x08")
    found = of(folder, entry({}, refused={"cut.gz": "cut off"}), committed=["cut.gz"], by_spark={0: ["cut.gz"]})
    assert (found.errors, found.unread) == ((), {})
