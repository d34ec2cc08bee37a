"""How an object store is reached: one description a kind of store, turned into the options of each client.

Credentials are held nowhere: every client finds them in the environment, as the cloud's own tools do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

RETRIED_FOR = timedelta(minutes=1)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(milliseconds=100), timedelta(seconds=2)  # between two tries, drawn by chance
RETRIES = RETRIED_FOR // SHORTEST_WAIT  # so many that the time ends them, however short the waits that were drawn


@dataclass(frozen=True)
class Access(ABC):
    """How a store is reached, by Python, by delta-rs and by Spark alike.

    Attributes:
        endpoint: its address, ``http://`` or ``https://``; empty for that of the cloud.
        scratch: a local folder, for what cannot be done on a store.
    """

    endpoint: str = ""
    scratch: Path = field(default=Path(".clickstream"), compare=False)

    bucket_term: ClassVar[str] = "bucket"
    """What the cloud calls that in which objects lie."""
    credentials: ClassVar[str]
    """The variables by which a user is known, as an error names them."""
    credentials_form: ClassVar[str] = ""
    """What these hold, as an error goes on, where users take them for something else."""
    identity: ClassVar[str]
    """What a host may have instead of such variables."""

    folder_mark: ClassVar[str] = ""
    """The metadata by which an empty object stands for a folder, where it does not by its name."""
    state_tag: ClassVar[str] = "e_tag"
    """What obstore calls that by which the condition of a PUT names an object's state."""
    hadoop_module: ClassVar[str]
    """Hadoop's client of it."""

    @property
    @abstractmethod
    def display_name(self) -> str:
        """The store as an error names it."""

    @property
    @abstractmethod
    def scheme(self) -> str:
        """What its addresses begin with, before ``://``."""

    def owns(self, url: str) -> bool:
        """Whether an address is one of this store's kind and account."""
        return url.startswith(f"{self.scheme}://")

    def split(self, url: str) -> tuple[str, str]:
        """The bucket and the key that an address names: ``scheme://bucket/key``."""
        bucket, _, key = url.partition("://")[2].partition("/")
        return bucket, key

    def address(self, bucket: str, key: str) -> str:
        """The whole address of an object, as Spark, delta-rs and DuckDB take it."""
        return f"{self.scheme}://{bucket}/{key}"

    @abstractmethod
    def open_client(self, bucket: str, options: dict[str, Any]) -> ObjectStore:
        """A client of obstore's, with options that are the same for all kinds of stores."""

    @abstractmethod
    def delta_options(self, bucket: str) -> dict[str, str]:
        """Where delta-rs finds a bucket, as far as other kinds of stores say it in other words."""

    @abstractmethod
    def hadoop_conf(self) -> dict[str, str]:
        """How Hadoop's client finds the store and the credentials; it holds none."""

    @abstractmethod
    def arrow_filesystem(self) -> Any:
        """Arrow's client, which lists any key; None where it does not get in by what the others do."""

    @property
    def is_without_tls(self) -> bool:
        """Whether what is sent can be read on the way."""
        return self.endpoint.startswith("http://")


@cache
def bucket_client(bucket: str, access: Access, *, is_patient: bool = True) -> ObjectStore:
    """Obstore's client of a bucket; one for all places in it."""
    return access.open_client(
        bucket, {"client_options": client_config(access), "retry_config": retry_config(is_patient=is_patient)}
    )


def client_config(access: Access) -> ClientConfig:
    """How long obstore waits for one answer."""
    return {"allow_http": access.is_without_tls, "connect_timeout": "3s", "timeout": "30s"}


def retry_config(*, is_patient: bool = True) -> RetryConfig:
    """How often obstore asks again: a run outlasts a store that is away for a minute, a first look does not."""
    if not is_patient:
        return {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
    backoff = {"init_backoff": SHORTEST_WAIT, "max_backoff": LONGEST_WAIT, "base": 2}
    return {"max_retries": RETRIES, "retry_timeout": RETRIED_FOR, "backoff": backoff}  # pyright: ignore[reportReturnType]


def delta_options(bucket: str, access: Access) -> dict[str, str]:
    """Where delta-rs finds a bucket, as its storage options."""
    return {
        "allow_http": str(access.is_without_tls).lower(),
        "connect_timeout": "3s",
        "max_retries": str(RETRIES),
        "retry_timeout": _milliseconds(RETRIED_FOR),
        "backoff_config.init_backoff": _milliseconds(SHORTEST_WAIT),
        "backoff_config.max_backoff": _milliseconds(LONGEST_WAIT),
        "backoff_config.base": "2",
        **access.delta_options(bucket),
    }


def _milliseconds(span: timedelta) -> str:
    """A span of time as delta-rs takes it."""
    return f"{span // timedelta(milliseconds=1)}ms"
