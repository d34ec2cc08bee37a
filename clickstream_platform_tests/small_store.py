"""A server that lists and gives objects as S3 does, and can be made to fail: as much of it as a reader needs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "bucket"


@dataclass
class SmallStore:
    """What it holds, and what it was asked for.

    Attributes:
        objects: the content of each key.
        changed_at: when a key was put, in seconds since 1970; 2026-11-29 by default.
        page: keys in one answer to a list, at most.
        failing: so many requests are answered by 503 next.
        asked: method and query, or key, of every request; of a GET of bytes with the range.
        before_get: is called with the key before each GET of bytes.
    """

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    changed_at: dict[str, int] = field(default_factory=dict[str, int])
    page: int = 1_000
    failing: int = 0
    asked: list[str] = field(default_factory=list[str])

    def before_get(self, key: str) -> None:
        """Nothing."""


@contextmanager
def small_store() -> Generator[SmallStore]:
    """A store with an empty bucket, for as long as the block lasts."""
    store = SmallStore()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", headers.get("Content_Length") or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            _, bucket, *rest = unquote(address.path).split("/", 2)
            key, query = "".join(rest), {name: values[0] for name, values in parse_qs(address.query).items()}
            store.asked.append(f"{self.command} {key or address.query} {self.headers.get('Range', '')}".strip())
            if store.failing:
                store.failing -= 1
                self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
            elif bucket != BUCKET:
                self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif "list-type" in query:
                self._answer(200, _listed(store, query))
            else:
                self._give(key)

        do_HEAD = do_GET  # noqa: N815

        def _give(self, key: str) -> None:
            if self.command == "GET":
                store.before_get(key)
            content = store.objects.get(key)
            if content is None:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
                return
            if self.headers.get("If-Match", _tag(content)) != _tag(content):
                self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            said = {"ETag": _tag(content), "Last_Modified": formatdate(_changed(store, key), usegmt=True)}
            if self.command == "HEAD":
                self._answer(200, b"", Content_Length=str(len(content)), **said)
            elif found := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
                start, end = int(found[1]), min(int(found[2]) + 1, len(content))
                said["Content_Range"] = f"bytes {start}-{end - 1}/{len(content)}"
                self._answer(206, content[start:end], **said)
            else:
                self._answer(200, content, **said)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    store.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _changed(store: SmallStore, key: str) -> int:
    return store.changed_at.get(key, 1_795_910_400)


def _listed(store: SmallStore, query: dict[str, str]) -> bytes:
    after = query.get("continuation-token") or query.get("start-after", "")
    keys = sorted(key for key in store.objects if key.startswith(query.get("prefix", "")) and key > after)
    size = min(store.page, int(query.get("max-keys", "1000")))
    page, rest = keys[:size], keys[size:]
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(store.objects[key])}</Size><ETag>{_tag(store.objects[key])}</ETag>"
        f"<LastModified>{_iso(_changed(store, key))}</LastModified></Contents>"
        for key in page
    )
    more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
    more += f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>"
    return f"<ListBucketResult>{more}{contents}</ListBucketResult>".encode()


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
