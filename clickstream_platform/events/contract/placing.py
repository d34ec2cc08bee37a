"""Where records have the columns of a contract: at the paths of the mapping, or in the field of their name."""

from __future__ import annotations

from itertools import permutations

import msgspec

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.contract.model import Contract
from clickstream_platform.events.mapping.model import Mapping
from clickstream_platform.events.mapping.paths import steps_of


def with_mapping_paths(contract: Contract, mapping: Mapping | None) -> Contract:
    """The contract, with the paths that a mapping has for its columns.

    Raises:
        SettingsError: two columns take the same value, or one takes it within the other's: chance would decide.
    """
    paths = dict(mapping.declared) if mapping else {}
    columns = tuple(
        msgspec.structs.replace(each, paths=paths.get(each.name) or each.paths) for each in contract.columns
    )
    places = [(steps_of(path), path, each.name) for each in columns for path in each.paths]
    for (outer, path, name), (inner, _, other) in permutations(places, 2):
        if name != other and inner[: len(outer)] == outer:
            finding = f"columns {name} and {other} both take what is at {path}"
            subject = f"mapping {mapping.name}" if mapping else f"contract {contract.name}"
            raise SettingsError(subject, finding, "leave one path out")
    return Contract(contract.name, columns)
