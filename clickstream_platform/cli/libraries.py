"""Which errors of libraries are told in one line, as they are no bug of ours: the one list of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NamedTuple


class Raised(NamedTuple):
    """The class of all errors of a library that are meant.

    Attributes:
        package: whoever has not imported it cannot have its errors.
        module: where the class is.
        name: of the class.
        of_files: whether they are about files of tables, and not about a query.
    """

    package: str
    module: str
    name: str
    of_files: bool


ERRORS = (
    Raised("pyspark", "py4j.protocol", "Py4JError", of_files=False),
    Raised("pyspark", "pyspark.errors", "PySparkException", of_files=False),
    Raised("deltalake", "deltalake.exceptions", "DeltaError", of_files=True),
    Raised("duckdb", "duckdb", "Error", of_files=True),
    Raised("pyarrow", "pyarrow", "ArrowException", of_files=True),
)


def raised_by_libraries() -> tuple[type[BaseException], ...]:
    """These classes, of the libraries that are imported.

    Looked up once something was raised: a command without one of them never imports it.
    """
    return _classes(ERRORS)


def is_of_files(error: BaseException) -> bool:
    """Whether a library says by it that a file of a table is damaged or gone."""
    if isinstance(error, OSError):
        return error.errno is None  # Arrow says of a file that is gone which it is, and no number
    return isinstance(error, _classes(tuple(each for each in ERRORS if each.of_files)))


def _classes(errors: tuple[Raised, ...]) -> tuple[type[BaseException], ...]:
    return tuple(getattr(import_module(each.module), each.name) for each in errors if each.package in sys.modules)
