"""Whether a table has its declared columns with the types that are declared now. Needs neither Spark nor a JVM."""

from __future__ import annotations

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.schema import DECLARED_AS
from clickstream_platform.streaming.contract.table import StreamingTable
from clickstream_platform.streaming.lake.places import Lake


def require_same_types(table: StreamingTable, lake: Lake) -> None:
    """Refuse a declared column that the table has with another type. Asks for no JVM.

    Raises:
        SettingsError: there is one.
    """
    held = lake.table(table.name)
    if not table.declared or not held.exists:
        return
    there = {field["name"]: field["metadata"].get(DECLARED_AS) for field in held.schema()["fields"]}
    for column in table.declared:
        if column.name in there and there[column.name] != column.declared_as:
            was = there[column.name] or "a column that no contract declared"
            finding = f"{table.name} has {column.name} as {was}, and it is declared as {column.declared_as} now"
            raise SettingsError("CLICKSTREAM_CONTRACT", finding, "set it back, or declare a column of another name")
