"""A proxy before an object store that notes each request: how many a run makes, and for what."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

SPARK, OWN = "jvm", "own"  # who asks: Spark, or delta-rs and obstore in Python's process


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        client: ``jvm`` or ``own``.
        kind: its method; ``LIST`` for a GET that lists.
        path: its path, with what follows it.
    """

    client: str
    kind: str
    path: str


@contextmanager
def count_requests(endpoint: str) -> Generator[tuple[str, list[Request]]]:
    """The proxy's address, for the block, and the requests so far, to which the next ones are added."""
    with _Proxy(endpoint) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}", proxy.requests
        finally:
            proxy.shutdown()


class _Proxy(ThreadingHTTPServer):
    """A thread for each connection of a client."""

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.store = urlsplit(endpoint).netloc

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may hang up when it has read enough."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType] - as it was given


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the second half of an answer waits for 40 ms
    server: _Proxy  # pyright: ignore[reportIncompatibleVariableOverride] - which makes it

    def _pass(self) -> None:
        self.server.requests.append(self._request())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # One for each request: a store may close one that was idle for some seconds, which its next request would meet.
        with closing(http.client.HTTPConnection(self.server.store)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body)
            self._answer(connection.getresponse())

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)

    def _request(self) -> Request:
        is_list = self.command == "GET" and ("list-type=" in self.path or "prefix=" in self.path)
        client = SPARK if "java" in self.headers.get("User-Agent", "").lower() else OWN
        return Request(client, "LIST" if is_list else self.command, unquote(self.path))

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
