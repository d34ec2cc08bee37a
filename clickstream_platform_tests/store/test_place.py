"""Places on a real store: what ``pathlib`` does for a folder, and what only a store can."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from clickstream_platform.errors import SetupError
from clickstream_platform.simulator.seaweed import Seaweed
from clickstream_platform.store.access import Access
from clickstream_platform.store.place import StorePath, require_store
from clickstream_platform.store.proof import MANY, require_conditional_put


@pytest.fixture
def root(store: Seaweed, place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePath]:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    yield (found := StorePath.from_url(place, Access(store.endpoint, "us-east-1")))
    found.remove_all()


def names(places: Iterator[StorePath]) -> list[str]:
    return [place.name for place in places]


def test_what_lies_where_is_found_as_in_a_folder(root: StorePath) -> None:
    for name in ("b/2.json", "b/10.json", "b/c/3.txt", "a"):
        (root / name).write(b"x")

    assert names(root.iterdir()) == ["a", "b"]
    assert names(root.glob("*.json")) == []
    assert names(root.glob("*/*.json")) == names((root / "b").rglob("*.json")) == ["10.json", "2.json"]
    assert [each.relative_to(root).as_posix() for each in root.rglob()] == ["a", "b/10.json", "b/2.json", "b/c/3.txt"]
    assert (root / "b").is_dir()
    assert not (root / "b").is_file()
    assert (root / "a").exists()
    assert not (root / "ab").exists()


def test_a_place_goes_to_other_processes_and_holds_no_credentials(root: StorePath, store: Seaweed) -> None:
    (root / "a").write(b"here")

    packed = pickle.dumps(root / "a")

    assert pickle.loads(packed).read_text() == "here"
    assert store.key.encode() not in packed
    assert store.secret.encode() not in packed


def test_of_two_who_write_on_a_condition_the_second_is_refused(root: StorePath) -> None:
    file = root / "file"

    first = file.write_if(None, b"one")
    assert first is not None
    assert file.write_if(None, b"other") is None
    second = file.write_if(first, b"two")
    assert second is not None
    assert file.write_if(first, b"three") is None
    assert file.read_with_tag() == (b"two", second)


def test_who_meets_its_own_success_was_not_refused(root: StorePath) -> None:
    """A PUT whose answer was lost is sent again by the client."""
    file = root / "file"
    first = file.write_if(None, b"one")

    assert file.write_if(None, b"one") == first


def test_a_move_that_was_killed_is_done_again(root: StorePath) -> None:
    for name in ("from/a", "from/b/c", "to/a"):  # as a kill leaves it after the first copy
        (root / name).write(name[-1].encode())

    (root / "from").move(root / "to")

    assert [each.relative_to(root).as_posix() for each in root.rglob()] == ["to/a", "to/b/c"]
    assert (root / "to" / "b" / "c").read_bytes() == b"c"


def test_many_writers_of_one_object_have_one_winner_and_leave_nothing(root: StorePath) -> None:
    require_conditional_put(root, MANY)

    assert not root.exists()


@pytest.mark.parametrize(
    ("url", "secret", "finding"),
    [
        ("s3://nobody-has-made-it/lake", "", "there is no bucket nobody-has-made-it at"),
        ("s3://lake/x", "another-secret", "refuses this user"),
    ],
)
def test_a_missing_bucket_and_a_wrong_key_are_said_at_once(
    root: StorePath, url: str, secret: str, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if secret:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    # Another object, as a client that knows the credentials is kept for each.
    elsewhere = StorePath.from_url(url, Access(root.access.endpoint, "eu-west-1" if secret else "us-east-1"))

    with pytest.raises(SetupError, match=finding) as refused:
        require_store(elsewhere)
    assert "secret" not in str(refused.value).lower().replace("aws_secret_access_key", "")
