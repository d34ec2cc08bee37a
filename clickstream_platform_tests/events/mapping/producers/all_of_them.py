"""The module of every producer, by the name of its preset."""

from __future__ import annotations

from importlib import import_module

from clickstream_platform.events.mapping.named import presets

PRODUCERS = {name: import_module(f"clickstream_platform_tests.events.mapping.producers.{name}") for name in presets()}
