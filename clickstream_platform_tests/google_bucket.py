"""A bucket in Google's Cloud Storage to try things out on: one of yours, or an emulator's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clickstream_platform.store.google import GoogleAccess

CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"


@dataclass(frozen=True)
class GoogleBucket:
    """Of what :class:`.Seaweed` has, all that a test of a lake asks for.

    Attributes:
        bucket: its name.
        endpoint: of an emulator, which asks nobody who they are; empty for Google.
    """

    bucket: str
    endpoint: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The variable by which any client gets in."""
        return {CREDENTIALS: os.environ[CREDENTIALS]} if CREDENTIALS in os.environ else {}

    @property
    def secret(self) -> str:
        """What the variable's file holds."""
        return Path(os.environ[CREDENTIALS]).read_text() if CREDENTIALS in os.environ else "nobody signs in"

    @property
    def access(self) -> GoogleAccess:
        """How it is reached."""
        return GoogleAccess(self.endpoint)

    def address(self, prefix: str) -> str:
        """Of a prefix in it."""
        return f"gs://{self.bucket}/{prefix}"
