"""``clickstream``: parse arguments, call one function, print. A module for each panel of ``clickstream --help``."""

from __future__ import annotations

from clickstream_platform.cli.app import program


def main() -> None:
    """The entry point of ``clickstream``."""
    program()
