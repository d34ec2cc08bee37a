"""Names for the tables of a lake in a Hive metastore, where other engines look for tables.

A name stands for a place. Columns and rows are in the Delta log alone, so a name never grows old: it shows each commit,
and a column that is declared later, without being registered again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from clickstream_platform.errors import CatalogError, SettingsError, UnreachableError
from clickstream_platform.jvm.listening import local_address_towards

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from clickstream_platform.store.place import Place

_SUBJECT = "metastore"
_DATABASE = re.compile(r"[A-Za-z0-9_]+")  # what Hive takes as a name
_FILE = re.compile(r"file:/+")


class Registered(NamedTuple):
    """A table under its name.

    Attributes:
        name: ``database.table``.
        place: where the table lies, as readers of the name are told.
        is_new: whether the name was not there before.
    """

    name: str
    place: str
    is_new: bool


class Metastore:
    """A Hive metastore, told of its tables by Spark's own client.

    Args:
        uris: ``thrift://host:port``, several with commas between them: the first that answers is taken.
        database: one that is there.

    Raises:
        SettingsError: one of both cannot be what it is to be.
    """

    def __init__(self, uris: str, database: str) -> None:
        self.uris = uris
        self.database = database
        self._servers = [_server(uri.strip()) for uri in uris.split(",")]
        if not _DATABASE.fullmatch(database):
            finding = f"{database!r} can be no database's name"
            raise SettingsError(_SUBJECT, finding, "use letters, digits and _; --database default is there everywhere")

    def require(self) -> None:
        """Raise if none of its servers listens. Takes seconds, where Hive's client would try for minutes.

        Raises:
            UnreachableError: none does.
        """
        try:
            local_address_towards(self._servers)
        except ConnectionError as failed:
            raise UnreachableError(_SUBJECT, f"none answers ({failed})", "start it, or name another") from failed

    def conf(self) -> dict[str, str]:
        """What a session needs to know it by, beside the confs of any session."""
        return {"spark.sql.catalogImplementation": "hive", "spark.hadoop.hive.metastore.uris": self.uris}

    def register(self, spark: SparkSession, places: Mapping[str, Place]) -> list[Registered]:
        """Give each table its name. A name that stands for the same place already stays as it is.

        Args:
            spark: a session with :meth:`conf`.
            places: where each table lies, by its name.

        Raises:
            CatalogError: there is no such database, or a name stands for something else; then none is new.
        """
        if not spark.catalog.databaseExists(self.database):
            remedy = f"create it with the tool that owns your databases: CREATE DATABASE {self.database}"
            raise CatalogError(_SUBJECT, f"it has no database {self.database!r}", remedy)
        named = {f"{self.database}.{name}": str(place) for name, place in places.items()}
        there = {name: _place_of(spark, name) for name in named}
        for name, place in named.items():
            if there[name] not in (None, _plain(place)):
                finding = f"{name} is something else already, at {there[name] or 'no place'}"
                raise CatalogError(_SUBJECT, finding, "drop that name, or choose another --database")
        registered = [Registered(name, place, there[name] is None) for name, place in named.items()]
        for each in registered:
            if each.is_new:
                spark.catalog.createTable(each.name, path=each.place, source="delta")
        return registered


def _server(uri: str) -> str:
    """Its host and port."""
    parts = urlsplit(uri)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme != "thrift" or not host or not port:
        raise SettingsError(_SUBJECT, f"{uri!r} is no address of one", "write thrift://host:9083")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _place_of(spark: SparkSession, name: str) -> str | None:
    """Where the table lies whose name this is; None if there is none, and empty for a view."""
    if not spark.catalog.tableExists(name):
        return None
    rows = spark.sql(f"describe table extended {name}").collect()
    return next((_plain(row["data_type"]) for row in rows if row["col_name"] == "Location"), "")


def _plain(place: str) -> str:
    """A place as a path, or as an address without the names that Hadoop has for S3."""
    return re.sub("^s3[an]://", "s3://", _FILE.sub("/", place, count=1))
