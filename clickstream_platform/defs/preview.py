"""A few rows of a table to look at, without Spark, and without saying whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import dagster as dg
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from clickstream_platform.streaming.lake.tables import LakeTable, query_rows, timestamp_sql

ROWS = 10
LONGEST = 40  # characters: a page address with its parameters has no end
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PERSONAL = ("user_id", "ip_address")
HIDDEN = "***"
SHORT = 3  # characters: the first one of so few would say too much
WITHHELD = ("extra", "value", "inherited", "key", "headers")  # whatever a producer sent: nobody knows what is in there


def preview(table: LakeTable, newest_by: str) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """The newest rows by a time column. Reads the newest files only, as far as their times tell them apart."""
    held = table.open()
    try:
        rows = _newest(held, newest_by) if held else []
    except DeltaError as failed:  # the table is right, whether it can be shown here or not
        return dg.MetadataValue.md(f"no preview: {failed}")
    if not rows:
        return dg.MetadataValue.md("no rows yet")
    rows = [_in_sight(row, newest_by) for row in rows]
    return dg.MetadataValue.table([dg.TableRecord({k: _shown(v) for k, v in mask_row(row).items()}) for row in rows])


def _in_sight(row: Mapping[str, Any], newest_by: str) -> dict[str, Any]:
    """The time first, and last what is withheld: the right end of a wide table is out of sight."""
    withheld = {name: row[name] for name in WITHHELD if name in row}
    return {newest_by: row[newest_by], **{name: row[name] for name in row if name not in withheld}, **withheld}


def mask_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what tells a person: also where a page address or a session id repeats it."""
    secrets = [text for name in PERSONAL if (text := str(row.get(name) or ""))]
    return {name: _hidden(name, value, secrets) for name, value in row.items()}


def _hidden(name: str, value: Any, secrets: list[str]) -> Any:
    if value is None or name in WITHHELD:
        return value and HIDDEN
    if name in PERSONAL:
        return str(value)[0] + HIDDEN if len(str(value)) > SHORT else HIDDEN
    for secret in secrets:
        # What is as short as that is part of any text.
        value = value.replace(secret, HIDDEN) if isinstance(value, str) and len(secret) > SHORT else value
    return value


def _newest(held: DeltaTable, by: str) -> list[dict[str, Any]]:
    start = _start(held, by)
    if start is None:
        return []
    since = timestamp_sql((start - EPOCH) // timedelta(microseconds=1))
    query = f"select * from held where {by} >= {since} order by {by} desc limit {ROWS}"
    return query_rows(held, query)


def _start(held: DeltaTable, by: str) -> datetime | None:
    """A time that enough rows are not older than, by the statistics of the files; None if there are none."""
    files = held.get_add_actions(flatten=True)
    newest, oldest, rows = (files.column(name).to_pylist() for name in (f"max.{by}", f"min.{by}", "num_records"))
    spans = sorted((span for span in zip(newest, oldest, rows, strict=True) if span[0] is not None), reverse=True)
    enough = next((n for n in range(len(spans)) if sum(span[2] for span in spans[: n + 1]) >= ROWS), len(spans))
    return min((span[1] for span in spans[: enough + 1]), default=None)


def _shown(value: Any) -> str | int | float | bool | None:
    if isinstance(value, datetime | date):
        text = f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value.isoformat()
        return text.replace("-", "\u2011")  # a hyphen that does not break: Dagster makes columns narrow
    if value is None or isinstance(value, bool | int | float):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
