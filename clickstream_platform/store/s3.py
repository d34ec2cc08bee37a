"""A store that speaks S3: Amazon's, or another by its address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from clickstream_platform.store.access import Access

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store


SCHEME = "s3"
_CREDENTIALS = (
    "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
    "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
    "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider",
)


@dataclass(frozen=True)
class S3Access(Access):
    """How a store that speaks S3 is reached.

    Attributes:
        region: empty for what the environment says.
        path_style: whether a bucket is the first part of the path, not of the host's name.
    """

    region: str = ""
    path_style: bool = True

    credentials: ClassVar[str] = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    identity: ClassVar[str] = "a role"
    hadoop_module: ClassVar[str] = "hadoop-aws"

    @property
    def display_name(self) -> str:
        """Its address, or Amazon's name."""
        return self.endpoint or "Amazon S3"

    @property
    def scheme(self) -> str:
        """Not one of Hadoop's, which only Hadoop knows."""
        return SCHEME

    def endpoint_of(self, bucket: str) -> str:
        """The address as the clients in Rust take it: with the bucket, where that is part of the host's name."""
        if not self.endpoint or self.path_style:
            return self.endpoint
        scheme, _, host = self.endpoint.partition("://")
        return f"{scheme}://{bucket}.{host}"

    def open_client(self, bucket: str, options: dict[str, Any]) -> S3Store:
        """Of which a PUT may be conditional."""
        from obstore.store import S3Store  # noqa: PLC0415 - only who has a lake on a store

        config: S3Config = {"virtual_hosted_style_request": not self.path_style, "conditional_put": "etag"}
        if self.endpoint:
            config["endpoint"] = self.endpoint_of(bucket)
        if self.region:
            config["region"] = self.region
        return S3Store(bucket, config=config, **options)

    def delta_options(self, bucket: str) -> dict[str, str]:
        """As :meth:`open_client` says it."""
        return {
            "aws_virtual_hosted_style_request": str(not self.path_style).lower(),
            "conditional_put": "etag",
            **({"aws_endpoint_url": self.endpoint_of(bucket)} if self.endpoint else {}),
            **({"aws_region": self.region} if self.region else {}),
        }

    def hadoop_conf(self) -> dict[str, str]:
        """One scheme for everybody: delta-rs writes ``s3://``, for which Hadoop has no class by default."""
        return {
            "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
            "fs.s3a.aws.credentials.provider": ",".join(_CREDENTIALS),
            "fs.s3a.path.style.access": str(self.path_style).lower(),
            # The default of Hadoop 3.5 reads ahead for large scans; most files of a batch are small.
            "fs.s3a.input.stream.type": "classic",
            **({"fs.s3a.endpoint": self.endpoint} if self.endpoint else {}),
            **({"fs.s3a.endpoint.region": self.region} if self.region else {}),
        }

    def arrow_filesystem(self) -> Any:
        """By the same address."""
        from pyarrow.fs import S3FileSystem  # noqa: PLC0415 - 0.1 s, and hardly ever

        scheme, _, host = self.endpoint.partition("://")
        return S3FileSystem(
            region=self.region or None,
            force_virtual_addressing=not self.path_style,
            connect_timeout=3,
            request_timeout=30,
            **({"scheme": scheme, "endpoint_override": host} if host else {}),
        )
