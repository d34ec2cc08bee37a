"""The schema registry that records of Kafka are decoded by, and how it lets us in."""

from __future__ import annotations

import json
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class RegistrySettings(BaseSettings):
    """Where it is, who we are there, and what becomes of what it does not know."""

    registry: str = Field(
        default="",
        description="Kafka: address of the schema registry whose Avro and JSON Schema records are read. Not set: none.",
    )
    registry_options: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        repr=False,  # holds passwords
        description="Kafka: how the registry lets us in: basic.auth.user.info, bearer.auth.token and ssl.*, "
        "as a JSON object. Never shown.",
    )
    registry_unknown: Literal["auto", "quarantine", "stop"] = Field(
        default="auto",
        description="Kafka: at a schema that the registry does not know: quarantine its records, or stop the run. "
        "auto: quarantine, unless a mask leaves no bytes to read later.",
    )

    @field_validator("registry_options", mode="before")
    @classmethod
    def _options(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("registry")
    @classmethod
    def _a_registry(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            msg = "allowed: an address that begins with https:// or http://, without ? and #"
            raise ValueError(msg)
        return value
