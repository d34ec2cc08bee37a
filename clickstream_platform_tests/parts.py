"""The parts of the suite, which `make test-<part>` runs one by one. A new part is one more line in :data:`PARTS`.

Nobody marks a test by hand: what it uses and where it lies say where it belongs. A test without a JVM is in the part
``fast``, or in ``wide`` if its module takes seconds (it draws many examples, starts many processes, draws plots, tries
every command), or if it measures memory. Only a test that starts a JVM in a process of its own, without a fixture for
it, says ``@pytest.mark.spark``; one that forgets to is failed by :mod:`clickstream_platform_tests.no_jvm`.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FAST, WIDE = "fast", "wide"
WIDE_PLACES = (
    *("events/contract", "events/mapping", "events/registry", "live", "report", "sql"),
    *("streaming/audit/checks", "streaming/sources/files"),
    *(f"events/test_{what}.py" for what in ("json_record", "masking", "subject", "timestamps")),
    *(f"events/test_{what}.py" for what in ("time_forms", "time_forms_drawn")),
    *(f"simulator/test_{what}.py" for what in ("landing", "live", "simulation")),
    *(f"streaming/ingest/test_{what}.py" for what in ("deduplicate", "replacements", "span_rule", "task_files")),
    *(
        "streaming/lake/test_hosts.py",
        "streaming/maintenance/test_filling.py",
        "streaming/sources/test_envelope_count.py",
    ),
    *("cli/test_refusals.py", "defs/test_backups.py", "defs/test_versions.py"),
    *("deploy/test_pin.py", "deploy/test_processes.py", "jvm/test_cluster.py"),
    *("test_imports.py", "test_landings.py"),
)
JVM = "spark"  # the marker of every test with a JVM, whatever its part
WIDE_FIXTURES = frozenset({"peak"})  # Python runs three times as long while memory is traced
STORES = frozenset({"store", "azurite", "each_store"})
JVM_FIXTURES = frozenset({"spark", "broker"}) | STORES  # and who uses one of them; a store is no JVM, but as slow


@dataclass(frozen=True)
class Part:
    """Tests with a JVM that are run together.

    Attributes:
        name: of its marker and of its `make` target.
        what: what these tests have in common.
        places: folders and modules, below this package, whose tests are all in it.
        fixtures: who uses one of these is in it too.
    """

    name: str
    what: str
    places: tuple[str, ...] = ()
    fixtures: frozenset[str] = frozenset()

    def has(self, item: pytest.Item) -> bool:
        """Whether a test with a JVM belongs to it."""
        return _is_below(item.path, self.places) or not self.fixtures.isdisjoint(_fixtures_of(item))

    def may_be_below(self, path: Path) -> bool:
        """Whether a module, or a folder, may have tests of it; if not, it need not even be imported."""
        folder = f"{path}/"
        return (
            bool(self.fixtures)
            or _is_below(path, self.places)
            or any(each.startswith(folder) for each in _prefixes(self.places))
        )


# A test is in the first part that has it.
PARTS = (
    Part("conformance", "results that other engines published, and a public data set", ("conformance",)),
    Part("property", "random scenarios, against a naive program", ("test_exactness.py", "test_border.py", "lives")),
    Part("kill", "processes killed or told to stop", ("streaming/runtime/test_kill.py", "defs/test_signals.py")),
    Part("kafka", "a real broker", ("simulator/test_broker.py", "deploy/test_profiles.py"), frozenset({"broker"})),
    Part("store", "a real object store", (), STORES),
    Part("runs", "runs and streams over files, also those that fail", ("streaming/runtime",)),
    Part("upkeep", "what a lake needs over the years, and audits", ("streaming/maintenance", "streaming/audit")),
    Part("engine", "the rest of the streaming engine on Spark, over files", ("streaming",)),
    Part(JVM, "the rest of those that need a JVM, as a rule a SparkSession", ("",)),
)
NAMES = (FAST, WIDE, *(part.name for part in PARTS))


def named(text: str) -> tuple[str, ...]:
    """The parts of ``a,b``. Raises an ArgumentTypeError if one is none."""
    names = tuple(text.split(","))
    if unknown := {*names} - {*NAMES}:
        msg = f"{', '.join(sorted(unknown))}: no part; choose from {', '.join(NAMES)}"
        raise ArgumentTypeError(msg)
    return names


def may_have(path: Path, part: str) -> bool:
    """Whether a module, or a folder, may have tests of a part, as far as its place says."""
    if part in (FAST, WIDE):
        return part == WIDE or not is_wide(path)
    return next(each for each in PARTS if each.name == part).may_be_below(path)


def part_of(item: pytest.Item) -> str:
    """The one part that a test is in."""
    if needs_jvm(item):
        return next(part.name for part in PARTS if part.has(item))
    return WIDE if is_wide(item.path) or not WIDE_FIXTURES.isdisjoint(_fixtures_of(item)) else FAST


def is_wide(module: Path) -> bool:
    """Whether those of its tests that need no JVM are in the part ``wide``."""
    return _is_below(module, WIDE_PLACES)


def needs_jvm(item: pytest.Item) -> bool:
    """Whether it uses a fixture with a JVM, or says that it starts one."""
    return item.get_closest_marker(JVM) is not None or not JVM_FIXTURES.isdisjoint(_fixtures_of(item))


def group_of(item: pytest.Item) -> str:
    """Of tests that one worker must run, as they share what is made once for their module; else empty."""
    known: Mapping[str, Sequence[Any]] = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined] - no public way
    shared = [name for name, definitions in known.items() if definitions[-1].scope in ("class", "module", "package")]
    if not shared:
        return ""
    chosen: Mapping[str, int] = item.callspec.indices if hasattr(item, "callspec") else {}  # type: ignore[attr-defined]
    which = [f"{name}={chosen[name]}" for name in sorted(shared) if name in chosen]
    return " ".join([item.path.relative_to(HERE).as_posix(), *which])


def _is_below(path: Path, places: tuple[str, ...]) -> bool:
    """Whether it is one of these places or lies in one: compared as texts, as it is asked for thousands of tests."""
    return f"{path}/".startswith(_prefixes(places))


@cache
def _prefixes(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{HERE / place}/" for place in places)


def _fixtures_of(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])
