"""Landing files against the ledger, one by one. Lists and reads by itself: :mod:`.recount_files`, :mod:`.count`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from clickstream_platform.store.place import Place
from clickstream_platform.streaming.lake.entry import Entry
from clickstream_platform.streaming.sources.envelope_count import Envelopes, Tally, describe_unknown
from clickstream_platform.streaming.sources.files.count import FileCount
from clickstream_platform.streaming.sources.files.recount_files import Identity, LandedFiles, landed_files
from clickstream_platform.streaming.sources.recount import Recount, VanishedInput
from clickstream_platform.wording import number_of


@dataclass(frozen=True)
class Plans:
    """What the checkpoint says, beside the ledger. To be asked before the ledger: a run may go on meanwhile.

    Attributes:
        committed: the files that committed batches have read.
        by_spark: of batches that Spark has planned itself, before there were manifests: the files, by its log's number.
    """

    committed: frozenset[str]
    by_spark: dict[int, list[str]]


@dataclass
class _Batch:
    """What a batch's files were found to hold; whether that is all of what it has read."""

    entry: Entry
    tally: Tally | None
    is_whole: bool = True

    def differs(self) -> str | None:
        contradiction = self.tally.contradiction(self.entry) if self.tally and self.is_whole else None
        return contradiction and f"batch {self.entry.batch_id} {contradiction}"


@dataclass(frozen=True)
class _Booking:
    of_batch: _Batch
    batch_id: int
    bytes: int
    records: int
    refused: str | None
    format: str

    @property
    def tally(self) -> Tally | None:
        """What looks into its records: only lines are looked into."""
        return None if self.format else self.of_batch.tally


@dataclass
class _Findings:
    """What has been found so far."""

    checked: int = 0
    bytes: int = 0
    records: int = 0
    unread: dict[str, int] = field(default_factory=dict[str, int])
    gone: list[VanishedInput] = field(default_factory=list[VanishedInput])
    notes: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])

    def add(self, count: FileCount, *, refused: bool = False) -> None:
        """Add what a file holds. What looks like records in one that was refused whole was not read, and is none."""
        self.checked += 1
        self.bytes += count.bytes
        self.records += 0 if refused else count.records


def recount_files(folder: Place, plans: Plans, entries: Iterable[Entry], envelopes: Envelopes | None = None) -> Recount:
    """Count every file of the source again, and compare it with what was booked of it.

    Args:
        folder: the source.
        plans: what is read and what is not.
        entries: the ledger of ``events``.
        envelopes: how records are opened today; without, the events in them are not counted.
    """
    landed, findings, envelopes = landed_files(folder), _Findings(), envelopes or Envelopes()
    read = sorted(entries, key=lambda entry: entry.committed_at_ms)
    booked = _bookings(read, findings, envelopes)
    known = _check_read_once(landed, booked, findings)
    for name, booking in booked.items():
        _compare(name, booking, landed.count(name, booking.format, booking.tally), findings)
    batches = list({id(each.of_batch): each.of_batch for each in booked.values()}.values())
    findings.errors += [contradiction for each in batches if (contradiction := each.differs())]
    tallies = [each.tally for each in batches if each.tally]
    findings.notes += [*envelopes.mapping_changes(read), *describe_unknown(tallies)]
    if unlike := sum(bool(each.format and each.of_batch.tally) for each in booked.values()):
        findings.notes.append(
            f"the events in records of {number_of(unlike, 'file')} that are no lines are not counted again"
        )
    for entry in read:
        if not entry.account.files:
            known |= _compare_batch(landed, entry, plans, findings)
    _check_unaccounted(landed, known, plans, findings)
    return Recount(
        "files",
        checked=findings.checked,
        bytes=findings.bytes,
        records=findings.records,
        unread=findings.unread,
        gone=tuple(findings.gone),
        unnamed=frozenset(name for names in plans.by_spark.values() for name in names),
        notes=tuple(findings.notes),
        errors=tuple(findings.errors),
        opened=sum(each.opened for each in tallies),
        inside=sum(each.inside for each in tallies),
    )


