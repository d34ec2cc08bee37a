"""What the commits of a Delta table say, one by one, from the files of its log. No JVM; some milliseconds a call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote

from clickstream_platform.errors import CheckpointError
from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake import handles
from clickstream_platform.streaming.lake.actions import AddedFile, files_added_by, is_read_by_others
from clickstream_platform.streaming.lake.delta import data_file_paths


class FileChanges(NamedTuple):
    """The data files, relative to their table, by which one version differs from an older one."""

    added: frozenset[str]
    removed: frozenset[str]


@dataclass(frozen=True)
class DeltaLog:
    """The log of one Delta table, which may not exist yet. Each question is answered by the log as it is then."""

    path: Place

    def added_files(self, start: int, end: int) -> Iterator[AddedFile]:
        """The data files that the commits ``start`` to ``end`` (both included) added as new data.

        A commit that only rewrites what was there (compaction, erasure) adds none, as for a stream with
        ``skipChangeCommits``.

        Raises:
            CheckpointError: the log of a version is gone; the table was down for longer than the log is kept.
        """
        for version in range(start, end + 1):
            yield from files_added_by(self._commit(version))

    def changed_files(self, before: int, after: int) -> FileChanges:
        """The data files that a version has and an older one had not, and the other way round.

        Whoever made the commits in between, and for whatever reason: a row that only the newer version has lies in one
        of those added. Reads these commits alone; of version -1, the empty table, none.

        Raises:
            CheckpointError: the log of a version is gone.
        """
        if before < 0:
            return FileChanges(frozenset(files_at(self.path, after)), frozenset())
        added, removed = set[str](), set[str]()
        for action in (each for version in range(before + 1, after + 1) for each in self._commit(version)):
            if "add" in action:
                added.add(unquote(action["add"]["path"]))
            elif "remove" in action:
                path = unquote(action["remove"]["path"])
                removed |= {path} - added
                added -= {path}
        return FileChanges(frozenset(added), frozenset(removed))

    def commit_id(self, version: int) -> str | None:
        """What tells the commit of a version from any other of that number, of a table that was restored, say.

        None if its log is gone. Version -1, before the first commit, is always the same.
        """
        try:
            return hashlib.sha256(self._log(version).read_bytes()).hexdigest()[:16] if version >= 0 else ""
        except FileNotFoundError:
            return None

    def same_rows_until(self, version: int) -> int:
        """The newest version up to which no commit has added rows, nor has an event given way to an earlier copy.

        Compaction and erasure are stepped over.

        Raises:
            CheckpointError: the log of a version is gone.
        """
        newest = self._newest_version()
        while version < newest and not is_read_by_others(self._commit(version + 1)):
            version += 1
        return version

    def committed_at(self, version: int) -> datetime | None:
        """When a version was committed; None if it was not yet.

        Raises:
            CheckpointError: the log of the version is gone.
        """
        if version > self._newest_version():
            return None
        info = next(action["commitInfo"] for action in self._commit(version) if "commitInfo" in action)
        return datetime.fromtimestamp(info["timestamp"] / 1000, timezone.utc)

    def commits(self, after: int = -1) -> Iterator[dict[str, Any]]:
        """The commits above a version as Delta describes them, each with its ``version``, newest first.

        As far as the log goes back. Lazy: reads what is asked for.
        """
        newest, newest_info = self._newest()
        for version in range(newest, after, -1):
            info = newest_info if version == newest else self._info(version)
            if info is None:
                return
            yield {**info, "version": version}

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The newest commits, or all that the log has, as :meth:`commits` gives them."""
        return list(islice(self.commits(), limit))

    def _log(self, version: int) -> Place:
        return self.path / "_delta_log" / handles.commit_name(version)

    def _commit(self, version: int) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in self._log(version).read_text().splitlines() if line]
        except FileNotFoundError as gone:
            finding = f"the log of version {version} is gone"
            raise CheckpointError(
                self.path.name, finding, "run `clickstream rebuild` for the tables that read it"
            ) from gone

    def _info(self, version: int) -> dict[str, Any] | None:
        """What a commit says of itself; None if its log is gone."""
        try:
            with self._log(version).open() as log:
                return next((json.loads(line)["commitInfo"] for line in log if line.startswith('{"commitInfo"')), {})
        except FileNotFoundError:
            return None

    def _newest(self) -> tuple[int, dict[str, Any] | None]:
        """The newest version, and what its commit says of itself; -1 if there is no table."""
        with handles.newest_handle(self.path) as handle:
            return (handle.table.version(), handle.info()) if handle else (-1, None)

    def _newest_version(self) -> int:
        """0, too, if there is no table."""
        with handles.newest_handle(self.path) as handle:
            return handle.table.version() if handle else 0


def files_at(path: Place, version: int | None) -> list[str]:
    """The data files that make up a table, now or at a version, relative to it."""
    with handles.table_at_version(path, version) as table:
        return data_file_paths(table)
