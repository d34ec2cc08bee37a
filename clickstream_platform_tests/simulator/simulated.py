"""What simulations wrote, and what of it is accepted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from clickstream_platform.simulator.expected import Event, Simulation


def hashes(folder: Path) -> dict[str, str]:
    """The hash of every file of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def accepted(simulation: Simulation) -> list[dict[str, Any]]:
    """The records that become events, parsed."""
    return [json.loads(record.line) for record in simulation.records if isinstance(record.outcome, Event)]