def _bookings(entries: Iterable[Entry], findings: _Findings, envelopes: Envelopes) -> dict[str, _Booking]:
    booked: dict[str, _Booking] = {}
    for entry in entries:
        batch = _Batch(entry, envelopes.tally(entry))
        for name, (size, records) in entry.account.files.items():
            if name in booked:
                findings.errors.append(f"{name} is booked twice: in batch {booked[name].batch_id} and {entry.batch_id}")
            refused, file_format = entry.account.unreadable.get(name), entry.account.formats.get(name, "")
            booked[name] = _Booking(batch, entry.batch_id, size, records, refused, file_format)
            batch.is_whole &= not booked[name].format
        if entry.account.files and sum(records for _, records in entry.account.files.values()) != entry.rows_in:
            of_files = sum(records for _, records in entry.account.files.values())
            findings.errors.append(
                f"batch {entry.batch_id} is booked with {number_of(entry.rows_in, 'record')}, its files with {of_files}"
            )
    return booked


def _check_read_once(landed: LandedFiles, booked: Iterable[str], findings: _Findings) -> set[Identity]:
    """The files that are booked and there. One that is booked under two names was read twice."""
    names: dict[Identity, str] = {}
    for name in booked:
        identity = landed.identity(name)
        if identity is None:
            continue
        if identity in names:
            findings.errors.append(f"{names[identity]} and {name} are one file, and both are booked")
        names[identity] = name
    return set(names)


def _compare(name: str, booking: _Booking, counted: FileCount | None, findings: _Findings) -> None:
    booking.of_batch.is_whole &= counted is not None and counted.fault is None and counted.records == booking.records
    if counted is None:
        findings.gone.append(VanishedInput(name, booking.bytes, booking.records, "the file is gone"))
        return
    findings.add(counted, refused=bool(booking.refused))
    if booking.refused:
        if counted.fault is None and counted.is_text and counted.records:
            change = f"it was refused ({booking.refused}) and can be read now: {number_of(counted.records, 'record')}"
            findings.notes.append(f"{name}: {change}; land it again under another name")
        return
    if counted.bytes != booking.bytes:
        findings.errors.append(f"{name} has {number_of(counted.bytes, 'byte')}, booked are {booking.bytes:,}")
    if counted.fault:
        findings.errors.append(
            f"{name} cannot be read ({counted.fault}), booked: {number_of(booking.records, 'record')}"
        )
    elif counted.records != booking.records:
        findings.errors.append(f"{name} holds {number_of(counted.records, 'record')}, booked are {booking.records:,}")


def _compare_batch(landed: LandedFiles, entry: Entry, plans: Plans, findings: _Findings) -> set[Identity]:
    """A batch of before the ledger named files: only all of it together can be compared. Returns its files."""
    first, last = ((offset or {}).get("logOffset", -1) for offset in (entry.start, entry.end))
    names = [name for number in range(first + 1, last + 1) for name in plans.by_spark.get(number, ())]
    batch = f"batch {entry.batch_id}, of {number_of(len(names), 'file')}"
    counts = {name: landed.count(name) for name in names if name not in entry.account.unreadable}
    present = [each for each in counts.values() if each]
    if (not names and entry.rows_in) or len(present) < len(counts):
        why = (
            f"{len(counts) - len(present):,} of them are gone" if names else "nothing says any more which files it read"
        )
        findings.gone.append(
            VanishedInput(batch, None, entry.rows_in, f"{why}, and its ledger entry does not name files")
        )
    else:
        for each in present:
            findings.add(each)
        if (records := sum(each.records for each in present)) != entry.rows_in:
            findings.errors.append(f"{batch}: they hold {number_of(records, 'record')}, booked are {entry.rows_in:,}")
    return {identity for name in names if (identity := landed.identity(name))}


def _check_unaccounted(landed: LandedFiles, known: set[Identity], plans: Plans, findings: _Findings) -> None:
    """The files that no entry accounts for."""
    read = {identity for name in plans.committed if (identity := landed.identity(name))}
    for partition, identity, size in landed.files(findings.notes):
        if identity in known:
            continue
        known.add(identity)
        if identity in read:
            count = landed.count(partition)
            records = count.records if count else 0
            finding = f"{number_of(size, 'byte')} and {number_of(records, 'record')} that no entry accounts for"
            findings.errors.append(f"{partition}: {finding}, though a committed batch has read the file")
        else:
            findings.unread[partition] = size
