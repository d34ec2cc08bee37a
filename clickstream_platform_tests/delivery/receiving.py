"""A server that alerts are told to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

SECRET = "/services/T0/B0/secret"


@dataclass
class Receiver:
    """A server that answers 200, unless it was told what to answer next: a status, or ``hang``."""

    port: int = 0
    answers: list[int | str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of what was answered with 200, in that order
    bodies: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{SECRET}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang":
            self.over.wait(10)
            return
        if answer == 200:
            self.keys.append(request.headers["Idempotency-Key"])
            self.bodies.append(body)
        request.send_response(int(answer))
        request.send_header("Content-Length", "0")
        if answer in (301, 302):
            request.send_header("Location", "/elsewhere")
        request.end_headers()
