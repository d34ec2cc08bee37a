"""The page about mappings says of every preset what the preset says of itself."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.events.mapping.model import COLUMNS, Mapping
from clickstream_platform.events.mapping.named import preset, presets

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"


def section(name: str) -> str:
    """What the page has of a preset. To write it anew: print this."""
    mapping = preset(name)
    lines = [f"### `{name}`", "", mapping.about, "", "| column | found at, the first that is there |", "|---|---|"]
    lines += [f"| `{column}` | {_places(mapping, column)} |" for column in COLUMNS if mapping.column(column).paths]
    lines += [
        f"| `{column}` * | {', '.join(f'`{path}`' for path in paths)} |" for column, paths in mapping.declared if paths
    ]
    named: dict[str, list[str]] = {}
    for each, event_type in mapping.event_types.names:
        named.setdefault(event_type, []).append(f"`{each}`")
    types = "; ".join(f"{', '.join(names)} is `{event_type}`" for event_type, names in named.items())
    over = "; ".join(f"`{path}` = {', '.join(f'`{each}`' for each in values)}" for path, values in mapping.pass_over)
    lines += ["", f"Types: {types}; any other name is its own type."]
    return "\n".join([*lines, *(["", f"Passed over: {over}."] if over else [])])


def _places(mapping: Mapping, column: str) -> str:
    found = mapping.column(column)
    unit = f" ({found.unit})" if found.unit else ""
    return ", ".join(f"`{path}`" for path in found.paths) + unit


def test_the_page_has_the_fields_of_every_preset_and_of_no_other() -> None:
    page = PAGE.read_text()
    for name in presets():
        assert section(name) in page
    assert page.count("\n### `") == len(presets())
