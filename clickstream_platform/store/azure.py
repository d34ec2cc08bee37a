"""Azure's Blob Storage, also where it keeps folders (Data Lake Storage), by one account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from clickstream_platform.store.access import LONGEST_WAIT, RETRIED_FOR, SHORTEST_WAIT, Access

if TYPE_CHECKING:
    from obstore.store import AzureStore

SCHEMES = ("az", "abfs", "abfss")
HOST = "dfs.core.windows.net"
SignIn = Literal["key", "client", "token", "identity"]

_TYPE, _OURS = "fs.azure.account.auth.type", "io.clickstream.AzureEnvironment"
_PROVIDER = "fs.azure.account.oauth.provider.type"
_SIGNING_IN: dict[SignIn, dict[str, str]] = {
    "key": {_TYPE: "SharedKey", "fs.azure.account.keyprovider": _OURS},
    "client": {_TYPE: "Custom", _PROVIDER: _OURS},
    "token": {_TYPE: "SAS", "fs.azure.sas.token.provider.type": _OURS},
    "identity": {_TYPE: "OAuth", _PROVIDER: "org.apache.hadoop.fs.azurebfs.oauth2.MsiTokenProvider"},
}


@dataclass(frozen=True)
class AzureAccess(Access):
    """How an account is reached: a container is what other stores call a bucket.

    Whatever an address was written like, it is given as ``abfss://container@account.dfs.core.windows.net/key``, which
    Spark, delta-rs and other readers of Delta tables know; ``abfs://`` where there is no TLS.

    Attributes:
        account: its name.
        signs_in_by: which credentials there are in the environment, where each client looks for them.
    """

    account: str = ""
    signs_in_by: SignIn = "identity"

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
            **_SIGNING_IN[self.signs_in_by],
            **(emulator if self.endpoint else {}),
        }

    def arrow_filesystem(self) -> None:
        """Arrow's client does not look into the environment for a key."""
