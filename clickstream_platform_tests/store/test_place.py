"""Places on a real store: what ``pathlib`` does for a folder, and what only a store can."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clickstream_platform.errors import SetupError
from clickstream_platform.store.access import bucket_client
from clickstream_platform.store.objects import object_at, objects, read_range
from clickstream_platform.store.place import StorePath
from clickstream_platform.store.proof import MANY, require_conditional_put, require_store
from clickstream_platform_tests.google_bucket import GoogleBucket
from clickstream_platform_tests.on_store import AnyStore


@pytest.fixture
def root(each_store: AnyStore, place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePath]:
    for name, value in each_store.environment.items():
        monkeypatch.setenv(name, value)
    yield (found := StorePath.from_url(place, each_store.access))
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


def test_a_place_goes_to_other_processes_and_holds_no_credentials(root: StorePath, each_store: AnyStore) -> None:
    (root / "a").write(b"here")

    packed = pickle.dumps(root / "a")

    assert pickle.loads(packed).read_text() == "here"
    assert each_store.secret.encode() not in packed


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


def test_a_missing_bucket_is_said_at_once(root: StorePath, each_store: AnyStore) -> None:
    url = each_store.address("x").replace(each_store.bucket, "nobody-has-made-it")

    with pytest.raises(SetupError, match=r"there is no (bucket|container) nobody-has-made-it at"):
        require_store(StorePath.from_url(url, root.access))


def test_a_wrong_key_is_said_at_once_and_not_shown(
    root: StorePath, each_store: AnyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(each_store, GoogleBucket):
        pytest.skip("the variable names a file there, and an emulator reads none")
    name = list(each_store.environment)[1]
    monkeypatch.setenv(name, wrong := "bm90IHRoZSBrZXk=")

    with pytest.raises(SetupError, match=rf"refuses this user.*; look at .*{name}") as refused:
        require_store(StorePath("a-bucket-without-a-client", "x", root.access))
    assert wrong not in str(refused.value)
    assert each_store.secret not in str(refused.value)


def test_what_is_gone_already_may_be_deleted(root: StorePath) -> None:
    (root / "a").unlink()
    (root / "b").write(b"x")
    (root / "b").unlink()
    (root / "b").unlink()
    root.remove_all()

    assert not root.exists()


def test_several_that_delete_the_same_at_once_leave_nothing_and_none_fails(root: StorePath) -> None:
    for number in range(40):
        (root / "in" / f"{number}.json").write(b"x")

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(lambda _: (root / "in").remove_all(), range(4))] == [None] * 4

    assert not root.exists()
    root.remove_all()  # nor does one that finds nothing


def test_a_list_and_a_look_tell_the_same_of_an_object(root: StorePath) -> None:
    """Also when it was put there: lists of Google and of MinIO have fractions of a second."""
    (root / "in" / "a b=1.json").write(b"x")

    (listed,) = objects(root / "in")

    assert object_at(root / "in" / "a b=1.json") == listed
    assert read_range(listed.place, 0, 1, listed.tag) == b"x"


def test_what_marks_a_folder_is_none_of_its_files(root: StorePath) -> None:
    """Hadoop's client of Azure makes such marks, without a slash at the end of their names."""
    marks = {root.access.folder_mark: "true"} if root.access.folder_mark else None
    (root / "empty.json").write(b"")
    (root / "folder" / "a").write(b"x")
    if marks:
        for key in ("folder", "nothing-in-it"):
            bucket_client(root.bucket, root.access).put((root / key).key, b"", attributes=marks)

    assert [each.relative_to(root).as_posix() for each in root.rglob()] == ["empty.json", "folder/a"]
    assert (root / "folder").is_dir()
    assert not (root / "folder").is_file()
    assert not (root / "nothing-in-it").exists()
