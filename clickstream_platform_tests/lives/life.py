"""What can be done to one lake, in any order, stopped anywhere; and beside it what a naive program is told of that."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.maintenance.backup import backup
from clickstream_platform.streaming.maintenance.erasure import forget
from clickstream_platform.streaming.maintenance.filling import fill
from clickstream_platform.streaming.maintenance.housekeeping import maintain
from clickstream_platform.streaming.maintenance.reprocess import replay
from clickstream_platform.streaming.maintenance.restore import restore
from clickstream_platform.streaming.maintenance.retention import expire, expire_rejected
from clickstream_platform.streaming.maintenance.stretch import rebuild_stretch, require_stretch
from clickstream_platform.streaming.runtime.run import rebuild
from clickstream_platform_tests.conftest import Lab
from clickstream_platform_tests.faults import InjectedError, fault
from clickstream_platform_tests.lives import drawn
from clickstream_platform_tests.lives.declared import RELAXED, SOURCES, STRICT, Declared
from clickstream_platform_tests.lives.drawn import Arrival, Declaration, Stopped
from clickstream_platform_tests.lives.found import rejected, require_balance, require_events
from clickstream_platform_tests.lives.records import NOON, USERS, File, files
from clickstream_platform_tests.lives.told import Told
from clickstream_platform_tests.stopped_run import Stop

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.streaming.contract.table import StreamingTable


class Life(RuleBasedStateMachine):
    """One lake. A new one for every example, in a folder of its own.

    After every step that changes it its account balances; at its end its events are those that the naive program names.
    """

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        super().__init__()
        self.spark, self.folder = spark, folder
        self.declared = Declared(folder, folder / "home", sources=["main", "other"], types=STRICT)
        self.told = Told()
        self.backups: list[tuple[Path, Told]] = []
        self.moves = 0
        self.is_settled = True  # no batch and no replay is half done
        self.has_gone_on = False  # since the account was looked at
        self.is_by_another_rule = False  # some events were recognised as copies by a rule that is not today's
        self.declared.make_folders(SOURCES)

    @initialize(
        by_id=st.booleans(),
        span=drawn.spans,
        enveloped=st.booleans(),
        derived=drawn.derived_tables,
        file=files,
    )
    def begin(self, *, by_id: bool, span: timedelta, enveloped: bool, derived: str, file: File) -> None:
        of_it = {"by_id": by_id, "span": span, "enveloped": enveloped, "derived": derived}
        self.declared = replace(self.declared, **of_it)
        self.land(file, "main")
        self.run(only_events=False, stop=None)

    # What arrives, and runs.

    @rule(file=files, source=drawn.sources)
    def land(self, file: File, source: str) -> None:
        if not self.declared.enveloped:
            file = File(file.keys)
        self.told.landed.append((source, file))
        self.lab.land(*file.lines(), name=f"{len(self.told.landed):03}.json", into=self.folder / source)

    @rule(declared=drawn.declarations, arrives=drawn.arrivals, only_events=st.booleans(), stop=drawn.stops(6))
    def declare_and_run(
        self, declared: Declaration, arrives: Arrival | None, *, only_events: bool, stop: Stopped | None
    ) -> None:
        types, contract = declared
        self.declared.types, self.declared.contract = types, contract or self.declared.contract
        if arrives:
            self.land(*arrives)
        self.run(only_events=only_events, stop=stop)

    def run(self, *, only_events: bool, stop: Stopped | None) -> None:
        if self.is_whole(lambda: self.lab.run(*(["events"] if only_events else [])), stop):
            self.has_run()

    @rule(file=files, source=drawn.sources, nth=st.integers(0, 4), when=drawn.whens)
    def kill_run(self, file: File, source: str, nth: int, when: Literal["before", "after"]) -> None:
        self.land(file, source)
        run = Stop("kill group", nth, when).start("run", *self.lab.contracts, **self.declared.environment(self.lab))
        if run.wait(timeout=300) == 0:
            self.has_run()
            return
        assert run.returncode == -signal.SIGKILL
        self.is_settled, self.has_gone_on = False, True

    # What is declared.

    @rule(by_id=st.booleans(), span=drawn.spans)
    def recognise_duplicates(self, *, by_id: bool, span: timedelta) -> None:
        was = self.declared.within
        self.declared.by_id, self.declared.span = by_id, span
        self.is_by_another_rule |= self.declared.within != was

    @rule(source=drawn.sources, at=st.integers(0, 2))
    def name_or_leave_out(self, source: str, at: int) -> None:
        self.settle()
        if source not in self.declared.sources:
            self.declared.sources.insert(at, source)
        elif len(self.declared.sources) > 1:
            self.declared.sources.remove(source)

    # What changes `events` otherwise.

    @rule(source=st.sampled_from([None, None, *SOURCES]), types=st.sampled_from([STRICT, RELAXED]), stop=drawn.stops(4))
    def replay(self, source: str | None, types: tuple[str, ...], stop: Stopped | None) -> None:
        self.declared.types = types
        if source and not self.told.has_read(source):
            return
        was_settled = self.is_settled
        try:
            self.is_whole(lambda: replay(self.events, self.spark, self.lab.lake, source=source), stop)
        except SourceError:  # it may wait for the run that completes a batch
            assert not was_settled

    @rule(stop=drawn.stops(4))
    def fill(self, stop: Stopped | None) -> None:
        self.declared.contract = "commerce"
        self.is_whole(lambda: fill(self.events, self.lab.lake), stop)

    @rule(user=st.sampled_from(sorted({*USERS.values()})), stop=drawn.stops(6))
    def forget(self, user: str, stop: Stopped | None) -> None:
        if not self.is_whole(lambda: forget(user, self.contracts, self.spark, self.lab.lake), stop):
            self.told.unfinished.append(("forget", user))
            return
        self.has_run()
        self.told.forget(user)

    @rule(before=st.sampled_from([date(2024, 3, 2), date(2024, 3, 3)]), stop=drawn.stops(8))
    def expire(self, before: date, stop: Stopped | None) -> None:
        self.is_by_another_rule |= self.declared.by_id  # what an event that is gone had taken out stays out
        if not self.is_whole(lambda: expire(before, self.contracts, self.spark, self.lab.lake), stop):
            self.told.unfinished.append(("expire", before))
            return
        self.has_run()
        self.told.expire(before, rejected(self.lab))

    @rule()
    def expire_rejected(self) -> None:
        self.settle()
        there = rejected(self.lab)
        expire_rejected(self.contracts, self.lab.lake, date.today() + timedelta(days=1))
        self.told.expire_rejected(there)

    # What should change nothing.

    @rule(at_once=st.booleans())
    def maintain(self, *, at_once: bool) -> None:
        self.has_gone_on = True
        maintain(self.contracts, self.lab.lake, files_kept=timedelta(0) if at_once else None)

    @rule(stop=drawn.stops(2))
    def rebuild(self, stop: Stopped | None) -> None:
        self.is_whole(lambda: rebuild(self.lab.contracts[self.declared.derived], self.spark, self.lab.lake), stop)

    @precondition(
        lambda self: self.declared.derived != "user_patterns" and self.lab.lake.table(self.declared.derived).exists
    )
    @rule(since=st.integers(-12, 40), hours=st.integers(1, 30))
    def rebuild_stretch(self, since: int, hours: int) -> None:
        table, begins = self.lab.contracts[self.declared.derived], NOON + timedelta(hours=since)
        stretch = require_stretch(table, begins, begins + timedelta(hours=hours))
        rebuild_stretch(table, stretch, self.spark, self.lab.lake)

    @rule()
    def back_up(self) -> None:
        folder = self.folder / f"backup-{len(self.backups)}"
        backup(self.contracts, self.lab.lake, folder)
        self.backups.append((folder, self.told.copy()))

    @precondition(lambda self: self.backups)
    @rule(which=st.integers(0, 9))
    def restore(self, which: int) -> None:
        folder, told = self.backups[which % len(self.backups)]
        self.move_to_new_home()
        restore(folder, self.lab.lake)
        self.told, self.is_settled = told.copy(), False

    @rule()
    def move(self) -> None:
        was = self.declared.home
        self.move_to_new_home()
        shutil.move(was, self.declared.home)

    @precondition(lambda self: self.told.unfinished)
    @rule()
    def say_again(self) -> None:
        unfinished, self.told.unfinished = self.told.unfinished, []
        for method, argument in unfinished:
            getattr(self, method)(argument, stop=None)

    # What is so after every step, and in the end.

    @invariant()
    def the_account_balances(self) -> None:
        if self.has_gone_on:
            require_balance(self.lab, but="still in quarantine: run")
            self.has_gone_on = False

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:  # else a step has failed, and that is what is to be told
            self.end()
            shutil.rmtree(self.folder)

    def end(self) -> None:
        """Whatever was left is done, and all is there."""
        note(f"home: {self.declared.home}")
        self.declared.sources = [*SOURCES]
        self.land(File((("a", NOON),)), "history")
        self.run(only_events=True, stop=None)
        self.say_again()
        self.replay(None, RELAXED, stop=None)
        if self.declared.contract:
            self.fill(stop=None)
        self.run(only_events=False, stop=None)
        require_balance(self.lab)
        for verification in self.lab.verify().values():
            assert verification.clean, verification
        assert not rejected(self.lab)
        require_events(self.lab, self.told, within=self.declared.within, by_one_rule=not self.is_by_another_rule)

    # What the steps use.

    @property
    def lab(self) -> Lab:
        return self.declared.lab(self.spark)

    @property
    def contracts(self) -> list[StreamingTable]:
        return [*self.lab.contracts.values()]

    @property
    def events(self) -> StreamingTable:
        return self.lab.contracts["events"]

    def is_whole(self, do: Callable[[], object], stop: Stopped | None) -> bool:
        """Do it, to its end or to where an error stops it."""
        self.has_gone_on = True
        if stop is None:
            do()
            return True
        try:
            with fault(*stop):
                do()
        except Exception as ended:
            if InjectedError.__name__ not in f"{type(ended).__name__}: {ended}":  # Spark and py4j tell of it in theirs
                raise
            self.is_settled = False
            return False
        return True

    def has_run(self) -> None:
        """All that has landed in the sources that are named has been read."""
        self.told.run(self.declared.sources)
        self.is_settled, self.has_gone_on = True, True

    def settle(self) -> None:
        """Complete a batch, and put away what a replay has left."""
        if not self.is_settled:
            self.run(only_events=True, stop=None)

    def move_to_new_home(self) -> None:
        self.moves += 1
        self.declared.home = self.folder / f"home-{self.moves}"
