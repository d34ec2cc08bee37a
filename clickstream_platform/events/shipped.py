"""Declarations that are shipped with the package: a folder of TOML files, each known by its name."""

from __future__ import annotations

from functools import cached_property
from importlib import resources

_TOML = ".toml"


class Shipped:
    """The TOML files of one folder of the package.

    Args:
        package: where the folder lies.
        folder: its name.
    """

    def __init__(self, package: str, folder: str) -> None:
        self._folder = resources.files(package) / folder

    @cached_property
    def names(self) -> tuple[str, ...]:
        """By the alphabet, without their ending."""
        there = (each.name for each in self._folder.iterdir())
        return tuple(sorted(name.removesuffix(_TOML) for name in there if name.endswith(_TOML)))

    def text(self, name: str) -> str:
        """The text of the file of that name."""
        return (self._folder / f"{name}{_TOML}").read_text(encoding="utf-8")
