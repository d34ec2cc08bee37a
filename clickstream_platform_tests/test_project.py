"""The files around the package: what they promise a new user, and that they agree with each other."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from clickstream_platform.events.session import gap_in_words
from clickstream_platform.settings import PREFIX, Settings, from_env
from clickstream_platform_tests import parts

TESTS = Path(__file__).parent
ROOT = TESTS.parent
LOCKS = ["requirements.lock", "docker/requirements.lock"]
PAGES = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docker/README.md", "deploy/kubernetes/README.md", *PAGES]
PYTHON = ("clickstream_platform", "clickstream_platform_tests", "bench", "docker")
PINNED = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ]+)", re.MULTILINE)


def text(path: str) -> str:
    return (ROOT / path).read_text()


def load(path: str) -> dict[str, Any]:
    return yaml.safe_load(text(path))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_version_has_a_hash(lock: str) -> None:
    entries = [entry for entry in re.split(r"\n(?=\S)", text(lock)) if not entry.startswith("#")]

    assert len(entries) > 90
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    assert re.findall(r"://|--index|--extra-index|--find-links|--trusted-host| @ ", text(lock)) == []


def test_the_lock_keeps_every_bound_of_the_project() -> None:
    locked = {name for name, _ in PINNED.findall(text("requirements.lock"))}
    wanted = set(re.findall(r'^    "([a-z0-9-]+)(?:\[[a-z]+\])?[=<>]', text("pyproject.toml"), re.MULTILINE))

    assert len(wanted) > 15
    assert wanted <= locked


def test_the_image_has_the_versions_that_the_tests_ran_with() -> None:
    tested, image = (set(PINNED.findall(text(lock))) for lock in LOCKS)

    assert {name for name, _ in image - tested} == {"dagster-postgres", "psycopg2-binary"}


def test_the_example_names_every_setting_with_its_real_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
    monkeypatch.chdir(tmp_path)
    uncommented = re.sub(rf"^# (?={PREFIX})", "", text(".env.example"), flags=re.MULTILINE)
    named = re.findall(rf"^{PREFIX}([A-Z_]+)=", uncommented, re.MULTILINE)
    defaults = from_env()
    (tmp_path / ".env").write_text(uncommented)

    assert sorted(named) == sorted(field.upper() for field in Settings.model_fields)
    assert from_env() == defaults


def test_containers_run_dagster_as_this_machine_does() -> None:
    docker = load("docker/dagster.yaml")

    assert set(docker.pop("storage")) == {"postgres"}
    assert docker == load(".dagster_home/dagster.yaml")


def test_the_containers_files_name_what_exists() -> None:
    services = load("docker/compose.yaml")["services"]
    (server,) = load("docker/workspace.yaml")["load_from"]
    copied = re.findall(r"^COPY (.+) \S+$", text("docker/Dockerfile"), re.MULTILINE)

    assert {name for name, service in services.items() if "profiles" not in service} == {
        *("postgres", "code", "webserver", "daemon")
    }
    assert server["grpc_server"]["host"] in services
    assert str(server["grpc_server"]["port"]) in services["code"]["command"]
    assert [path for line in copied for path in line.split() if not (ROOT / path).exists()] == []


def test_every_entrance_finds_the_same_definitions() -> None:
    module = "clickstream_platform.definitions"
    (local,) = load("workspace.yaml")["load_from"]

    assert local["python_module"]["module_name"] == module
    assert text("pyproject.toml").count(f'"{module}"') == 2  # dg and dagster
    assert module in load("docker/compose.yaml")["services"]["code"]["command"]


def test_dagster_accepts_the_instance_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster import DagsterInstance  # noqa: PLC0415 - the other tests need not wait for it

    (tmp_path / "dagster.yaml").write_text(text(".dagster_home/dagster.yaml"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    with DagsterInstance.get() as instance:
        pools = instance.get_concurrency_config().pool_config
        assert pools.default_pool_limit == 1
        assert pools.pool_granularity is not None
        assert pools.pool_granularity.name == "OP"
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
        assert not instance.telemetry_enabled


def test_ci_runs_what_the_makefile_offers() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text("Makefile"), re.MULTILINE))
    files = [".ci/run", ".github/workflows/ci.yaml", ".github/workflows/validate.yaml", ".pre-commit-config.yaml"]
    called = {target for file in files for target in re.findall(r"(?<!name: )\bmake ([a-z-]+)", text(file))}

    assert called <= targets
    assert {"check", "test"} <= called
    assert len(targets) <= 10


def test_every_part_of_the_suite_has_its_target() -> None:
    (named,) = re.findall(r"^PARTS := (.+)$", text("Makefile"), re.MULTILINE)

    assert sorted(named.split()) == sorted(parts.NAMES)
    for part in parts.NAMES:
        assert f"| `make test-{part}` |" in text("CONTRIBUTING.md")


def test_every_module_that_asks_whether_a_place_is_on_a_store_is_in_the_table_of_what_differs() -> None:
    package = ROOT / "clickstream_platform"
    asking = [file for file in package.rglob("*.py") if re.search(r"(?<!def )is_on_store\(", file.read_text())]
    modules = {f"/{file.relative_to(package).as_posix()}" for file in asking if file.parent != package / "store"}
    table = text("docs/architecture.md").partition("| what | in a folder | on a store |")[2].partition("\n\n")[0]
    named = tuple(f"/{name}" for name in re.findall(r"[a-z_/]+\.py", table))
    assert [module for module in modules if not module.endswith(named)] == []


def test_all_tests_are_those_of_every_part_once() -> None:
    (together,) = re.findall(r"^TOGETHER := (.+?[^\\\\])$", text("Makefile"), re.MULTILINE | re.DOTALL)
    assert sorted(re.findall(r"\w+", together)) == sorted(parts.NAMES)


def test_ci_runs_on_every_python_that_the_project_takes() -> None:
    matrix = load(".github/workflows/ci.yaml")["jobs"]["python"]["strategy"]["matrix"]["python"]
    oldest, too_new = (int(minor) for minor in re.findall(r"3\.(\d+)", _line("pyproject.toml", "requires-python")))

    assert matrix == [f"3.{minor}" for minor in range(oldest, too_new)]
    assert f"Python {matrix[0]}-{matrix[-1]}" in text("README.md")


def test_the_cache_of_ci_knows_the_jars_by_files_that_exist() -> None:
    (named,) = re.findall(r"hashFiles\((.+?)\) \}\}", text(".github/workflows/ci.yaml"))

    assert [path for path in re.findall("'(.+?)'", named) if not (ROOT / path).exists()] == []


def _line(path: str, start: str) -> str:
    return next(line for line in text(path).splitlines() if line.startswith(start))


def test_the_documents_say_the_gap_of_a_session_as_it_is() -> None:
    for path, about in [("README.md", "| `sessions` |"), ("docs/glossary.md", "| session |")]:
        assert gap_in_words() in _line(path, about)


def test_no_test_module_imports_another() -> None:
    of_tests = re.compile(r"^\s*(?:from|import) (clickstream_platform_tests\S*(?:\.| import )test_\w+)", re.MULTILINE)
    found = {file.name: of_tests.findall(file.read_text()) for file in TESTS.rglob("*.py")}

    assert {name: others for name, others in found.items() if others} == {}


def test_a_program_in_a_text_imports_what_exists() -> None:
    """Programs that tests hand to another Python: neither ruff nor pyright looks into them."""
    imported = re.compile(r"from (clickstream_platform[\w.]*) import")
    named = {name for file in TESTS.rglob("*.py") for name in imported.findall(file.read_text())}

    assert len(named) > 50
    assert [name for name in sorted(named) if not find_spec(name)] == []


def test_help_lists_every_target() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    for target in ("setup", "demo", "test", "test-fast", "check", "lock", "dev"):
        assert f"make {target} " in said


def test_a_machine_without_a_fitting_python_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(text("Makefile"))
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()

    asked = ["make", "setup", "PYTHON="]
    said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert said.returncode != 0
    assert "python: no Python 3.10 to 3.13 that can make environments was found; install python3.11" in said.stderr


def _anchors(document: Path) -> set[str]:
    """What a heading is called in a link, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_in_a_document_leads_somewhere(document: str) -> None:
    dead: list[str] = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text(document)):
        path, _, anchor = link.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        if "://" not in link and (not file.exists() or (anchor and anchor not in _anchors(file))):
            dead.append(link)

    assert dead == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_module_that_a_document_names_exists(document: str) -> None:
    """By its whole path, or by the end of one: ``lake/writer.py``, ``test_kill.py``."""
    named = re.findall(r"`((?:[\w.-]+/)*\w+\.py)\b", text(document))
    files = [f"/{file.relative_to(ROOT)}" for folder in PYTHON for file in (ROOT / folder).rglob("*.py")]

    assert [name for name in named if not any(file.endswith(f"/{name}") for file in files)] == []
