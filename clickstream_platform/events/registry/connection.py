"""How a registry is reached: who we are there, whose certificates we trust, and what a connection that fails says."""

from __future__ import annotations

import base64
import re
import ssl
from functools import lru_cache
from typing import Any

import requests
import requests.adapters
import requests.auth
from urllib3.util.ssl_ import create_urllib3_context

from clickstream_platform.errors import SourceError
from clickstream_platform.events.registry.failures import SUBJECT
from clickstream_platform.events.registry.model import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    KEY_PASSWORD,
    LOGIN,
    OPTIONS,
    TOKEN,
    VARIABLE,
    Registry,
)

_PATIENCE = (3.05, 10.0)  # seconds to be let in, and for the answer
_OF_OURS = re.compile(r"ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)")


class AwayError(Exception):
    """An attempt that the next one may do better."""


def get(registry: Registry, path: str) -> requests.Response:
    """What a registry answers, whatever it is.

    Raises:
        AwayError: nothing came, or not in time.
        SourceError: it cannot be asked so: an address that is none, or a certificate that either does not trust.
    """
    try:
        return _session(registry).get(
            f"{registry.url}/{path}",
            timeout=_PATIENCE,
            verify=registry.option(AUTHORITY),  # here, as a session's own gives way to REQUESTS_CA_BUNDLE
        )
    except requests.Timeout:
        msg = f"nothing came within {_PATIENCE[1]:g} s"
        raise AwayError(msg) from None
    except requests.ConnectionError as failed:
        raise _of_connection(registry, failed) from None
    except requests.RequestException as failed:
        raise not_a_registry(registry, f"it cannot be asked ({type(failed).__name__})") from None


def not_a_registry(registry: Registry, why: str) -> SourceError:
    """The error of an address at which something else is."""
    return SourceError(
        SUBJECT, f"{registry.display_name} is no schema registry: {why}", f"mend {VARIABLE}, and run again"
    )


def not_let_in(registry: Registry, why: str) -> SourceError:
    """The error of a registry that refuses us."""
    return SourceError(SUBJECT, f"{registry.display_name} does not let us in ({why})", f"mend {OPTIONS}")


def _of_connection(registry: Registry, failed: requests.ConnectionError) -> Exception:
    reason = getattr(next(iter(failed.args), None), "reason", None) or failed
    tls = _tls_failure(failed)
    if isinstance(tls, ssl.SSLCertVerificationError):
        finding = f"{registry.display_name} shows a certificate that is not trusted ({tls.verify_message})"
        remedy = f"name who has made it as {AUTHORITY} in {OPTIONS}, or the host as the certificate does in {VARIABLE}"
        return SourceError(SUBJECT, finding, remedy)
    if tls is None:
        return AwayError(type(reason).__name__)
    if isinstance(tls, ssl.SSLEOFError):
        hint = "" if registry.option(CERTIFICATE) else f", as who wants to be shown one by {CERTIFICATE} may do"
        return AwayError(f"TLS: it closed the connection{hint}")
    said = (tls.reason or type(tls).__name__).lower().replace("_", " ")
    return not_let_in(registry, said) if _OF_OURS.search(tls.reason or "") else AwayError(f"TLS: {said}")


def _tls_failure(failed: BaseException) -> ssl.SSLError | None:
    """What OpenSSL said, wherever in an error it is."""
    waiting, seen = [failed], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, ssl.SSLError):
            return each
        seen.add(id(each))
        within: list[Any] = [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
        waiting += [other for other in within if isinstance(other, BaseException) and id(other) not in seen]
    return None


class _Authorization(requests.auth.AuthBase):
    """The header ``Authorization`` as the settings have it: no ``.netrc`` replaces it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class _WithCertificate(requests.adapters.HTTPAdapter):
    """Connections on which we show a certificate. By a context of our own, as requests gives a key no password."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


@lru_cache(maxsize=4)
def _session(registry: Registry) -> requests.Session:
    """Kept open, as one batch may ask for several. Not urllib3's own retries: they log the whole address."""
    session = requests.Session()
    session.headers["Accept"] = "application/vnd.schemaregistry.v1+json, application/json"
    if login := registry.option(LOGIN):
        session.auth = _Authorization(f"Basic {base64.b64encode(login.encode()).decode()}")
    if token := registry.option(TOKEN):
        session.auth = _Authorization(f"Bearer {token}")
    context = _tls_context(registry)
    if registry.option(CERTIFICATE):
        session.mount("https://", _WithCertificate(context))
    return session


def _tls_context(registry: Registry) -> ssl.SSLContext:
    """Of the PEM files that the options name. Raises a SourceError that names the one that is not to be used."""
    context, name = create_urllib3_context(), AUTHORITY
    try:
        if authority := registry.option(AUTHORITY):
            context.load_verify_locations(authority)
        name = CERTIFICATE
        if certificate := registry.option(CERTIFICATE):
            # A password that is not there is an empty one: OpenSSL would ask for it at the terminal.
            context.load_cert_chain(certificate, registry.option(KEY), lambda: registry.option(KEY_PASSWORD) or "")
    except (OSError, ValueError) as wrong:
        finding = f"{name} is not to be used ({getattr(wrong, 'reason', None) or type(wrong).__name__})"
        remedy = f"name PEM files in {OPTIONS}, a certificate with its own key, and {KEY_PASSWORD} if that has one"
        raise SourceError(SUBJECT, finding, remedy) from None
    return context
