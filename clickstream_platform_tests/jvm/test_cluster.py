"""A session on a cluster: what is found out before a JVM starts, and what is made of a worker's answer."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from clickstream_platform.errors import SetupError, UnreachableError
from clickstream_platform.jvm import listening, package, session
from clickstream_platform.jvm.cluster import ANYWHERE, cluster_conf, own_address
from clickstream_platform.jvm.machine import Java
from clickstream_platform.jvm.package import package_zip
from clickstream_platform.jvm.probe import SharedPath, Worker, WorkerRequest, probe_worker
from clickstream_platform.jvm.session import spark_conf
from clickstream_platform.jvm.workers import COMPARED, TASKS, require_worker, worker_failure
from clickstream_platform.settings import Settings

JARS = (Path("/jars/a.jar"), Path("/jars/b.jar"))


@pytest.fixture
def master() -> Iterator[str]:
    """Something that listens, as far as anybody asks before a JVM starts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"spark://127.0.0.1:{listening.getsockname()[1]}"


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_master_that_does_not_listen_is_told_in_a_second_and_without_a_jvm(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, spark_master=f"spark://{nobody()},{nobody()}")
    began = time.monotonic()

    with pytest.raises(
        UnreachableError, match=r"spark: no master answers \(127.+refused; 127.+refused\); start it, or"
    ):
        cluster_conf(settings, JARS)
    assert time.monotonic() - began < listening.TIMEOUT


def test_the_second_of_two_masters_will_do(master: str) -> None:
    assert own_address(f"spark://{nobody()},{master.removeprefix('spark://')}") == "127.0.0.1"


def test_the_workers_are_told_the_address_that_leads_to_the_master(master: str) -> None:
    conf = cluster_conf(Settings(spark_master=master), JARS)

    assert conf["spark.driver.host"] == conf["spark.driver.bindAddress"] == "127.0.0.1"
    assert conf["spark.jars"] == "file:///jars/a.jar,file:///jars/b.jar"
    assert "spark.executor.extraClassPath" not in conf
    assert conf["spark.driver.port"] == conf["spark.blockManager.port"] == "0"


def test_an_address_that_is_not_of_this_machine_is_told_and_all_are_listened_at(master: str) -> None:
    settings = Settings(
        spark_master=master, spark_driver_host="203.0.113.7", spark_driver_port=40_000, spark_block_manager_port=40_001
    )
    conf = cluster_conf(settings, JARS)

    assert conf["spark.driver.host"] == "203.0.113.7"
    assert conf["spark.driver.bindAddress"] == ANYWHERE
    assert (conf["spark.driver.port"], conf["spark.blockManager.port"]) == ("40000", "40001")


def test_other_kinds_of_masters_find_the_driver_as_spark_does() -> None:
    conf = cluster_conf(Settings(spark_master="yarn"), JARS)
    assert not {"spark.driver.host", "spark.driver.bindAddress"} & conf.keys()


def test_the_jvm_of_a_cluster_leaves_no_classes_and_what_the_user_says_goes_before(
    master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "jar_paths", lambda cache: JARS)  # pyright: ignore[reportUnknownLambdaType]
    settings = Settings(home=tmp_path, cache=tmp_path, spark_master=master, spark_conf={"spark.driver.host": "me"})
    conf = spark_conf(settings, Java(Path("java"), "17"))

    assert "spark.driver.extraJavaOptions" not in conf
    assert conf["spark.driver.host"] == "me"
    assert conf["spark.master"] == master


def test_the_package_is_imported_from_its_zip_without_being_compiled_again(tmp_path: Path) -> None:
    found = package_zip(tmp_path)
    assert package_zip(tmp_path) == found
    program = (
        "import clickstream_platform.jvm.probe as probe, clickstream_platform.events.mapping as mapping\n"
        "print(probe.__file__, probe.__cached__, type(probe.__spec__.loader).__name__)"
    )
    # -S: nothing that is installed, as on a worker that never heard of this package.
    asked = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(found)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.startswith(f"{found}/clickstream_platform/jvm/probe.pyc")
    with zipfile.ZipFile(found) as files:
        names = set(files.namelist())
    assert {"clickstream_platform/events/mapping/presets/segment.toml", "clickstream_platform/py.typed"} <= names


def test_the_same_package_is_the_same_file_and_another_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = package_zip(tmp_path / "a").read_bytes()
    assert package_zip(tmp_path / "b").read_bytes() == whole

    copy = tmp_path / package.ROOT.name
    copy.mkdir()
    (copy / "__init__.py").write_text("")
    monkeypatch.setattr(package, "ROOT", copy)
    assert package_zip(tmp_path / "a").read_bytes() != whole
    assert len(list((tmp_path / "a" / "packages").iterdir())) == 2


