"""The lines of a ledger that have left Delta's log: plain files under ``_ledger/<table>/``, each with a note."""

from __future__ import annotations

import json
from collections.abc import Iterable

from clickstream_platform.files import write_whole
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import Amendment, parse_line, roll_up_files, roll_up_folder
from clickstream_platform.streaming.lake.tables import LakeTable

_NOTE = ".refused.json"  # beside a roll-up: the files that its batches refused whole


def roll_up(table: LakeTable) -> int:
    """Copy the lines that only Delta's log has into a file of their own, so that the log may be cleaned.

    The file appears whole, under the newest version it covers, or not at all. Returns the number of lines.
    """
    last = max((int(file.stem) for file in roll_up_files(table)), default=-1)
    commits = list(table.log.commits(last))
    if not commits:
        return 0
    lines = [c for c in reversed(commits) if parse_line(c.get("userMetadata"))]
    text = "".join(f"{commit['version']} {commit['userMetadata']}\n" for commit in lines)
    file = roll_up_folder(table) / f"{commits[0]['version']:020d}.txt"
    # The note first: a roll-up that appears has its own.
    write_whole(file.with_suffix(_NOTE), json.dumps(_refused(parse_line(c.get("userMetadata")) for c in lines)))
    write_whole(file, text)
    return len(lines)


def refused_files(table: LakeTable) -> dict[str, str]:
    """The files that were refused whole, by path, with what was found, oldest first.

    Reads the log since the newest roll-up. Each roll-up has a note of its own; without it, it is read itself.
    """
    rolled_up = roll_up_files(table)
    refused = {path: fault for file in rolled_up for path, fault in _noted_refusals(file).items()}
    last = int(rolled_up[-1].stem) if rolled_up else -1
    lines = [parse_line(commit.get("userMetadata")) for commit in table.log.commits(after=last)]
    return refused | _refused(reversed(lines))


def _noted_refusals(roll_up: Place) -> dict[str, str]:
    note = roll_up.with_suffix(_NOTE)
    if note.exists():
        return json.loads(note.read_text())
    return _refused(parse_line(text.partition(" ")[2]) for text in roll_up.read_text().splitlines())


def _refused(lines: Iterable[Entry | Amendment | None]) -> dict[str, str]:
    return {path: fault for line in lines if isinstance(line, Entry) for path, fault in line.refused().items()}
