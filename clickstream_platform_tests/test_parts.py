"""The parts of the suite: no test has to say which it is in, and none of the fast part starts a JVM unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from clickstream_platform.jvm.machine import require_java
from clickstream_platform_tests import parts
from clickstream_platform_tests.no_jvm import no_jvm


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
        (item("test_cli.py", "home", marks=("spark",)), "spark"),
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


def test_a_test_that_shares_none_goes_wherever_there_is_room(request: pytest.FixtureRequest) -> None:
    assert parts.group_of(request.node) == ""
