"""`docker/pin.py` writes what a registry says, and nothing if it does not say it of all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from clickstream_platform_tests.deploy.composed import DOCKER, OWN_IMAGE, compose, of_the_image
from clickstream_platform_tests.deploy.registry import registry

MANIFEST = b'{"schemaVersion": 2, "manifests": []}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


def pin(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, DOCKER / "pin.py", *files], capture_output=True, text=True, check=False)


def test_every_image_gets_the_digest_of_its_tag_and_the_next_call_the_next_one(tmp_path: Path) -> None:
    (compose := tmp_path / "compose.yaml").touch()
    (dockerfile := tmp_path / "Dockerfile").touch()
    images = {"library/postgres:16": MANIFEST, "apache/kafka:3.9.2": MANIFEST}
    with registry(images) as host:
        compose.write_text(f"a:\n  image: {host}/apache/kafka:3.9.2 # kept\nb:\n  image: clickstream-platform:1\n")
        dockerfile.write_text(f"FROM {host}/library/postgres:16\nRUN true\n")
        first = pin(compose, dockerfile)
        assert first.returncode == 0, first.stderr
        assert compose.read_text() == (
            f"a:\n  image: {host}/apache/kafka:3.9.2@{DIGEST} # kept\nb:\n  image: clickstream-platform:1\n"
        )
        assert dockerfile.read_text() == f"FROM {host}/library/postgres:16@{DIGEST}\nRUN true\n"
        images["apache/kafka:3.9.2"] = b"{}"
        assert pin(compose).returncode == 0
        assert f"{host}/apache/kafka:3.9.2@sha256:{hashlib.sha256(b'{}').hexdigest()} # kept" in compose.read_text()


@pytest.mark.parametrize(("missing", "lies"), [(True, False), (False, True)])
def test_nothing_is_written_unless_all_digests_are_known(tmp_path: Path, missing: bool, lies: bool) -> None:
    with registry({"a:1": MANIFEST} if missing else {"a:1": MANIFEST, "b:1": MANIFEST}, lies=lies) as host:
        (file := tmp_path / "compose.yaml").write_text(before := f"  image: {host}/a:1\n  image: {host}/b:1\n")
        refused = pin(file)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{host}/{'b' if missing else 'a'}:1: ")
    assert file.read_text() == before


def test_a_registry_that_is_not_there_is_named(tmp_path: Path) -> None:
    (file := tmp_path / "compose.yaml").write_text("  image: 127.0.0.1:1/a:1\n")
    refused = pin(file)

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1/a:1: 127.0.0.1:1 has no digest of it" in refused.stderr


@pytest.mark.parametrize(
    ("image", "place"),
    [
        ("postgres:16", ("registry-1.docker.io", "library/postgres", "16")),
        ("docker.io/postgres:16", ("registry-1.docker.io", "library/postgres", "16")),
        ("apache/kafka:3.9.2", ("registry-1.docker.io", "apache/kafka", "3.9.2")),
        ("example.org/a/b:1", ("example.org", "a/b", "1")),
        ("localhost:5000/a:1", ("localhost:5000", "a", "1")),
    ],
)
def test_a_name_is_read_as_docker_reads_it(image: str, place: tuple[str, str, str]) -> None:
    program = f"import pin; print(pin.place_of({image!r}))"
    said = subprocess.run([sys.executable, "-c", program], cwd=DOCKER, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == str(place)


def test_every_image_of_others_would_be_pinned() -> None:
    program = "import pin; print(*(found[0] for f in pin.FILES for found in pin.NAMED.finditer(f.read_text())))"
    said = subprocess.run([sys.executable, "-c", program], cwd=DOCKER, capture_output=True, text=True, check=True)
    named = {service["image"] for service in compose()["services"].values()} - {OWN_IMAGE} | {of_the_image("FROM")}

    assert named <= set(said.stdout.split())
    assert len(named) == 4
