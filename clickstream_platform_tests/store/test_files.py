"""Objects of a store as files: each thread that reads one gets its own bytes, and DuckDB and Arrow get the table."""

from __future__ import annotations

import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier

import duckdb
import obstore
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from clickstream_platform.simulator.counting import count_requests
from clickstream_platform.simulator.seaweed import Seaweed, lend_credentials
from clickstream_platform.store.access import bucket_client
from clickstream_platform.store.files import ObjectReader, allow_store_reads, arrow_dataset_source
from clickstream_platform.store.place import StorePath
from clickstream_platform.streaming.lake.scan import open_duckdb
from clickstream_platform_tests.on_store import place_on

THREADS = 8


def test_threads_that_read_one_object_at_once_get_the_bytes_that_each_asked_for() -> None:
    content = Random(1).randbytes(size := 1_000_000)
    meet = Barrier(THREADS)
    reader = ObjectReader(size, lambda start, end: content[start:end])

    def reads_what_is_there(number: int) -> bool:
        places = [(Random(number).randrange(size), Random(-number).randrange(size)) for _ in range(200)]
        found: list[bool] = []
        for at, length in places:
            reader.seek(at)
            meet.wait(timeout=60)  # every thread has set its position before any of them reads
            found.append(reader.read(length) == content[at : at + length])
        return all(found)

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(reads_what_is_there, range(1, THREADS + 1)))


def test_positions_are_those_of_a_file() -> None:
    content = bytes(range(100))
    reader = ObjectReader(len(content), lambda start, end: content[start:end])
    file = io.BytesIO(content)
    for seek, length in [((0, 0), 10), ((-5, 2), 10), ((3, 0), 4), ((2, 1), 3), ((90, 0), -1), ((200, 0), 5)]:
        assert reader.seek(*seek) == file.seek(*seek)
        assert reader.read(length) == file.read(length)
        assert reader.tell() == file.tell()


def ids(seed: int, rows: int) -> pa.Table:
    """A table whose bytes do not shrink, in row groups enough for several threads."""
    drawn = Random(seed)
    return pa.table({"id": [f"{drawn.getrandbits(128):032x}" for _ in range(rows)], "number": range(rows)})


@pytest.mark.parametrize("rows", [1_000, 100_000])
def test_duckdb_and_arrow_read_what_was_written_of_whatever_size(store: Seaweed, place: str, rows: int) -> None:
    """DuckDB 2 reads one open file by eight threads, whatever ``threads`` says."""
    with lend_credentials(store):
        folder = StorePath.from_url(place, store.access)
        tables = [ids(seed, rows) for seed in range(3)]
        for number, table in enumerate(tables):
            written = io.BytesIO()
            pq.write_table(table, written, row_group_size=30_000)
            file = folder / f"{number}.parquet"
            obstore.put(bucket_client(file.bucket, file.access), file.key, written.getvalue())
        expected = pa.concat_tables(tables)
        with open_duckdb() as connection:
            allow_store_reads(connection, folder)
            found = connection.read_parquet([str(folder / f"{number}.parquet") for number in range(3)])
            assert found.order("id").to_arrow_table().equals(expected.sort_by("id"))
        by_arrow = ds.dataset(**arrow_dataset_source(folder, [f"{number}.parquet" for number in range(3)]))
        assert by_arrow.to_table().equals(expected)


def test_a_small_file_is_asked_about_once_and_read_once_by_a_connection(store: Seaweed, place: str) -> None:
    with lend_credentials(store), count_requests(store.endpoint) as (endpoint, requests):
        file = place_on(endpoint, place) / "a.parquet"
        client = bucket_client(file.bucket, file.access)
        written = io.BytesIO()
        pq.write_table(ids(1, 1_000), written)
        obstore.put(client, file.key, written.getvalue())
        requests.clear()
        with open_duckdb() as connection:
            allow_store_reads(connection, file)
            for _ in range(2):
                assert connection.read_parquet([str(file)]).aggregate("count(*)").fetchall() == [(1_000,)]
        assert Counter(each.kind for each in requests) == {"HEAD": 1, "GET": 1}

        obstore.delete(client, file.key)
        with open_duckdb() as connection:  # another one remembers nothing
            allow_store_reads(connection, file)
            with pytest.raises(duckdb.IOException, match="No files found"):
                connection.read_parquet([str(file)])
