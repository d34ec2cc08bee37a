"""One SparkSession for the whole test session; a lake of its own for every test."""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.internal.constants_ast import Constants

from clickstream_platform.jvm.session import build_session
from clickstream_platform.jvm.store import store_of
from clickstream_platform.settings import Settings, from_env
from clickstream_platform.simulator.broker import Broker
from clickstream_platform.simulator.seaweed import Seaweed, run_store
from clickstream_platform.streaming.audit.verify import verify
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.lake.reader import read_snapshot
from clickstream_platform.streaming.runtime.run import run
from clickstream_platform.streaming.sources.kafka import cluster
from clickstream_platform.tables import tables
from clickstream_platform_tests import parts
from clickstream_platform_tests.azurite import Azurite, run_azurite
from clickstream_platform_tests.few_records import FEW
from clickstream_platform_tests.google_bucket import GoogleBucket
from clickstream_platform_tests.no_jvm import no_jvm
from clickstream_platform_tests.on_store import AnyStore, lakes_on, placed
from clickstream_platform_tests.part_times import PartTimes, remember_part
from clickstream_platform_tests.topics import Topic, secured

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from clickstream_platform.streaming.audit.verify import Verification
    from clickstream_platform.streaming.contract.table import StreamingTable
    from clickstream_platform.streaming.runtime.report import RunReport

# How long an example takes says how busy the machine is, and nothing of what is claimed. The examples of a commit are
# always the same, so that one that passed passes again; `make soak` draws new ones (--hypothesis-profile=drawn).
settings.register_profile("drawn", deadline=None)
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=3, help="how often a run over Kafka is killed; 20 is a soak")
    parser.addoption("--part", type=parts.named, help="only the tests of a part of the suite, or of several: a,b")
    parser.addoption("--lake", choices=("folder", "store"), default="folder", help="where the lake of a `lab` lies")
    parser.addoption("--store-at", metavar="URL", help="azurite, gs://bucket, or an S3 store's address")


def pytest_configure(config: pytest.Config) -> None:
    folder = TemporaryDirectory(prefix="no-jvm-")
    config.add_cleanup(folder.cleanup)
    config.stash[TELLTALE] = Path(folder.name)
    for part in parts.PARTS:
        config.addinivalue_line("markers", f"{part.name}: {part.what}")
    config.pluginmanager.register(PartTimes(config.getoption("numprocesses", None) or 1))


def pytest_sessionstart() -> None:
    """Let the examples depend on the test alone.

    Hypothesis draws constants that stand in modules of the project too, as far as they are imported by then: another
    set on each worker, and after any change of the code. It has no setting for that.
    """
    if settings().derandomize:
        assert hasattr(HypothesisProvider, "_local_constants")
        HypothesisProvider._local_constants = Constants()  # pyright: ignore[reportPrivateUsage]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare a part the import of modules that can have no test of it."""
    chosen: tuple[str, ...] = config.getoption("--part") or ()
    return True if chosen and not any(parts.may_have(collection_path, part) for part in chosen) else None


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test with what it needs, its part and its group; leave out the other parts; one part after another."""
    chosen: tuple[str, ...] = config.getoption("--part") or ()
    part_of = {item: parts.part_of(item) for item in items}
    for item, part in part_of.items():
        remember_part(item, part)
        for name in {part, parts.JVM} if part not in (parts.FAST, parts.WIDE) else ():
            item.add_marker(name)
        if group := parts.group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
    if chosen:
        config.hook.pytest_deselected(items=[item for item in items if part_of[item] not in chosen])
        items[:] = [item for item in items if part_of[item] in chosen]
    items.sort(key=lambda item: parts.NAMES.index(part_of[item]))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the fixtures too, whatever their scope
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    if not parts.needs_jvm(item):
        guard = ExitStack()
        guard.enter_context(no_jvm(item.config.stash[TELLTALE]))
        item.stash[GUARD] = guard
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    try:
        return (yield)
    finally:
        if GUARD in item.stash:
            item.stash[GUARD].close()


GUARD = pytest.StashKey[ExitStack]()
TELLTALE = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """The session every Spark test shares: 5-8 s, once. With ``--lake=store`` it is one for lakes on a store."""
    settings = Settings(home=tmp_path_factory.mktemp("spark"), spark_master="local[2]", spark_conf=FEW)
    with ExitStack() as running:
        is_on_store = request.config.getoption("--lake") == "store"
        if is_on_store:
            running.enter_context(lakes_on(request.getfixturevalue("store")))
        settings = placed(settings)
        session = build_session(settings, "tests", store=store_of(settings))
        running.callback(session.stop)
        yield session


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The Kafka broker that every test shares: 3 s, once."""
    folder = tmp_path_factory.mktemp("broker")
    shared = Broker(folder, secured(folder))
    shared.up(from_env().cache)
    yield shared
    shared.down()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azure's store that every test shares: 2 s, once; 30 s more where it is not installed yet."""
    with run_azurite(tmp_path_factory.mktemp("azurite"), from_env().cache) as azure:
        yield azure


