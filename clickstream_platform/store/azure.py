"""Azure's Blob Storage, also where it keeps folders (Data Lake Storage), by one account."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from clickstream_platform.store.access import LONGEST_WAIT, RETRIED_FOR, SHORTEST_WAIT, Access

if TYPE_CHECKING:
    from obstore.store import AzureStore

SCHEMES = ("az", "abfs", "abfss")
HOST = "dfs.core.windows.net"


@dataclass(frozen=True)
class AzureAccess(Access):
    """How an account is reached: a container is what other stores call a bucket.

    Whatever an address was written like, it is given as ``abfss://container@account.dfs.core.windows.net/key``, which
    Spark, delta-rs and other readers of Delta tables know; ``abfs://`` where there is no TLS.

    Attributes:
        account: its name.
    """

    account: str = ""

    bucket_term: ClassVar[str] = "container"
    credentials: ClassVar[str] = "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN"
    identity: ClassVar[str] = "an identity"
    folder_mark: ClassVar[str] = "hdi_isfolder"
    hadoop_module: ClassVar[str] = "hadoop-azure"

    @property
    def display_name(self) -> str:
        """Its address, with the account."""
        return self.blob_endpoint

    @property
    def scheme(self) -> str:
        """One of the two that Hadoop knows."""
        return "abfs" if self.is_without_tls else "abfss"

    @property
    def host(self) -> str:
        """The account's name for Spark, whatever the endpoint is."""
        return f"{self.account}.{HOST}"

    @property
    def blob_endpoint(self) -> str:
        """The address below which containers are. One that was set, as an emulator's, has the account in its path."""
        if self.endpoint:
            return f"{self.endpoint}/{self.account}"
        return f"https://{self.account}.blob.core.windows.net"

    def owns(self, url: str) -> bool:
        """Whether it is one of Azure's and names no other account."""
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0].partition("@")[2]
        return scheme in SCHEMES and host in ("", self.host)

    def split(self, url: str) -> tuple[str, str]:
        """What ``az://container/key`` names, or ``abfss://container@account.dfs.core.windows.net/key``."""
        authority, _, key = url.partition("://")[2].partition("/")
        return authority.partition("@")[0], key

    def address(self, bucket: str, key: str) -> str:
        """With the account in it."""
        return f"{self.scheme}://{bucket}@{self.host}/{key}"

    def open_client(self, bucket: str, options: dict[str, Any]) -> AzureStore:
        """Every PUT may be conditional."""
        from obstore.store import AzureStore  # noqa: PLC0415 - only who has a lake on a store

        return AzureStore(bucket, config={"account_name": self.account, "endpoint": self.blob_endpoint}, **options)

    def delta_options(self, bucket: str) -> dict[str, str]:
        """The account is in the address too."""
        del bucket
        return {"azure_storage_account_name": self.account, "azure_storage_endpoint": self.blob_endpoint}

    def hadoop_conf(self) -> dict[str, str]:
        """By the API of blobs, if the account has no folders; Hadoop finds that out, but not of an emulator."""
        emulator = {
            "fs.azure.abfs.endpoint": self.endpoint.partition("://")[2],
            "fs.azure.account.hns.enabled": "false",
        }
        return {
            "fs.azure.fns.account.service.type": "BLOB",
            "fs.azure.always.use.https": str(not self.is_without_tls).lower(),
            # The other one of Hadoop's two cannot do without TLS.
            "fs.azure.networking.library": "JDK_HTTP_URL_CONNECTION",
            "fs.azure.io.retry.max.retries": str(RETRIED_FOR // LONGEST_WAIT),
            "fs.azure.io.retry.min.backoff.interval": str(SHORTEST_WAIT // timedelta(milliseconds=1)),
            "fs.azure.io.retry.max.backoff.interval": str(LONGEST_WAIT // timedelta(milliseconds=1)),
            "fs.azure.io.retry.backoff.interval": str(SHORTEST_WAIT // timedelta(milliseconds=1)),
            **_credentials_conf(),
            **(emulator if self.endpoint else {}),
        }

    def arrow_filesystem(self) -> Any:
        """By the same address, and the same key."""
        from pyarrow.fs import AzureFileSystem  # noqa: PLC0415 - 0.1 s, and hardly ever

        scheme, _, host = self.endpoint.partition("://")
        return AzureFileSystem(
            account_name=self.account,
            account_key=os.environ.get("AZURE_STORAGE_ACCOUNT_KEY"),
            sas_token=os.environ.get("AZURE_STORAGE_SAS_TOKEN"),
            **({"blob_storage_scheme": scheme, "blob_storage_authority": host} if host else {}),
        )


def _credentials_conf() -> dict[str, str]:
    """By what Hadoop's client is let in: the same variables, in the same order, as those of the clients in Rust."""
    has = {name for name in os.environ if name.startswith("AZURE_")}
    tokens, ours = "org.apache.hadoop.fs.azurebfs.oauth2", "io.clickstream.AzureEnvironment"
    kind, provider = "fs.azure.account.auth.type", "fs.azure.account.oauth.provider.type"
    if "AZURE_STORAGE_ACCOUNT_KEY" in has:
        return {kind: "SharedKey", "fs.azure.account.keyprovider": ours}
    if "AZURE_CLIENT_SECRET" in has:
        return {kind: "Custom", provider: ours}
    if "AZURE_FEDERATED_TOKEN_FILE" in has:
        return {
            kind: "OAuth",
            provider: f"{tokens}.WorkloadIdentityTokenProvider",
            "fs.azure.account.oauth2.token.file": os.environ["AZURE_FEDERATED_TOKEN_FILE"],
            "fs.azure.account.oauth2.msi.tenant": os.environ.get("AZURE_TENANT_ID", ""),
            "fs.azure.account.oauth2.client.id": os.environ.get("AZURE_CLIENT_ID", ""),
        }
    if "AZURE_STORAGE_SAS_TOKEN" in has:
        return {kind: "SAS", "fs.azure.sas.token.provider.type": ours}
    return {kind: "OAuth", provider: f"{tokens}.MsiTokenProvider"}
