"""A server that speaks as much of S3 as a file needs, and heeds no condition of a PUT. Or refuses everything."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def careless_store(status: int = 200) -> Generator[str]:
    """Its address, for as long as the block lasts. With another status, that is its only answer."""
    objects: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, content: bytes = b"", found: int = 200) -> None:
            self.send_response(status if status != 200 else found)
            self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            self.send_header("Last-Modified", "Sun, 29 Nov 2026 08:00:00 GMT")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_PUT(self) -> None:
            content = objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            if "list-type" in self.path:
                self._answer(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
            elif self.path in objects:
                self._answer(objects[self.path])
            else:
                self._answer(b"", 404)

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            keys = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in re.findall("<Key>(.+?)</Key>", asked))
            self._answer(f"<DeleteResult>{keys}</DeleteResult>".encode())

        def do_DELETE(self) -> None:
            objects.pop(self.path, None)
            self._answer(b"", 204)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # twenty writers come at once

    server = Server(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
