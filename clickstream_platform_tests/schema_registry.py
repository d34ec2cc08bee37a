"""A schema registry in a process of its own: what Confluent's answers to the requests that a serializer and we make.

It keeps its schemas in a file, so that one that is killed and started again has them. Of each request it writes a line.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests
import trustme

TYPE = "application/vnd.schemaregistry.v1+json"
PATIENCE = 10
AUTHORITY, SHOWN, OWN = "authority.pem", "registry.pem", "own.pem"  # of a registry's folder, if it speaks TLS


def framed(number: int, body: bytes) -> bytes:
    """A record as a registry's serializer writes it."""
    return b"\0" + number.to_bytes(4, "big") + body


@dataclass
class SchemaRegistry:
    """A registry that can be killed and started again, at the same address."""

    folder: Path
    login: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http{'s' if (self.folder / SHOWN).exists() else ''}://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[str]:
        """The paths that it was asked for, in their order."""
        return (self.folder / "asked").read_text().split() if (self.folder / "asked").exists() else []

    def up(self) -> SchemaRegistry:
        command = [sys.executable, __file__, str(self.folder), str(self.port), self.login]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        return self

    def down(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate(timeout=PATIENCE)

    def register(self, schema: Any, kind: str = "AVRO", subject: str = "clicks-value", **more: Any) -> int:
        """The id that a schema has from now on."""
        told = {"schema": json.dumps(schema), "schemaType": kind, **more}
        auth = tuple(self.login.split(":")) if self.login else None
        url = f"{self.url}/subjects/{quote(subject, safe='')}/versions"
        has_own, trusted = (self.folder / OWN).exists(), self.folder / AUTHORITY
        answer = requests.post(
            url,
            json=told,
            timeout=PATIENCE,
            auth=auth,  # type: ignore[arg-type] - two texts
            verify=str(trusted) if trusted.exists() else None,
            cert=str(self.folder / OWN) if has_own else None,
        )
        answer.raise_for_status()
        return answer.json()["id"]


@contextmanager
def started(folder: Path, login: str = "") -> Generator[SchemaRegistry]:
    folder.mkdir(parents=True, exist_ok=True)
    registry = SchemaRegistry(folder, login).up()
    try:
        yield registry
    finally:
        registry.down()


def make_certificates(folder: Path, host: str = "127.0.0.1", *, is_mutual: bool = False) -> trustme.LeafCert:
    """Let the registry of a folder speak TLS: who made the certificates, its own, and a client's, which is given too.

    Args:
        folder: where it is started.
        host: whom its certificate names.
        is_mutual: whether a client must show one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / AUTHORITY)
    authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(folder / SHOWN)
    own = authority.issue_cert("clicks@example.org")
    if is_mutual:
        own.private_key_and_cert_chain_pem.write_to_path(folder / OWN)
    return own


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    login: str

    def do_GET(self) -> None:
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        with (self.folder / "asked").open("a") as file:
            file.write(f"{self.path}\n")
        if self._lets_in():
            self._answer(*self._found(path))

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._lets_in():
            subject = unquote(self.path.split("/")[2])
            schemas = self._schemas()
            version = 1 + sum(each["subject"] == subject for each in schemas)
            schemas.append({"subject": subject, "version": version, **told})
            (self.folder / "schemas.json").write_text(json.dumps(schemas))
            self._answer(200, {"id": len(schemas)})

    def _found(self, path: list[str]) -> tuple[int, Any]:
        schemas = self._schemas()
        if path == ["schemas", "types"]:
            return 200, ["JSON", "PROTOBUF", "AVRO"]
        if path[:2] == ["schemas", "ids"]:
            number = int(path[2])
            known = 0 < number <= len(schemas)
            return (200, _told(schemas[number - 1])) if known else _no(40403, f"Schema {number} not found")
        if path[:1] == ["subjects"] and len(path) == 4:
            named = [(each["subject"], str(each["version"])) for each in schemas]
            at = (path[1], path[3])
            return (200, _told(schemas[named.index(at)])) if at in named else _no(40402, "Version not found")
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _lets_in(self) -> bool:
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if self.login and self.headers.get("Authorization") != wanted:
            self._answer(401, {"error_code": 401, "message": "Unauthorized"})
            return False
        return True

    def _schemas(self) -> list[dict[str, Any]]:
        file = self.folder / "schemas.json"
        return json.loads(file.read_text()) if file.exists() else []

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object, **__: object) -> None:
        """Nothing is written beside the answers."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write what failed, but for a client that is not let in."""
        if not isinstance(sys.exc_info()[1], ssl.SSLError):
            super().handle_error(request, client_address)


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    """Of an Avro schema its kind is not said."""
    wanted = ("schema", "references", *(["schemaType"] if schema["schemaType"] != "AVRO" else []))
    return {name: schema[name] for name in wanted if name in schema}


def _no(code: int, why: str) -> tuple[int, Any]:
    return 404, {"error_code": code, "message": why}


def _serve(folder: str, port: str, login: str = "") -> None:
    handler = type("Handler", (_Handler,), {"folder": Path(folder), "login": login})
    server = _Server(("127.0.0.1", int(port)), handler)
    if (shown := Path(folder, SHOWN)).exists():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(Path(folder, AUTHORITY)))
        context.load_cert_chain(shown)
        if Path(folder, OWN).exists():
            context.verify_mode = ssl.CERT_REQUIRED
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # later ones may close before a client has read why
        else:
            context.verify_mode = ssl.CERT_NONE
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
