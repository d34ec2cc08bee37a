"""How much is kept of a network address."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_platform.events.timestamps import null_unless

_IPV4 = r"^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}\z"
_IPV6 = r"^([0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,2}):(?::[0-9A-Fa-f:.]*|[0-9A-Fa-f:.]+)\z"  # up to three groups stay


def mask_networks(address: Any, mask: str) -> Any:
    """A column of addresses, or as much of each as may be kept."""
    if mask == "keep":
        return address
    if mask == "drop":
        return pa.nulls(len(address), pa.string())
    parts = {_IPV4: r"\1.0", _IPV6: r"\1::"}
    masked = [
        null_unless(pc.match_substring_regex(address, part), pc.replace_substring_regex(address, part, kept))
        for part, kept in parts.items()
    ]
    return pc.coalesce(*masked)


def mask_network(address: str, mask: str) -> str | None:
    """One address, or as much of it as may be kept."""
    return mask_networks(pa.array([address], pa.string()), mask)[0].as_py()