@pytest.fixture(scope="session", params=["store", "azurite"])
def each_store(request: pytest.FixtureRequest) -> AnyStore:
    """One store after another of each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[AnyStore]:
    """The object store that every test shares: 3 s, once. In a fresh folder, as it is slow on what a kill has left."""
    there = request.config.getoption("--store-at")
    if there == "azurite":
        yield request.getfixturevalue("azurite")
        return
    if there and there.startswith("gs://"):
        yield GoogleBucket(there.removeprefix("gs://"), os.environ.get("CLICKSTREAM_STORE_ENDPOINT", ""))
        return
    if there:
        yield Seaweed(there, os.environ["AWS_SECRET_ACCESS_KEY"], key=os.environ["AWS_ACCESS_KEY_ID"])
        return
    with run_store(tmp_path_factory.mktemp("store")) as seaweed:
        yield seaweed


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """An address on the store of its own for every test: ``s3://bucket/...``. Also where tests have left others."""
    store: AnyStore = request.getfixturevalue("each_store" if "each_store" in request.fixturenames else "store")
    name = re.sub(r"\W+", "-", request.node.name)[:80]
    return store.address(f"{name}-{next(_numbers)}-{secrets.token_hex(4)}")


@pytest.fixture
def topic(broker: Broker, request: pytest.FixtureRequest) -> Topic:
    """A name of its own for every test; the test makes the topic."""
    address = broker.address()
    assert address
    name = re.sub(r"\W+", "-", request.node.name)[:80]
    return Topic(address, f"{name}-{next(_numbers)}")


_numbers = itertools.count()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a broker that is down: nobody waits long for its answer."""
    monkeypatch.setattr(cluster, "TIMEOUT", 0.2)


def event(user: str = "u", at: str = "10:00:00", **fields: Any) -> dict[str, Any]:
    """A valid click on 2024-03-01 (or on the day that ``at`` names); a test gives the fields that matter to it."""
    timestamp = at if "T" in at else f"2024-03-01T{at}Z"
    return {"user_id": user, "session_id": "s", "event_type": "click", "timestamp": timestamp, **fields}


def killed(*_: object) -> None:
    """In place of a step: the process ends there."""
    raise KeyboardInterrupt


KINDS = ("events", "user_activity", "sessions", "purchases", "user_patterns")


@dataclass
class Lab:
    """A home of its own: land records, run tables, look at what came out."""

    spark: SparkSession
    settings: Settings
    landed: int = 0
    contracts: dict[str, StreamingTable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = placed(self.settings)
        self.contracts = tables(self.settings)

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_folder)

    @property
    def landing(self) -> Path:
        return Path(self.settings.source_url)

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process of its own about this home, and where its lake is."""
        named = {"home": str(self.settings.home)}
        if self.settings.lake:
            http = str(self.settings.store_allow_http)
            named |= {"lake": self.settings.lake, "store_endpoint": self.settings.store_endpoint}
            named |= {"store_allow_http": http}
        return {f"CLICKSTREAM_{name.upper()}": value for name, value in named.items()}

    def land(self, *records: dict[str, Any] | str | bytes, name: str = "", into: Path | None = None) -> Path:
        """Put one file of records into the landing folder, or into another."""
        self.landed += 1
        lines = [record if isinstance(record, bytes) else _line(record) for record in records]
        file = (into or self.landing) / (name or f"{self.landed:04d}.json")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        return file

    def only(self, *names: str) -> Lab:
        """Leave the other tables alone from now on: one table of each kind of state (:data:`KINDS`) proves as much."""
        self.contracts = {name: self.contracts[name] for name in names}
        return self

    def reading(self, source: str, **settings: Any) -> Lab:
        """The same home with another source, or other settings."""
        return replace(self, settings=self.settings.model_copy(update={"source": source, **settings}))

    def run(self, *names: str, **options: Any) -> dict[str, RunReport]:
        """Run these tables, or all, in order."""
        return {name: run(self.contracts[name], self.spark, self.lake, **options) for name in names or self.contracts}

    def table(self, name: str) -> DataFrame:
        return read_snapshot(self.spark, self.lake.table(name).path)

    def verify(self, *names: str) -> dict[str, Verification]:
        """Compare these tables, or all, with their queries."""
        return {name: verify(self.contracts[name], self.spark, self.lake) for name in names or self.contracts}

    def assert_exact(self, *names: str) -> None:
        """Every table equals its query over all accepted events, and the ledger balances."""
        for verification in self.verify(*names).values():
            assert verification.clean, verification


def without_a_column(lab: Lab, name: str, of: str = "events") -> Lab:
    """As a release that did not have that column yet."""
    contract = lab.contracts[of]
    columns = tuple(column for column in contract.columns if column.name != name)
    assert columns != contract.columns
    lab.contracts = {**lab.contracts, of: replace(contract, columns=columns)}
    return lab


def _line(record: dict[str, Any] | str) -> bytes:
    return (record if isinstance(record, str) else json.dumps(record)).encode()


@pytest.fixture
def lab(spark: SparkSession, tmp_path: Path) -> Lab:
    return Lab(spark, Settings(home=tmp_path / "home"))