def test_workers_are_asked_for_every_module_that_hands_python_to_tasks() -> None:
    hands = re.compile(r"\.mapInArrow\(|\barrow_udf\(|\bF\.udf\(|\.transformWithState\(|StatefulProcessor\)")
    root = Path(package.ROOT)
    found = {
        ".".join(file.relative_to(root.parent).with_suffix("").parts)
        for file in root.rglob("*.py")
        if hands.search(file.read_text())
    }
    imported = subprocess.run(
        [sys.executable, "-c", f"import sys, {', '.join(TASKS)}; print(*sys.modules)"],
        env={"PYTHONPATH": str(root.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(found) >= 5
    assert found <= set(imported.stdout.split())


def asked_of(*folders: Path, shared: Path | None = None) -> WorkerRequest:
    samples = tuple(SharedPath(str(path), path.stat().st_size if path.is_file() else None) for path in folders)
    return WorkerRequest(TASKS, COMPARED, str(shared) if shared else "", "content", samples)


def answer(asked: WorkerRequest, **different: object) -> Worker:
    """What this machine answers, but for its package, which is in no zip here; and for what the test says."""
    (found,) = probe_worker((), asked)
    return replace(found, **{"package": "/work/clickstream_platform-1.zip/clickstream_platform", **different})


def test_a_worker_that_has_everything_is_taken(tmp_path: Path) -> None:
    (shared := tmp_path / "_probe-1").write_text("content")
    (tmp_path / "a.json").write_text("{}")
    asked = asked_of(tmp_path, tmp_path / "a.json", shared=shared)

    worker = answer(asked)
    require_worker(worker, asked, Settings())

    assert worker.versions == {name: version(name) for name in COMPARED}
    assert Path(worker.wrote).read_text() == "content"


@pytest.mark.parametrize(
    ("different", "said"),
    [
        ({"missing": ("no msgspec",)}, r"has no msgspec; install what requirements.lock lists on every worker"),
        ({"package": "/usr/lib/python3/clickstream_platform"}, "imports another clickstream_platform, from /usr/lib"),
        ({"versions": {"pyarrow": "1.0"}}, r"has pyarrow 1\.0, this one has \d"),
        ({"unseen": ("another folder at /lake",)}, r"does not see what is here \(another folder at /lake\); lake and"),
        ({"wrote": "/nowhere/_probe"}, "what it writes into /nowhere is not seen here; the lake must be"),
    ],
)
def test_a_worker_that_lacks_something_is_told_by_its_host(different: dict[str, object], said: str) -> None:
    asked = asked_of()
    with pytest.raises(SetupError, match=rf"^worker there: .*{said}"):
        require_worker(answer(asked, host="there", **different), asked, Settings())


def test_a_worker_looks_whether_files_are_those_that_the_driver_sees(tmp_path: Path) -> None:
    (file := tmp_path / "a.json").write_text("{}")
    (shared := tmp_path / "_probe-1").write_text("another content")
    asked = asked_of(tmp_path, file, shared=shared)
    file.write_text("{} ")

    assert answer(asked).unseen == (f"another folder at {tmp_path}", f"{file} has 3 bytes there, and 2 here")
    file.unlink()
    shared.unlink()
    assert answer(asked).unseen == (
        f"No such file or directory: {shared}",
        f"No such file or directory: {file}",
    )


FAILURES = [
    (
        'java.io.IOException: Cannot run program "/opt/py": error=2, No such file',
        "it has no Python at /opt/py; install",
    ),
    (
        "pyspark.errors.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.10"
        " than that in driver: 3.11, PySpark cannot run",
        r"is 3\.10, this one is 3\.11; have the same minor version",
    ),
    (
        "Traceback:\n  File x\nModuleNotFoundError: No module named 'pyspark'\n",
        "No module named 'pyspark'; install what",
    ),
    ("\tat java\nOut of everything", r"its first task failed \(Out of everything\)"),
    ("", "its first task failed"),
]


@pytest.mark.parametrize(("failure", "said"), FAILURES)
def test_what_spark_says_of_a_failed_task_becomes_one_sentence(failure: str, said: str) -> None:
    assert re.search(said, str(worker_failure(failure, "there", Settings())))
    assert str(worker_failure(failure, "there", Settings())).startswith("worker there: ")
