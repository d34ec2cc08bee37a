"""Where a lake may lie, and the settings of the object store on which it or its source may lie."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from clickstream_platform.errors import SettingsError
from clickstream_platform.files import folder_of_tables
from clickstream_platform.store.access import Access
from clickstream_platform.store.azure import HOST, AzureAccess, SignIn
from clickstream_platform.store.google import GoogleAccess
from clickstream_platform.store.place import Place, StorePath, is_address
from clickstream_platform.store.s3 import S3Access
from clickstream_platform.wording import without_passwords

_CONTAINER = "[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
_IN_AZURE = rf"az://{_CONTAINER}|abfss?://{_CONTAINER}@(?P<account>[a-z0-9]{{3,24}})\.{re.escape(HOST)}"
_OF_BUCKET = rf"(?:(?:s3|gs)://[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]|{_IN_AZURE})"
# What Spark, DuckDB and delta-rs all read as it stands.
_ADDRESS = re.compile(rf"{_OF_BUCKET}(/[\w.=-]+)+/?", re.ASCII)
_BUCKET = re.compile(rf"{_OF_BUCKET}(?:/(?P<prefix>.*))?", re.ASCII | re.DOTALL)
_BUCKET_NAMES = "name a bucket: 3 to 63 of a-z, 0-9, . and -, no . or - at an end"
_AZURE_NAMES = f"name a container, 3 to 63 of a-z, 0-9 and -: az://container/prefix, or with @account.{HOST} behind it"
UNTRIED = ("s3a", "wasb", "wasbs")
ALLOWED = f"s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or abfss://container@account.{HOST}/prefix"


class _OfAmazon(BaseSettings):
    """What the environment tells Amazon's own tools."""

    model_config = SettingsConfigDict(env_prefix="AWS_", env_file=".env", extra="ignore", frozen=True)

    endpoint_url_s3: str = ""
    endpoint_url: str = ""
    region: str = ""
    default_region: str = ""


class _OfAzure(BaseSettings):
    """What the environment tells Azure's own tools. Not what is in ``.env``: no client looks there for credentials."""

    model_config = SettingsConfigDict(env_prefix="AZURE_", extra="ignore", frozen=True)

    storage_account_name: str = ""
    storage_account_key: SecretStr = SecretStr("")
    storage_sas_token: SecretStr = SecretStr("")
    client_secret: SecretStr = SecretStr("")
    federated_token_file: str = ""

    @property
    def signs_in_by(self) -> SignIn:
        """What counts of several, in the order of the clients in Rust."""
        if self.storage_account_key.get_secret_value():
            return "key"
        if self.client_secret.get_secret_value() or self.federated_token_file:
            return "client"
        return "token" if self.storage_sas_token.get_secret_value() else "identity"


class _OfGoogle(BaseSettings):
    """What the environment tells Google's own tools, and what it tells the clients in Rust alone."""

    model_config = SettingsConfigDict(env_prefix="GOOGLE_", extra="ignore", frozen=True)

    base_url: str = ""
    service_account: str = ""
    service_account_path: str = ""
    service_account_key: SecretStr = SecretStr("")
    bearer_token: SecretStr = SecretStr("")

    @property
    def not_for_spark(self) -> str | None:
        """A variable that would let Python in, and not Spark."""
        return next((f"GOOGLE_{name.upper()}" for name, value in self if name != "base_url" and value), None)


class StoreSettings(BaseSettings):
    """The home, the lake's place, how its store is reached. Credentials are none: clients find them by themselves."""

    home: Path = Field(default=Path(".clickstream"), description="Folder that holds all below, unless set apart.")
    lake: str = Field(
        default="",
        description="Folder of the Delta tables and their checkpoints, or an address on a store. Default: <home>/lake.",
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
            msg = f"allowed: a folder, {ALLOWED}; stores of other kinds were never tried"
            raise ValueError(msg)
        if not _ADDRESS.fullmatch(value):
            msg = f"allowed: a folder, {ALLOWED}, the prefix of letters, digits and any of _ . = - /"
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
        if is_address(self.lake):
            return StorePath.from_url(self.lake, self.access_to(self.lake))
        return Path(self.lake) if self.lake else self.home / "lake"

    def place_at(self, url: str, variable: str) -> StorePath:
        """A place on the store that is only read, so that its prefix may have any signs that a key may have.

        Raises:
            SettingsError: it is none; or the store may not be reached as the settings say.
        """
        finding = without_passwords(f"{url!r} is not allowed")
        if url.partition("://")[0] in UNTRIED:
            raise SettingsError(variable, finding, f"allowed: {ALLOWED}; stores of other kinds were never tried")
        address = _BUCKET.fullmatch(url)
        prefix = ((address and address["prefix"]) or "").rstrip("/")
        if not address and url.partition("://")[2].partition("/")[0]:
            raise SettingsError(variable, finding, _BUCKET_NAMES if url.startswith(("s3:", "gs:")) else _AZURE_NAMES)
        if not address or not prefix.isprintable() or {"", ".", ".."} & {*(prefix.split("/") if prefix else ())}:
            raise SettingsError(variable, finding, f"allowed: {ALLOWED}, no part of it being empty, . or ..")
        return StorePath.from_url(url, self.access_to(url))

    def access_to(self, url: str) -> Access:
        """How the store is reached that an address is of.

        Raises:
            SettingsError: two variables say different things, or one that is needed is not set.
        """
        if url.startswith("s3://"):
            return self._access_to_s3()
        return self._access_to_google(url) if url.startswith("gs://") else self._access_to_azure(url)

    def _access_to_azure(self, url: str) -> AzureAccess:
        address = _BUCKET.match(url)
        of_azure = _OfAzure()
        account = (address and address["account"]) or of_azure.storage_account_name
        if not account:
            remedy = f"set it, or say abfss://container@account.{HOST}/prefix"
            raise SettingsError("AZURE_STORAGE_ACCOUNT_NAME", "no account is named", remedy)
        return AzureAccess(self._require_tls(self.store_endpoint), self.home, account, of_azure.signs_in_by)

    def _access_to_google(self, url: str) -> GoogleAccess:
        of_google = _OfGoogle()
        if variable := of_google.not_for_spark:
            remedy = "unset it, and let GOOGLE_APPLICATION_CREDENTIALS name the file with the credentials"
            raise SettingsError(
                without_passwords(url), f"{variable} is set, at which Spark's client does not look", remedy
            )
        return GoogleAccess(self._require_tls(self.store_endpoint or of_google.base_url), self.home)

    def _require_tls(self, endpoint: str) -> str:
        if endpoint.startswith("http://") and not self.store_allow_http:
            remedy = "say https://, or set CLICKSTREAM_STORE_ALLOW_HTTP=true: what is sent can then be read on the way"
            raise SettingsError("CLICKSTREAM_STORE_ENDPOINT", "it is an address without TLS", remedy)
        return endpoint.rstrip("/")

    def _access_to_s3(self) -> S3Access:
        of_amazon = _OfAmazon()
        endpoint = self._require_tls(self.store_endpoint or of_amazon.endpoint_url_s3 or of_amazon.endpoint_url)
        if of_amazon.endpoint_url_s3 not in ("", endpoint):
            # Which of the two counts, clients do not agree on: half a lake would lie elsewhere.
            finding = "AWS_ENDPOINT_URL_S3 names another store"
            raise SettingsError("CLICKSTREAM_STORE_ENDPOINT", finding, "unset one of them")
        region = self.store_region or of_amazon.region or of_amazon.default_region or "us-east-1"
        return S3Access(endpoint, self.home, region, self.store_path_style)
