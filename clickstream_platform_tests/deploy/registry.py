"""A small registry of images over HTTP: manifests by tag, for who has a token, as the API of distribution has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"


@contextmanager
def registry(images: Mapping[str, bytes], *, lies: bool = False) -> Generator[str]:
    """Its ``host:port``, for as long as a block lasts.

    Args:
        images: the manifest of each ``repository:tag``.
        lies: whether it says another digest than a manifest has.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/token":
                (scope,) = parse_qs(parts.query)["scope"]
                return self._answer(200, json.dumps({"token": f"for {scope}"}).encode())
            _, _, rest = parts.path.partition("/v2/")
            repository, _, tag = rest.partition("/manifests/")
            scope = f"repository:{repository}:pull"
            if self.headers["Authorization"] != f"Bearer for {scope}":
                realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="tests",scope="{scope}"'
                return self._answer(401, b"{}", {"WWW-Authenticate": realm})
            if (manifest := images.get(f"{repository}:{tag}")) is None or INDEX not in self.headers["Accept"]:
                return self._answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
            said = hashlib.sha256(b"another" if lies else manifest).hexdigest()
            return self._answer(200, manifest, {"Docker-Content-Digest": f"sha256:{said}", "Content-Type": INDEX})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # type: ignore[override] - says nothing
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
