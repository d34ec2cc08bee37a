"""A few rows of a table to look at, without Spark, and without saying whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import dagster as dg
from deltalake import DeltaTable, QueryBuilder

from clickstream_platform.streaming.lake import LakeTable

ROWS = 10
LONGEST = 80  # characters: a page address with its parameters has no end
PERSONAL = ("user_id", "ip_address")
HIDDEN = "***"
SHORT = 3  # characters: the first one of so few would say too much
WITHHELD = ("extra", "value")  # whatever a producer sent: nobody knows what is in there


def preview(table: LakeTable, newest_by: str) -> dg.TableMetadataValue | dg.MarkdownMetadataValue:
    """Rows of the file whose ``newest_by`` column reaches furthest, newest first.

    Reads that file, and those that overlap it in time.
    """
    held = table.open()
    rows = _newest(held, newest_by) if held else []
    if not rows:
        return dg.MetadataValue.md("no rows yet")
    return dg.MetadataValue.table([dg.TableRecord({k: _shown(v) for k, v in masked(row).items()}) for row in rows])


def masked(row: Mapping[str, Any]) -> dict[str, Any]:
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
    files = held.get_add_actions(flatten=True)
    spans = zip(files.column(f"max.{by}").to_pylist(), files.column(f"min.{by}").to_pylist(), strict=True)
    _, start = max((span for span in spans if span[0] is not None), default=(None, None))
    if start is None:
        return []
    query = f"select * from held where {by} >= timestamp '{start.isoformat()}' order by {by} desc limit {ROWS}"
    found = QueryBuilder().register("held", held).execute(query).read_all()
    columns = {name: found.column(name).to_pylist() for name in found.schema.names}
    return [{name: values[i] for name, values in columns.items()} for i in range(found.num_rows)]


def _shown(value: Any) -> str | int | float | bool | None:
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ", timespec="seconds") if isinstance(value, datetime) else value.isoformat()
    if value is None or isinstance(value, bool | int | float):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
