"""Jobs whose launchpad opens with what may be said there, valid and ready to be changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg


def choice_field(name: str, values: Iterable[str]) -> dg.Enum:
    """A choice of words. The launchpad offers them and marks any other."""
    return dg.Enum(name, [dg.EnumValue(value) for value in values])


def time_field(description: str) -> dg.Field:
    """An end of a stretch of time, or null."""
    return dg.Field(dg.Noneable(str), is_required=False, default_value=None, description=description)


def one_op_job(name: str, op: dg.OpDefinition, description: str, **config: Any) -> dg.JobDefinition:
    """A job of one op. Launched as it opens, it runs with this config."""

    @dg.job(name=name, description=description, config={"ops": {op.name: {"config": config}} if config else {}})
    def launched() -> None:
        op()

    return launched
