"""The parts of the suite: no test has to say which it is in, and none of the fast part starts a JVM unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from clickstream_platform.jvm.machine import require_java
from clickstream_platform_tests import parts
from clickstream_platform_tests.no_jvm import no_jvm
from clickstream_platform_tests.part_times import PartTimes, remember_part


def item(place: str, *fixtures: str, marks: tuple[str, ...] = ()) -> pytest.Item:
    """As pytest collects one, with all fixtures that its own fixtures use."""
    marked: dict[str, str] = dict.fromkeys(marks, "a mark")
    found = SimpleNamespace(path=parts.HERE / place, fixturenames=list(fixtures), get_closest_marker=marked.get)
    return cast(pytest.Item, found)


@pytest.mark.parametrize(
    ("collected", "part"),
    [
        (item("defs/test_assets.py", "lab", "spark"), "spark"),
        (item("defs/test_assets.py", "tmp_path"), "fast"),
        (item("cli/test_runs.py", "home", marks=("spark",)), "spark"),
        (item("streaming/tap/test_tap.py", "lab", "spark", "topic", "broker"), "kafka"),
        (item("streaming/tap/test_tap.py", "lab", "spark"), "engine"),
        (item("jvm/test_store.py", "place", "store"), "store"),
        (item("jvm/test_store.py", "tmp_path"), "fast"),
        (item("streaming/runtime/test_run.py", "lab", "spark"), "runs"),
        (item("streaming/audit/test_validate.py", "lab", "spark"), "upkeep"),
        (item("streaming/runtime/test_kill.py", "lab", "spark", "topic", "broker"), "kill"),
        (item("conformance/test_flink.py", "spark"), "conformance"),
        (item("conformance/test_ecom.py"), "fast"),
    ],
)
def test_a_tests_fixtures_and_its_place_say_which_part_it_is_in(collected: pytest.Item, part: str) -> None:
    assert parts.part_of(collected) == part


def test_every_place_of_a_part_is_there() -> None:
    assert [place for part in parts.PARTS for place in part.places if not (parts.HERE / place).exists()] == []


@pytest.mark.parametrize(
    ("part", "place", "may"),
    [
        ("kill", "streaming/runtime/test_kill.py", True),
        ("kill", "streaming/runtime", True),
        ("kill", "streaming", True),
        ("kill", "streaming/runtime/test_run.py", False),
        ("kill", "streaming/runtime/test_kill", False),
        ("runs", "streaming/runtime/test_run.py", True),
        ("runs", "queries", False),
        ("kafka", "queries/test_sessions.py", True),
        ("spark", "queries/test_sessions.py", True),
        ("fast", "queries/test_sessions.py", True),
        ("fast", "report", False),
        ("wide", "queries", True),
    ],
)
def test_a_part_collects_only_where_its_tests_may_be(part: str, place: str, may: bool) -> None:
    assert parts.may_have(parts.HERE / place, part) == may


def test_several_parts_are_named_at_once_and_what_is_none_is_told() -> None:
    assert parts.named("kill,fast") == ("kill", "fast")
    with pytest.raises(ArgumentTypeError, match="kil: no part; choose from fast, wide, conformance"):
        parts.named("kil,fast")


def test_each_part_is_told_the_time_of_its_tests_divided_among_the_workers() -> None:
    times, said = PartTimes(workers=2), list[str]()
    for part, when, seconds in (
        ("kill", "setup", 1),
        ("kill", "call", 1300),
        ("fast", "setup", 0),
        ("fast", "call", 8),
    ):
        test = SimpleNamespace(user_properties=list[tuple[str, object]]())
        remember_part(cast(pytest.Item, test), part)
        report = SimpleNamespace(user_properties=test.user_properties, when=when, duration=seconds)
        times.pytest_runtest_logreport(cast(pytest.TestReport, report))
    times.pytest_terminal_summary(cast(pytest.TerminalReporter, SimpleNamespace(write_line=said.append)))
    assert said == ["part fast: 1 tests took 4 s", "part kill: 1 tests took 650 s; its budget is 600 s"]


def test_a_jvm_that_a_process_of_a_test_starts_is_told_of(tmp_path: Path) -> None:
    program = "import subprocess; subprocess.run(['java', '-cp', 'spark.jar'])"
    with pytest.raises(pytest.fail.Exception, match=r"started a JVM .* java -cp spark\.jar"), no_jvm(tmp_path):
        subprocess.run([sys.executable, "-c", program], check=True)


def test_asking_for_the_version_of_java_starts_none(tmp_path: Path) -> None:
    with no_jvm(tmp_path):
        assert require_java().path == tmp_path / "bin" / "java"


@pytest.fixture(scope="module")
def made_once() -> object:
    return object()


def test_tests_that_share_a_fixture_of_their_module_share_a_worker(
    request: pytest.FixtureRequest, made_once: object
) -> None:
    assert parts.group_of(request.node) == "test_parts.py"


def test_a_group_of_tests_stays_on_one_worker(tmp_path: Path) -> None:
    """What pytest and pytest-xdist do with a group, in the versions that are installed."""
    lines = ["import pytest", "@pytest.mark.xdist_group('a')", "@pytest.mark.parametrize('n', range(8))"]
    lines += ["def test_it(n, worker_id): open(worker_id, 'a').close()"]
    (tmp_path / "test_it.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "--numprocesses", "2", "--dist", "loadgroup"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert "8 passed" in done.stdout
    assert len([*tmp_path.glob("gw*")]) == 1


def test_a_test_that_shares_none_goes_wherever_there_is_room(request: pytest.FixtureRequest) -> None:
    assert parts.group_of(request.node) == ""
