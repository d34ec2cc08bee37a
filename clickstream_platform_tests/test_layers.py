"""The rules of the layout, read from the source: who may import whom, and what has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "clickstream_platform"
ROOT = Path(__file__).parents[1] / PACKAGE

# A unit may import those of the floors below its own. Units of one floor do not know each other.
FLOORS = (
    ("cli", "definitions"),
    ("defs", "doctor", "prepare"),
    ("catalog", "delivery", "live", "report", "simulator"),
    ("sql", "tables"),
    ("jvm",),
    ("export", "queries", "streaming", "terminal"),
    ("events",),
    ("settings",),
    ("cluster_settings",),
    ("registry_settings", "setting_sources", "store_settings"),
    ("files",),
    ("store",),
    ("errors", "expectations", "source_list", "wording"),
)
STREAMING_FLOORS = (
    ("maintenance",),
    ("runtime",),
    ("audit", "ingest"),
    ("batches",),
    ("observe", "tap"),
    ("contract",),
    ("sources",),
    ("lake",),
    ("checkpoint",),
)


def layer(module: str) -> str:
    """``streaming`` of ``clickstream_platform.streaming.runtime.run``."""
    return [*module.split("."), ""][1]


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> None:  # pyright: ignore[reportUnusedFunction]
    """Tests that share a fixture of their module stay on one worker: another one would read all modules anew."""


def sources(*layers: str) -> dict[str, ast.Module]:
    """The package's modules by name; only those of the layers, if any are given."""
    found: dict[str, ast.Module] = {}
    for file in sorted(ROOT.rglob("*.py")):
        module = ".".join([PACKAGE, *file.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
        if not layers or layer(module) in layers:
            found[module] = parsed(file)
    return found


@cache  # a dozen tests read the same modules
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All of them that any rule here is about: walking through a module takes longer than parsing it."""
    wanted = (ast.Import, ast.ImportFrom, ast.Attribute, ast.Call, ast.FunctionDef)
    return tuple(node for node in ast.walk(tree) if isinstance(node, wanted))


@cache
def imports(tree: ast.Module) -> tuple[str, ...]:
    """Every module that is imported, also inside functions and for types only."""
    return tuple(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def modules_that_use(attribute: str, of: str = "") -> set[str]:
    """Where ``<of>.<attribute>`` is written; the attribute of anything, if ``of`` is not given."""
    return {
        module
        for module, tree in sources().items()
        for node in nodes(tree)
        if isinstance(node, ast.Attribute) and node.attr == attribute
        if not of or (isinstance(node.value, ast.Name) and node.value.id == of)
    }


def units(floors: tuple[tuple[str, ...], ...]) -> dict[str, int]:
    """The floor of every unit, 0 at the top."""
    return {unit: floor for floor, units in enumerate(floors) for unit in units}


def arrows(below: str) -> set[tuple[str, str]]:
    """Which unit right below a package imports which, as ``(importer, imported)``."""
    depth = len(below.split("."))
    return {
        (importer, imported)
        for module, tree in sources().items()
        for name in imports(tree)
        if module.startswith(f"{below}.") and name.startswith(f"{below}.")
        for importer, imported in [(module.split(".")[depth], name.split(".")[depth])]
        if importer != imported
    }


@pytest.mark.parametrize(("below", "floors"), [(PACKAGE, FLOORS), (f"{PACKAGE}.streaming", STREAMING_FLOORS)])
def test_imports_point_down(below: str, floors: tuple[tuple[str, ...], ...]) -> None:
    floor_of = units(floors)
    assert {(a, b) for a, b in arrows(below) if floor_of[a] >= floor_of[b]} == set()


@pytest.mark.parametrize(("below", "floors"), [(PACKAGE, FLOORS), (f"{PACKAGE}.streaming", STREAMING_FLOORS)])
def test_every_module_and_package_has_its_floor(below: str, floors: tuple[tuple[str, ...], ...]) -> None:
    folder = ROOT.parent.joinpath(*below.split("."))
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__"} == units(floors).keys()


def test_the_page_about_the_architecture_draws_these_floors() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text()
    (drawn,) = (block for block in page.split("```") if block.startswith("\nthe package"))
    heading, *floors = drawn.strip("\n").splitlines()
    middle = heading.index("streaming/")
    assert tuple(tuple(floor[:middle].split()) for floor in floors) == FLOORS
    assert tuple(tuple(floor[middle:].split()) for floor in floors if floor[middle:]) == STREAMING_FLOORS


def test_only_defs_and_definitions_import_dagster() -> None:
    users = {
        module
        for module, tree in sources().items()
        if any(name.split(".")[0].startswith("dagster") for name in imports(tree))
    }
    assert {layer(module) for module in users} == {"defs", "definitions"}


def test_the_command_line_reaches_dagster_only_to_report() -> None:
    wanted = {
        name for tree in sources("cli").values() for name in imports(tree) if layer(name) in ("defs", "definitions")
    }
    assert all(name.startswith(f"{PACKAGE}.defs.reporting.") for name in wanted)


def test_settings_alone_read_the_environment() -> None:
    # Not settings of ours: what Java itself goes by, the variable that Spark takes its Python workers from, the key of
    # the demo's own store, which all clients look for there, and whether Dagster is told of runs.
    of_java_and_spark = {f"{PACKAGE}.jvm.machine", f"{PACKAGE}.jvm.maven", f"{PACKAGE}.jvm.session"}
    allowed = of_java_and_spark | {f"{PACKAGE}.simulator.seaweed", f"{PACKAGE}.defs.reporting"}
    assert modules_that_use("environ", "os") | modules_that_use("getenv", "os") <= allowed


def test_one_module_starts_the_streams_of_tables_and_tap_those_that_write_none() -> None:
    assert modules_that_use("writeStream") == {
        f"{PACKAGE}.streaming.runtime.streaming_query",
        f"{PACKAGE}.streaming.tap.tap",
    }


def test_spark_alone_builds_sessions() -> None:
    assert modules_that_use("builder", "SparkSession") == {f"{PACKAGE}.jvm.session"}


def test_one_module_opens_delta_tables() -> None:
    openers = {
        module
        for module, tree in sources().items()
        for node in nodes(tree)
        if isinstance(node, ast.Call)
        and (_called(node) == "is_deltatable" or (isinstance(node.func, ast.Name) and node.func.id == "DeltaTable"))
    }
    assert openers == {f"{PACKAGE}.streaming.lake.delta"}


def test_a_query_reads_neither_the_clock_nor_the_environment_nor_a_path() -> None:
    effects = {"os", "pathlib", "time", "random", "clickstream_platform.settings"}
    wrong = {
        (module, name)
        for module, tree in sources("queries").items()
        for name in imports(tree)
        if effects & {name, name.split(".")[0], name.rsplit(".", 1)[0]}
    }
    assert wrong == set()
    clocks = {"now", "today", "current_timestamp", "current_date", "localtimestamp"}
    assert not {m for clock in clocks for m in modules_that_use(clock) if layer(m) == "queries"}


def test_a_dagster_function_has_at_most_ten_lines() -> None:
    doors = {"multi_asset", "multi_asset_check", "asset", "op", "job", "sensor", "schedule", "run_failure_sensor"}
    lengths = {
        f"{module}.{node.name}": (node.end_lineno or 0) - (node.body[0].lineno - 1)
        for module, tree in sources("defs").items()
        for node in nodes(tree)
        if isinstance(node, ast.FunctionDef) and any(_called(d) in doors for d in node.decorator_list)
    }
    assert len(lengths) >= 6
    assert {name: lines for name, lines in lengths.items() if lines > 10} == {}


def _called(decorator: ast.expr) -> str:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return call.attr if isinstance(call, ast.Attribute) else ""


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for module, tree in sources().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_no_module_has_more_than_300_lines() -> None:
    lines = {file.relative_to(ROOT): len(file.read_text().splitlines()) for file in ROOT.rglob("*.py")}
    assert {file: count for file, count in lines.items() if count > 300} == {}


def test_what_a_function_does_takes_at_most_40_lines() -> None:
    """Without its arguments and its docstring. A contract is one expression, however long."""
    lengths = {
        f"{module}.{node.name}": (node.end_lineno or 0) - body[0].lineno + 1
        for module, tree in sources().items()
        if layer(module) != "tables"
        for node in nodes(tree)
        if isinstance(node, ast.FunctionDef)
        if (body := node.body[ast.get_docstring(node) is not None :])
    }
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}
