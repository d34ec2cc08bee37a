"""What lies in the source's folder: one function, for whoever asks.

Paths are bytes here: a system allows names that are no text.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from clickstream_platform.errors import SourceError
from clickstream_platform.streaming.sources.files.listing_result import File, Listing
from clickstream_platform.streaming.sources.files.names import is_marker, is_visible, partition_of

Identity = tuple[int, int]  # device and inode

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def list_folder(folder: Path) -> Listing:
    """Everything in the source's folder, at any depth.

    Names that begin with ``_`` or ``.``, or end as :data:`.names.UNFINISHED` has it, are passed over, with all that is
    in such a folder: their producer has not finished them. They are named, but for what nobody means as data
    (:func:`is_marker`).

    Links are followed. What is reached twice, by links or because it has several names (hard links), is listed once:
    under the path that follows the fewest links, and of these the first that comes up: a folder's own files before
    those of the folders in it, by the order of bytes. Pipes, sockets and devices are never opened. What vanishes
    meanwhile is simply not there.

    Returns:
        An empty listing if there is no such folder.

    Raises:
        SourceError: there is something, but no folder, or one that cannot be read.
    """
    root = os.fsencode(folder)
    try:
        with os.scandir(root):
            above = {_identity(os.stat(parent)) for parent in _parents(root)}  # noqa: PTH116 - bytes
    except FileNotFoundError:
        return Listing()
    except NotADirectoryError as error:
        raise SourceError(str(folder), "is not a folder", "name the folder in which files arrive") from error
    except OSError as error:
        raise SourceError(str(folder), f"cannot be listed: {error.strerror}", "let this user read it") from error
    walk = _Walk(root, above)
    walk.run()
    files = tuple(sorted(walk.files, key=lambda file: file.name))
    return Listing(files, walk.ignored, walk.also, tuple(walk.links), tuple(sorted(walk.hidden)))


def _parents(root: bytes) -> Iterator[bytes]:
    path = os.path.realpath(root)
    while path != (parent := os.path.dirname(path)):  # noqa: PTH120 - bytes
        yield parent
        path = parent


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


class _Walk:
    """One walk: first all that is reached without a link, then what one link leads to, then two, and so on."""

    def __init__(self, root: bytes, above: set[Identity]) -> None:
        self.root = root
        self.files: list[File] = []
        self.ignored: dict[str, str] = {}
        self.also: dict[bytes, list[bytes]] = {}
        self.links: list[bytes] = []
        self.hidden: list[str] = []
        self._above = above
        self._folders: dict[Identity, bytes] = {}
        self._names: dict[Identity, bytes] = {}
        self._links: list[bytes] = []
        self._follows_links = False

    def run(self) -> None:
        self._tree(b"")
        self._follows_links = True
        while self._links:
            round_of_links, self._links = sorted(self._links), []
            self.links += round_of_links
            for name in round_of_links:
                self._look(name)

    def _tree(self, top: bytes) -> None:
        """A folder and the folders in it. Without recursion: a tree may be deeper than Python's stack."""
        waiting = [top]
        while waiting:
            waiting += self._folder(waiting.pop())

    def _folder(self, name: bytes) -> list[bytes]:
        """Take in what one folder holds, but for the folders in it, which are returned."""
        path = os.path.join(self.root, name) if name else self.root  # noqa: PTH118 - bytes
        try:
            identity = _identity(os.stat(path))  # noqa: PTH116 - bytes
            if identity in self._folders:
                self._again(name, self._folders[identity])
                return []
            with os.scandir(path) as entries:
                visible = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._ignore(name, f"a folder that cannot be listed: {error.strerror}")
            return []
        self._folders[identity] = name
        folders: list[bytes] = []
        for entry in visible:
            inside = os.path.join(name, entry.name)  # noqa: PTH118 - bytes
            if not is_visible(entry.name):
                self._hide(inside, entry)
                continue
            try:
                is_link, is_folder = entry.is_symlink(), entry.is_dir(follow_symlinks=False)
            except OSError as error:  # where the system must look at it to tell
                self._ignore(inside, _not_found(error))
                continue
            if is_link:
                self._links.append(inside)
            elif is_folder:
                folders.append(inside)
            else:
                self._look(inside)
        return folders[::-1]  # taken from the end

    def _look(self, name: bytes) -> None:
        """Take in a file, or what a link leads to."""
        path = os.path.join(self.root, name)  # noqa: PTH118 - bytes
        try:
            status = os.stat(path)  # noqa: PTH116 - bytes
        except OSError as error:
            is_gone = isinstance(error, FileNotFoundError | NotADirectoryError) and not os.path.lexists(path)
            if not is_gone:
                self._ignore(name, _not_found(error))
            return
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            self._file(name, path, status)
        elif kind != stat.S_IFDIR:
            self._ignore(name, f"{_KINDS.get(kind, 'something else')}, not a file")
        elif _identity(status) in self._above:
            self._ignore(name, "a link to a folder that the source itself lies in")
        else:
            self._tree(name)

    def _file(self, name: bytes, path: bytes, status: os.stat_result) -> None:
        identity = _identity(status)
        # Some network file systems give one inode to several files: what has one name and no link to it is itself.
        if identity in self._names and (self._follows_links or status.st_nlink > 1):
            self._again(name, self._names[identity])
            return
        self._names.setdefault(identity, name)
        self.files.append(File(name, partition_of(name), path, status.st_size, status.st_mtime_ns // 1000))

    def _again(self, name: bytes, listed_as: bytes) -> None:
        if name != listed_as:
            self.also.setdefault(listed_as, []).append(name)

    def _hide(self, name: bytes, entry: os.DirEntry[bytes]) -> None:
        with contextlib.suppress(OSError):  # gone, most likely renamed into place
            if not is_marker(entry.name) and (entry.is_dir() or entry.stat().st_size):
                self.hidden.append(partition_of(name))

    def _ignore(self, name: bytes, reason: str) -> None:
        self.ignored[partition_of(name)] = reason


def _not_found(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads in a circle"
    if isinstance(error, FileNotFoundError):
        return "a link to nothing"
    return f"cannot be looked at: {error.strerror}"
