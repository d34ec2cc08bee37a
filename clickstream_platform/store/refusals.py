"""What a store refuses, said in one line: subject, finding, remedy."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from clickstream_platform.errors import ClickstreamError, SetupError, UnreachableError
from clickstream_platform.store.access import Access

_CODES = (re.compile(r"<Code>(\w+)</Code>"), re.compile(r"status code: (\d{3} [A-Z]\w+)"))
_KEY_REFUSED = re.compile(
    r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|ExpiredToken|AuthenticationFailed|AuthorizationFailure"
    r"|invalid_grant|invalid_client|\b40[13] "
)
# What is no key at all, or in a file that cannot be read: nobody was asked.
_NO_KEY = re.compile(
    r"Unable to (?:open|decode) service account file|Error reading pem file|Invalid Access Key|federated token file"
    r"|Failed to read token file"
)
_HOSTS_OF_IDENTITIES = ("169.254.169.254", "169.254.170", "metadata.google.internal")


class NamedPlace(Protocol):
    """A place, as far as an error names it."""

    @property
    def bucket(self) -> str:
        """The bucket."""
        ...

    @property
    def access(self) -> Access:
        """How its store is reached."""
        ...


@contextmanager
def translate_store_errors(place: NamedPlace) -> Generator[Any]:
    """Raise a refusal by the store in the block as our own error, without the store's text, which may hold a key."""
    import obstore  # noqa: PLC0415 - as above
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield obstore
    except FileNotFoundError:
        raise
    except BaseError as failed:
        problem = _error_of_refusal(str(failed), place)
    else:
        return
    raise problem  # outside of the block: a traceback would show that text


def _error_of_refusal(text: str, place: NamedPlace) -> ClickstreamError:
    code = next((match[1] for sign in _CODES if (match := sign.search(text))), "")
    if "NoSuchBucket" in text or "ContainerNotFound" in text:
        finding = f"there is no {place.access.bucket_term} {place.bucket} at {place.access.display_name}"
        return SetupError(str(place), finding, "make it, or set CLICKSTREAM_LAKE to another")
    if _NO_KEY.search(text):
        finding = f"the credentials for {place.access.display_name} cannot be read"
        return SetupError(str(place), finding, f"look at {place.access.credentials}{place.access.credentials_form}")
    if any(host in text for host in _HOSTS_OF_IDENTITIES):
        finding = f"there are no credentials for {place.access.display_name}"
        return SetupError(
            str(place), finding, f"set {place.access.credentials}, or give the host {place.access.identity}"
        )
    if _KEY_REFUSED.search(text):
        finding = f"{place.access.display_name} refuses this user ({code})"
        return SetupError(str(place), finding, f"look at {place.access.credentials}, and what they may do")
    finding = (
        f"{place.access.display_name} does not do what it is asked ({code})" if code else "the store does not answer"
    )
    remedy = f"look whether {place.access.display_name} is up and CLICKSTREAM_STORE_ENDPOINT right, then run it again"
    return UnreachableError(str(place), finding, remedy)
