"""Where Spark runs, and the settings of a cluster that it may run on."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import Field, field_validator

from clickstream_platform.store_settings import StoreSettings

_HOST = r"(\[[\da-fA-F:]+\]|[\w.-]+):\d{1,5}"
MASTER = re.compile(
    rf"local(\[(\*|[1-9]\d*)(,\s*\d+)?\])?|local-cluster\[.+\]|spark://{_HOST}(,{_HOST})*|k8s://\S+|yarn"
)
"""What Spark knows as a master."""


def is_one_machine(master: str) -> bool:
    """Whether the tasks of Spark with this master are threads of this machine, and no workers of a cluster."""
    return master.partition("[")[0] == "local"


class ClusterSettings(StoreSettings):
    """The master, and how driver and workers find each other."""

    spark_master: str = Field(
        default="local[*]", description="Where Spark runs: local[*], this machine; or a cluster, spark://host:7077."
    )
    spark_driver_host: str = Field(
        default="", description="Cluster: where the workers find this process. Default: its address towards the master."
    )
    spark_driver_port: int = Field(
        default=0, ge=0, le=65535, description="Cluster: the port at which they find it; 0 for any that is free."
    )
    spark_block_manager_port: int = Field(
        default=0, ge=0, le=65535, description="Cluster: the port of what each process hands to others; 0 for any."
    )
    spark_worker_python: str = Field(
        default="", description="Cluster: the Python on the workers. Default: the path of this one."
    )
    spark_wait: timedelta = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="Cluster: how long a run waits while it has no worker.",
    )

    @field_validator("spark_master")
    @classmethod
    def _a_master(cls, value: str) -> str:
        if not MASTER.fullmatch(value):
            msg = "allowed: local, local[2], local[*], spark://host:port, k8s://..., yarn"
            raise ValueError(msg)
        return value

    @property
    def on_one_machine(self) -> bool:
        """Whether Spark's tasks are threads of this machine, and no workers of a cluster."""
        return is_one_machine(self.spark_master)
