"""What was taken: purchases added up by the hour and the currency, as a statement of DuckDB over ``purchases``."""

from __future__ import annotations

from collections.abc import Mapping

# Types of `amount` that are added to the last digit. A contract may declare it as something else.
_EXACT = ("DECIMAL", "BIGINT")


def revenue(columns: Mapping[str, str]) -> str | None:
    """The statement, for the columns that ``purchases`` has; None if these do not tell a revenue.

    One row per hour (UTC) and currency; amounts of two currencies are never added, and of purchases without a currency
    none is. Every purchase is counted in one row: ``without_amount`` says how many of them add nothing.

    Args:
        columns: of ``purchases``, with their types in DuckDB's words.
    """
    if not columns.get("amount", "").upper().startswith(_EXACT) or columns.get("currency") != "VARCHAR":
        return None
    more = "".join(
        f", {sums} AS {name}"
        for of, sums, name in (
            ("order_id", "count(DISTINCT order_id)", "orders"),
            ("quantity", "sum(quantity)", "quantity"),
        )
        if _is_told(of, columns)
    )
    return (
        "SELECT date_trunc('hour', timestamp) AS hour, currency, count(*) AS purchases,"
        " CASE WHEN currency IS NOT NULL THEN sum(amount) END AS amount,"
        f" count(*) FILTER (amount IS NULL OR currency IS NULL) AS without_amount{more}"
        " FROM purchases GROUP BY 1, 2"
    )


def _is_told(column: str, columns: Mapping[str, str]) -> bool:
    return column in columns and (column == "order_id" or columns[column].upper().startswith(_EXACT))
