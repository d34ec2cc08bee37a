"""Where a lake may lie, and the settings of the object store on which it or its source may lie."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from clickstream_platform.errors import SettingsError
from clickstream_platform.files import folder_of_tables
from clickstream_platform.store.access import Access
from clickstream_platform.store.place import SCHEME, Place, StorePath
from clickstream_platform.wording import without_passwords

# What Spark, DuckDB and delta-rs all read as it stands.
_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.=-]+)+/?", re.ASCII)
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/(.*))?", re.ASCII | re.DOTALL)
UNTRIED = ("az", "abfs", "abfss", "gs", "s3a")


class _OfAmazon(BaseSettings):
    """What the environment tells Amazon's own tools."""

    model_config = SettingsConfigDict(env_prefix="AWS_", env_file=".env", extra="ignore", frozen=True)

    endpoint_url_s3: str = ""
    endpoint_url: str = ""
    region: str = ""
    default_region: str = ""


class StoreSettings(BaseSettings):
    """The home, the lake's place, how its store is reached. Credentials are none: clients find them by themselves."""

    home: Path = Field(default=Path(".clickstream"), description="Folder that holds all below, unless set apart.")
    lake: str = Field(
        default="",
        description="Folder of the Delta tables and their checkpoints, or s3://bucket/prefix. Default: <home>/lake.",
    )
    store_endpoint: str = Field(
        default="", description="Address of a store that is not Amazon's. Default: AWS_ENDPOINT_URL, if that is set."
    )
    store_region: str = Field(default="", description="The store's region. Default: AWS_REGION, or us-east-1.")
    store_path_style: bool = Field(
        default=True, description="Whether a bucket is the first part of the path. If not, of the host's name."
    )
    store_allow_http: bool = Field(default=False, description="Whether the store may be reached without TLS.")

    @field_validator("lake")
    @classmethod
    def _a_place(cls, value: str) -> str:
        scheme, is_address, _ = value.partition("://")
        if not is_address:
            return str(folder_of_tables(value)) if value else value
        if scheme in UNTRIED:
            msg = "allowed: a folder, or s3://bucket/prefix; stores of other kinds were never tried"
            raise ValueError(msg)
        if not _ADDRESS.fullmatch(value):
            msg = "allowed: a folder, or s3://bucket/prefix, the prefix of letters, digits and any of _ . = - /"
            raise ValueError(msg)
        return value.rstrip("/")

    @field_validator("store_endpoint")
    @classmethod
    def _an_endpoint(cls, value: str, info: ValidationInfo) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query):
            msg = "allowed: https://host or http://host:port, without a user or a password"
            raise ValueError(msg)
        return value.rstrip("/")

    @property
    def queries_folder(self) -> Path:
        """Where running queries are written down."""
        return self.home / "queries"

    @property
    def lake_folder(self) -> Place:
        """The lake, with the default filled in.

        Raises:
            SettingsError: its store may not be reached as the settings say.
        """
        if self.lake.startswith(SCHEME):
            return StorePath.from_url(self.lake, self.store_access)
        return Path(self.lake) if self.lake else self.home / "lake"

    def place_at(self, url: str, variable: str) -> StorePath:
        """A place on the store that is only read, so that its prefix may have any signs that a key may have.

        Raises:
            SettingsError: it is none; or the store may not be reached as the settings say.
        """
        finding = without_passwords(f"{url!r} is not allowed")
        if url.partition("://")[0] in UNTRIED:
            remedy = "allowed: s3://bucket/prefix; stores of other kinds were never tried"
            raise SettingsError(variable, finding, remedy)
        address = _BUCKET.fullmatch(url)
        prefix = ((address and address[1]) or "").rstrip("/")
        if not address and url.removeprefix(SCHEME).partition("/")[0]:
            remedy = "name a bucket: 3 to 63 of a-z, 0-9, . and -, no . or - at an end"
            raise SettingsError(variable, finding, remedy)
        if not address or not prefix.isprintable() or {"", ".", ".."} & {*(prefix.split("/") if prefix else ())}:
            raise SettingsError(variable, finding, "allowed: s3://bucket/prefix, no part of it being empty, . or ..")
        return StorePath.from_url(url, self.store_access)

    @property
    def store_access(self) -> Access:
        """How the store is reached. Raises a SettingsError where two variables say different things."""
        of_amazon = _OfAmazon()
        endpoint = self.store_endpoint or of_amazon.endpoint_url_s3 or of_amazon.endpoint_url
        if endpoint.startswith("http://") and not self.store_allow_http:
            remedy = "say https://, or set CLICKSTREAM_STORE_ALLOW_HTTP=true: what is sent can then be read on the way"
            raise SettingsError("CLICKSTREAM_STORE_ENDPOINT", "it is an address without TLS", remedy)
        if of_amazon.endpoint_url_s3 not in ("", endpoint):
            # Which of the two counts, clients do not agree on: half a lake would lie elsewhere.
            finding = "AWS_ENDPOINT_URL_S3 names another store"
            raise SettingsError("CLICKSTREAM_STORE_ENDPOINT", finding, "unset one of them")
        region = self.store_region or of_amazon.region or of_amazon.default_region or "us-east-1"
        return Access(endpoint.rstrip("/"), region, self.store_path_style, self.home)
