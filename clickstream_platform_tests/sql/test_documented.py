"""The ways to read a table that docs/query.md shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform_tests.homes import Home

DOC = Path(__file__).parents[2] / "docs" / "query.md"


def snippets() -> dict[str, str]:
    """The Python of docs/query.md, by the heading it stands under."""
    sections = (section.partition("\n") for section in DOC.read_text().split("\n## ")[1:])
    return {
        title: code[1] for title, _, text in sections if (code := re.search("```python\n(.*?)```", text, re.DOTALL))
    }


@pytest.mark.parametrize("tool", ["DuckDB", "pandas", "Polars"])
def test_the_documented_way_to_read_a_table_works(home: Home, tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(tool.lower())
    exec(snippets()[tool], {})
    assert "u1" in capsys.readouterr().out


@pytest.mark.spark
def test_the_documented_way_to_read_a_table_with_spark_works(
    home: Home, spark: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code = snippets()["Spark"].replace(".clickstream", str(home.settings.home))  # the JVM began in another folder
    exec(code, {"spark": spark})
    assert "u1" in capsys.readouterr().out
