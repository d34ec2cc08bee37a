"""Pin the images that the files of this repository name: to each tag its digest, as its registry says now.

``python docker/pin.py``, or ``make pin``, writes ``name:tag@sha256:...`` into the files below; called again, it moves
to what the tags are then. An engine takes exactly these bytes, whatever becomes of a tag. Images that are built here
have no registry and are left alone. It prints each image with its digest; it writes nothing unless it knows all.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import requests

ROOT = Path(__file__).parent.parent
FILES = (ROOT / "docker/Dockerfile", ROOT / "docker/compose.yaml", *sorted((ROOT / "deploy/kubernetes").glob("*.yaml")))
BUILT_HERE = "clickstream-platform"
NAMED = re.compile(
    r"^(?P<before>FROM |\s*(?:- )?image: )(?P<image>[\w./:-]+:[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?", re.M
)
HUB = "registry-1.docker.io"
# A list of images for several machines first: its digest holds on all of them.
KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class NotPinnedError(Exception):
    """A registry does not answer with a digest."""


def place_of(image: str) -> tuple[str, str, str]:
    """Registry, repository and tag of an image, as Docker reads its name."""
    name, _, tag = image.rpartition(":")
    host, slash, rest = name.partition("/")
    if not slash or not (set(host) & set(".:") or host == "localhost"):
        host, rest = "docker.io", name
    if host == "docker.io":
        return HUB, rest if "/" in rest else f"library/{rest}", tag
    return host, rest, tag


def digest_of(image: str) -> str:
    """What its registry has under the tag now: the hash of the manifest's bytes, which the registry must also say.

    Raises:
        NotPinnedError: it cannot be asked, has no such image, or says another hash than its bytes have.
    """
    host, repository, tag = place_of(image)
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"  # as Docker does
    address = f"{scheme}://{host}/v2/{repository}/manifests/{tag}"
    headers = {"Accept": ", ".join(KINDS)}
    try:
        answer = requests.get(address, headers=headers, timeout=30)
        if answer.status_code == requests.codes.unauthorized:
            headers["Authorization"] = f"Bearer {_token(answer.headers.get('WWW-Authenticate', ''))}"
            answer = requests.get(address, headers=headers, timeout=30)
        answer.raise_for_status()
    except requests.RequestException as failed:
        msg = f"{image}: {host} has no digest of it ({failed}); look at the name and the network"
        raise NotPinnedError(msg) from None
    found = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    if (said := answer.headers.get("Docker-Content-Digest", found)) != found:
        msg = f"{image}: {host} says {said}, its bytes are {found}; do not use it before you know why"
        raise NotPinnedError(msg)
    return found


def _token(challenge: str) -> str:
    """For anybody: what the registry wants to be shown, from where it says."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if not challenge.startswith("Bearer ") or "realm" not in asked:
        msg = "it lets nobody in without a password"
        raise requests.RequestException(msg)
    answer = requests.get(asked.pop("realm"), params=asked, timeout=30)
    answer.raise_for_status()
    told = answer.json()
    return told.get("token") or told["access_token"]


def pin(files: Iterable[Path]) -> list[str]:
    """Write the digests into the files; return a line for each image."""
    texts = {file: file.read_text() for file in files}
    images = {found["image"] for text in texts.values() for found in NAMED.finditer(text)}
    digests = {image: digest_of(image) for image in sorted(images) if image.rpartition(":")[0] != BUILT_HERE}

    def pinned(found: re.Match[str]) -> str:
        image = found["image"]
        return f"{found['before']}{image}@{digests[image]}" if image in digests else found[0]

    for file, text in texts.items():
        if (new := NAMED.sub(pinned, text)) != text:
            file.write_text(new)
    return [f"{image}@{digest}" for image, digest in digests.items()]


if __name__ == "__main__":
    try:
        print("\n".join(pin([Path(name) for name in sys.argv[1:]] or FILES)))
    except NotPinnedError as error:
        sys.exit(str(error))
