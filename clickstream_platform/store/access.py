"""How an object store that speaks S3 is reached: one description, turned into the options of each client.

Credentials are held nowhere: every client finds them in the environment, as Amazon's own tools do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Store

RETRIED_FOR = timedelta(minutes=1)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(milliseconds=100), timedelta(seconds=2)  # between two tries, drawn by chance
RETRIES = RETRIED_FOR // SHORTEST_WAIT  # so many that the time ends them, however short the waits that were drawn


@dataclass(frozen=True)
class Access:
    """How a store is reached, by Python, by delta-rs and by Spark alike.

    Attributes:
        endpoint: its address, ``http://`` or ``https://``; empty for Amazon's of the region.
        region: empty for what the environment says.
        path_style: whether a bucket is the first part of the path, not of the host's name.
        scratch: a local folder, for what cannot be done on a store.
    """

    endpoint: str = ""
    region: str = ""
    path_style: bool = True
    scratch: Path = field(default=Path(".clickstream"), compare=False)

    def endpoint_of(self, bucket: str) -> str:
        """The address as the clients in Rust take it: with the bucket, where that is part of the host's name."""
        if not self.endpoint or self.path_style:
            return self.endpoint
        scheme, _, host = self.endpoint.partition("://")
        return f"{scheme}://{bucket}.{host}"

    @property
    def display_name(self) -> str:
        """The store as an error names it."""
        return self.endpoint or "Amazon S3"


@cache
def bucket_client(bucket: str, access: Access, *, is_patient: bool = True) -> S3Store:
    """Obstore's client of a bucket; one for all places in it."""
    from obstore.store import S3Store  # noqa: PLC0415 - only who has a lake on a store

    return S3Store(
        bucket,
        config=bucket_config(bucket, access),
        client_options=client_config(access),
        retry_config=retry_config(is_patient=is_patient),
    )


def bucket_config(bucket: str, access: Access) -> S3Config:
    """Where obstore finds a bucket."""
    config: S3Config = {"virtual_hosted_style_request": not access.path_style, "conditional_put": "etag"}
    if access.endpoint:
        config["endpoint"] = access.endpoint_of(bucket)
    if access.region:
        config["region"] = access.region
    return config


def client_config(access: Access) -> ClientConfig:
    """How long obstore waits for one answer."""
    return {"allow_http": access.endpoint.startswith("http://"), "connect_timeout": "3s", "timeout": "30s"}


def retry_config(*, is_patient: bool = True) -> RetryConfig:
    """How often obstore asks again: a run outlasts a store that is away for a minute, a first look does not."""
    if not is_patient:
        return {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
    backoff = {"init_backoff": SHORTEST_WAIT, "max_backoff": LONGEST_WAIT, "base": 2}
    return {"max_retries": RETRIES, "retry_timeout": RETRIED_FOR, "backoff": backoff}  # pyright: ignore[reportReturnType]


def delta_options(bucket: str, access: Access) -> dict[str, str]:
    """Where delta-rs finds a bucket, as its storage options."""
    return {
        "allow_http": str(access.endpoint.startswith("http://")).lower(),
        "aws_virtual_hosted_style_request": str(not access.path_style).lower(),
        "conditional_put": "etag",
        "connect_timeout": "3s",
        "max_retries": str(RETRIES),
        "retry_timeout": _milliseconds(RETRIED_FOR),
        "backoff_config.init_backoff": _milliseconds(SHORTEST_WAIT),
        "backoff_config.max_backoff": _milliseconds(LONGEST_WAIT),
        "backoff_config.base": "2",
        **({"aws_endpoint_url": access.endpoint_of(bucket)} if access.endpoint else {}),
        **({"aws_region": access.region} if access.region else {}),
    }


def _milliseconds(span: timedelta) -> str:
    """A span of time as delta-rs takes it."""
    return f"{span // timedelta(milliseconds=1)}ms"
