"""Drawn files are read to their end, record by record, or told to be broken: the part of the border without Spark."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings

from clickstream_platform.streaming.sources.files.sample import sample_files
from clickstream_platform.streaming.sources.source import PartRead
from clickstream_platform_tests.drawn_files import LIMIT, Drawn, files


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(files)
def test_a_file_of_any_form_is_read_whole_or_refused(drawn: Drawn) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"a{drawn.ending.decode()}"
        file.write_bytes(drawn.content())
        found = _numbers(file)
    if not drawn.is_spoiled:
        assert found == (None if drawn.is_damaged else [*drawn.records()])


def _numbers(file: Path) -> list[int] | None:
    """The numbers of its records; None if it cannot be read to its end."""
    read = [*sample_files(file, LIMIT, "auto")]
    if any(each.fault for each in read if isinstance(each, PartRead)):
        return None
    return [number for each in read if not isinstance(each, PartRead) for number in each["offset"].to_pylist()]
