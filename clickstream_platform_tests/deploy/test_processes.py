"""The services of `docker/compose.yaml` do what the file says, as processes: commands, checks, configuration."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import obstore
import pytest
import requests
import yaml
from obstore.store import S3Store

from clickstream_platform.settings import Settings
from clickstream_platform.simulator.seaweed import program
from clickstream_platform_tests.deploy.composed import DOCKER, Composed
from clickstream_platform_tests.homes import Home
from clickstream_platform_tests.lakes import at, write
from clickstream_platform_tests.waiting import wait_until

INITDB = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)  # as Debian and Ubuntu install it


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Composed:
    """The services on one machine, with an owner that somebody's shell has set."""
    made = Composed(tmp_path_factory.mktemp("composed"), {"CLICKSTREAM_OWNER": "team:of-the-shell"})
    (dagster := made.folder / "dagster").mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        told = of_this_machine(made, yaml.safe_load((DOCKER / name).read_text()))
        if not _database_can_be_had():
            told.pop("storage", None)  # SQLite, in the same folder
        (dagster / name).write_text(yaml.safe_dump(told))
    return made


def of_this_machine(composed: Composed, told: Any) -> Any:
    """A configuration with the values that hold here; its keys are Dagster's."""
    if isinstance(told, dict):
        return {key: of_this_machine(composed, value) for key, value in told.items()}
    if isinstance(told, list):
        return [of_this_machine(composed, value) for value in told]
    here = composed.here(str(told), "code")
    return told if here == str(told) else yaml.safe_load(here)


def _database_can_be_had() -> bool:
    """Whether this machine has what the image and the service `postgres` bring."""
    return INITDB is not None and find_spec("dagster_postgres") is not None


@contextmanager
def _database(composed: Composed) -> Generator[None]:
    """PostgreSQL made as its image makes one: user, database and the file of the password are the service's."""
    told = composed.container("postgres")
    assert INITDB is not None
    # It refuses to be root, and another user does not get into pytest's folders.
    nobody: dict[str, Any] = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    other = nobody if os.geteuid() == 0 else {}
    with TemporaryDirectory(prefix="postgres-") as made:
        folder = Path(made)
        (folder / "password").write_text(Path(told.environment["POSTGRES_PASSWORD_FILE"]).read_text())
        if other:
            for each in (folder, folder / "password"):
                shutil.chown(each, "nobody", other["group"])
        run = partial(subprocess.run, check=True, capture_output=True, cwd=folder, **other)
        user = told.environment["POSTGRES_USER"]
        run([INITDB, "-D", folder / "data", "-U", user, f"--pwfile={folder / 'password'}", "-A", "scram-sha-256"])
        where = ["-p", composed.ports["5432"], "-k", made, "-h", "127.0.0.1"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [INITDB.with_name("postgres"), "-D", folder / "data", *where],
                stdout=log,
                stderr=log,
                cwd=folder,
                **other,
            )
        try:
            check = [*told.check, "--host", "127.0.0.1", "--port", composed.ports["5432"]]  # a container's are its own
            wait_until(lambda: subprocess.run(check, capture_output=True, check=False).returncode == 0, server)
            create = [INITDB.with_name("createdb"), "-h", made, *where[:2], "-U", user, told.environment["POSTGRES_DB"]]
            subprocess.run(create, check=True, env={"PGPASSWORD": (folder / "password").read_text()})
            yield
        finally:
            server.send_signal(signal.SIGINT)  # does not wait for who is connected
            server.wait(30)


@pytest.fixture(scope="module")
def address(composed: Composed) -> Generator[str]:
    """The web server's; with it run the code server, the daemon, and the database where it can be had."""
    with ExitStack() as services:
        if _database_can_be_had():
            services.enter_context(_database(composed))
        code = composed.container("code")
        assert not code.is_healthy()
        services.enter_context(code.running())
        others = [composed.container(name) for name in ("webserver", "daemon")]
        assert [other.is_healthy() for other in others] == [False, False]
        for other in others:
            services.enter_context(other.running())
        yield f"http://127.0.0.1:{composed.ports['3000']}"


def ask(address: str, query: str, **variables: Any) -> Any:
    """What the web server answers in GraphQL."""
    answer = requests.post(f"{address}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_the_web_server_finds_the_code_with_the_settings_of_the_shell(address: str) -> None:
    query = "{ assetNodes { assetKey { path } owners { ... on TeamAssetOwner { team } } } }"
    nodes = ask(address, query)["assetNodes"]

    assert ["events"] in [node["assetKey"]["path"] for node in nodes]
    assert {owner["team"] for node in nodes for owner in node["owners"]} == {"of-the-shell"}


LAUNCH = """mutation ($job: String!) { launchRun(executionParams: {mode: "default", selector: {
    repositoryLocationName: "clickstream_platform", repositoryName: "__repository__", jobName: $job}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def test_a_run_goes_from_the_web_server_through_the_daemon_to_the_code(composed: Composed, address: str) -> None:
    home = Home(Settings(home=composed.folder / "volumes" / "data"))
    # Of a lake with nothing to be done: the sensor, which looks meanwhile, would ask for a run with a JVM.
    write(home, "quarantine", [{"record_id": "r", "arrived_at": at("00:00:00"), "reasons": ["no_value"]}])
    launched = ask(address, LAUNCH, job="report")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = launched["run"]["runId"]

    def status() -> str:
        return ask(address, STATUS, id=run)["runOrError"]["status"]

    assert status() in ("QUEUED", "STARTING", "STARTED")
    wait_until(lambda: status() in ("SUCCESS", "FAILURE", "CANCELED"), seconds=120, every=0.5)
    assert status() == "SUCCESS"
    assert (composed.folder / "volumes" / "data" / "report.html").exists()


def test_the_store_takes_who_has_the_secrets_and_has_the_bucket(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = composed.container("code").environment
    access = {
        name: Path(code[f"AWS_{name.upper()}_FILE"]).read_text() for name in ("access_key_id", "secret_access_key")
    }
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{Path(program()).parent}:{os.environ['PATH']}")
    endpoint = composed.here("http://store:8333", "code")
    store, bucket = composed.container("store"), composed.container("bucket")
    assert not store.is_healthy()
    with store.running():
        for _ in range(2):  # as often as it is started
            with bucket.begin() as once:
                assert once.wait(60) == 0, bucket.log.read_text()
        options = {"endpoint": endpoint, "region": code["AWS_REGION"], "client_options": {"allow_http": True}}
        ours = S3Store("clickstream", **access, **options)  # type: ignore[call-overload] - options as a mapping
        obstore.put(ours, "lake/one", b"1", mode="create")
        with pytest.raises(obstore.exceptions.AlreadyExistsError):
            obstore.put(ours, "lake/one", b"2", mode="create")
        stranger = S3Store("clickstream", access_key_id="another", secret_access_key="key", **options)  # type: ignore[call-overload]
        with pytest.raises(obstore.exceptions.PermissionDeniedError):
            obstore.put(stranger, "lake/two", b"2")
