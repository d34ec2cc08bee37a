"""A mapping as a user writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.named import mapping_named


@pytest.fixture
def mapping(tmp_path: Path) -> Any:
    def made(text: str) -> Mapping:
        file = tmp_path / "mine.toml"
        file.write_text(text)
        found = mapping_named(str(file))
        assert found
        return found

    return made
