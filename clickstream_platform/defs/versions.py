"""What Dagster compares to say whether an asset is in sync: versions of what a table holds, and of what it has read."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from clickstream_platform.defs.keys import input_keys
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.lake.ledger import Amendment, VersionedLine, last_entry, versioned_lines
from clickstream_platform.streaming.lake.places import Lake

# The tags that a step of Dagster's own gives a materialization, and that every other one has to bring along.
CODE_VERSION, DATA_VERSION = "dagster/code_version", "dagster/data_version"
OWN_DATA_VERSION = "dagster/data_version_is_user_provided"
INPUT_VERSION, INPUT_POINTER = "dagster/input_data_version", "dagster/input_event_pointer"
NO_POINTER = "NULL"
UNVERSIONED = "INITIAL"  # Dagster's word for an asset whose data version nobody said: the source
EMPTY = "empty"  # nothing has ever been committed


def data_version(lake: Lake, name: str) -> str:
    """The version of the last commit that changed a row: a run without news moves nothing downstream."""
    return next((str(each.version) for each in versioned_lines(lake.table(name)) if _has_news(each.line, name)), EMPTY)


def input_versions(table: StreamingTable, lake: Lake) -> dict[dg.AssetKey, str]:
    """The data version of what a table has read, by its asset.

    Of ``events`` that is the version its last batch has read. Later commits that brought no rows count as read.
    """
    if not table.derived:
        return dict.fromkeys(input_keys(table), UNVERSIONED)
    (key,) = input_keys(table)
    entry = last_entry(lake.table(table.name))
    return {key: _read(lake, key.path[-1], entry.events_version if entry else -1)}


def tags(
    code_version: str, version: str, inputs: Mapping[dg.AssetKey, str], instance: dg.DagsterInstance
) -> dict[str, str]:
    """The tags by which Dagster knows what a materialization was made by, what it is, and what it was made of."""
    of_run = {CODE_VERSION: code_version, DATA_VERSION: version, OWN_DATA_VERSION: "true"}
    for key, read in inputs.items():
        name = key.to_user_string()
        of_run[f"{INPUT_VERSION}/{name}"] = read
        of_run[f"{INPUT_POINTER}/{name}"] = _pointer(instance, key, read)
    return of_run


def _pointer(instance: dg.DagsterInstance, key: dg.AssetKey, version: str) -> str:
    """The event of the instance that told of a version, if it is the newest one of its asset."""
    record = instance.get_latest_data_version_record(key)
    newest = record and (record.event_log_entry.tags or {}).get(DATA_VERSION, UNVERSIONED)
    return str(record.storage_id) if record and newest == version else NO_POINTER


def _read(lake: Lake, name: str, until: int) -> str:
    unread: list[VersionedLine] = []
    for each in versioned_lines(lake.table(name)):
        if each.version <= until and _has_news(each.line, name):
            return str(_last_without_rows(unread) or each.version)
        if each.version > until:
            unread.insert(0, each)
    return str(_last_without_rows(unread) or EMPTY)


def _last_without_rows(unread: list[VersionedLine]) -> int | None:
    """The newest version before the first one that has something to read; None if the first already does."""
    version = None
    for each in unread:
        if (each.line.added if isinstance(each.line, Amendment) else each.line.rows_out) > 0:
            break
        version = each.version if _has_news(each.line, each.line.table) else version
    return version


def _has_news(line: Entry | Amendment, name: str) -> bool:
    is_beside = line.table != name  # a side table's commits carry the entries of the batches that they belong to
    return isinstance(line, Amendment) or line.batch_id == 0 or line.rows_out > 0 or is_beside
