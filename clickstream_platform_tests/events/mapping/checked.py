"""What ``clickstream check`` says, as a program reads it."""

from __future__ import annotations

import json
from typing import Any

from clickstream_platform_tests.command import clickstream


def told(*arguments: str) -> dict[str, Any]:
    return json.loads(clickstream("check", *arguments, "--json").stdout)
