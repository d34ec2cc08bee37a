"""Google's Cloud Storage: Python and delta-rs by its XML API, Spark by its JSON API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from clickstream_platform.store.access import RETRIED_FOR, Access

if TYPE_CHECKING:
    from obstore.store import GCSConfig, GCSStore

SCHEME = "gs"
_CLIENT = "com.google.cloud.hadoop.fs.gcs"
# Bytes. Hadoop's defaults of these are for a client of its own, and written so (64m) that Google's cannot read them.
_SIZES = {
    "block.size": 64 << 20,
    "outputstream.buffer.size": 8 << 20,
    "inputstream.inplace.seek.limit": 8 << 20,
    "inputstream.min.range.request.size": 2 << 20,
}


@dataclass(frozen=True)
class GoogleAccess(Access):
    """How Google's Cloud Storage is reached. Without TLS nobody signs in: that is an emulator, never Google."""

    credentials: ClassVar[str] = "GOOGLE_APPLICATION_CREDENTIALS"
    credentials_form: ClassVar[str] = ", which names a file: a service account's key, or what `gcloud auth` wrote"
    identity: ClassVar[str] = "a service account"
    state_tag: ClassVar[str] = "version"  # its conditions are on an object's generation, which obstore calls so
    hadoop_module: ClassVar[str] = "gcs-connector"

    @property
    def display_name(self) -> str:
        """Its address, or Google's name."""
        return self.endpoint or "Google Cloud Storage"

    @property
    def scheme(self) -> str:
        """The one that everybody knows."""
        return SCHEME

    @property
    def _emulator(self) -> str:
        """A service account as the clients in Rust take it, which asks nobody for a token and names the address."""
        unknown = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        return json.dumps({"gcs_base_url": self.endpoint, "disable_oauth": True, **unknown})

    def open_client(self, bucket: str, options: dict[str, Any]) -> GCSStore:
        """Every PUT may be conditional."""
        from obstore.store import GCSStore  # noqa: PLC0415 - only who has a lake on a store

        config: GCSConfig = {}
        if self.is_without_tls:
            config["service_account_key"] = self._emulator
        elif self.endpoint:
            config["base_url"] = self.endpoint
        return GCSStore(bucket, config=config, **options)

    def delta_options(self, bucket: str) -> dict[str, str]:
        """As :meth:`open_client` says it."""
        del bucket
        if self.is_without_tls:
            return {"google_service_account_key": self._emulator}
        return {"google_base_url": self.endpoint} if self.endpoint else {}

    def hadoop_conf(self) -> dict[str, str]:
        """It looks for credentials where the other clients do: in the file that the variable names, or at the host."""
        anonymous = {"fs.gs.auth.service.account.enable": "false", "fs.gs.auth.null.enable": "true"}
        return {
            **{f"fs.gs.{name}": str(size) for name, size in _SIZES.items()},
            "fs.gs.impl": f"{_CLIENT}.GoogleHadoopFileSystem",
            "fs.AbstractFileSystem.gs.impl": f"{_CLIENT}.GoogleHadoopFS",
            # A store has no folders: no look for them before a file is written, no mark of one after a file is deleted.
            "fs.gs.create.items.conflict.check.enable": "false",
            "fs.gs.implicit.dir.repair.enable": "false",
            "fs.gs.http.connect-timeout": "3000",  # ms; of ten tries, with up to some 60 s between them
            **({"fs.gs.storage.root.url": f"{self.endpoint}/"} if self.endpoint else {}),
            **(anonymous if self.is_without_tls else {}),
        }

    def arrow_filesystem(self) -> Any:
        """By the same address."""
        from pyarrow.fs import GcsFileSystem  # noqa: PLC0415 - 0.1 s, and hardly ever

        scheme, _, host = self.endpoint.partition("://")
        return GcsFileSystem(
            anonymous=self.is_without_tls,
            retry_time_limit=RETRIED_FOR,
            **({"scheme": scheme, "endpoint_override": host} if host else {}),
        )
