"""What a schema registry is asked: a schema by its id. An id never means another schema, so each is asked for once.

Three requests of Confluent's HTTP interface, which others have too; why not their client: docs/decisions/0038.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from clickstream_platform.errors import RETRYABLE_STATUSES, UnreachableError
from clickstream_platform.events.registry.connection import AwayError, get, not_a_registry, not_let_in
from clickstream_platform.events.registry.failures import SUBJECT, UnknownSchemaError
from clickstream_platform.events.registry.model import Registry

NO_SUCH = (40401, 40402, 40403)  # a registry's own words for: no such subject, version, schema
ATTEMPTS, PAUSE = 3, 0.2  # seconds, doubled for the next
_LAST_ID = 2**31 - 1  # ids are Java's int
_DEEPEST = 100  # schemas that refer to each other, one behind the other
_AGAIN = "start it, or mend CLICKSTREAM_REGISTRY, and run again: nothing of this batch is committed"


class RegisteredSchema(NamedTuple):
    """A schema as a registry has it.

    Attributes:
        kind: AVRO, JSON, PROTOBUF.
        text: the schema.
        references: the schemas that it refers to by their names, each behind those that it refers to itself.
    """

    kind: str
    text: str
    references: tuple[str, ...] = ()


@lru_cache(maxsize=10_000)  # what is raised is not kept
def schema(registry: Registry, number: int) -> RegisteredSchema:
    """The schema of an id. Asks the registry once in a process.

    Raises:
        UnknownSchemaError: it says that it has none.
        UnreachableError: it does not answer, or not now.
        SourceError: it does not let us in, or is no schema registry.
    """
    if number > _LAST_ID:
        raise UnknownSchemaError
    answer = _request(registry, f"schemas/ids/{number}")
    return RegisteredSchema(_kind(answer), _text(registry, answer), tuple(_referenced_schemas(registry, answer, 0)))


def describe_registry(registry: Registry) -> str:
    """Whether the registry answers, in words. Raises what :func:`schema` does, but for an unknown schema."""
    kinds = _answer(registry, "schemas/types")
    if not isinstance(kinds, list):
        raise not_a_registry(registry, "it does not say which kinds of schemas it has")
    return f"{registry.display_name} answers, and has schemas of {', '.join(map(str, kinds))}"


def _referenced_schemas(registry: Registry, answer: Any, depth: int) -> list[str]:
    texts: list[str] = []
    for each in answer.get("references") or ():
        if depth >= _DEEPEST:
            raise not_a_registry(registry, f"schemas refer to each other more than {_DEEPEST} deep")
        name = quote(str(each["subject"]), safe="")
        other = _request(registry, f"subjects/{name}/versions/{each['version']}?deleted=true")
        texts += [*_referenced_schemas(registry, other, depth + 1), _text(registry, other)]
    return list(dict.fromkeys(texts))


def _kind(answer: Any) -> str:
    return str(answer.get("schemaType") or "AVRO")  # which is not said of an Avro schema


def _text(registry: Registry, answer: Any) -> str:
    if not isinstance(text := answer.get("schema"), str):
        raise not_a_registry(registry, "its answer has no schema")
    return text


def _request(registry: Registry, path: str) -> Any:
    answer = _answer(registry, path)
    if not isinstance(answer, dict):
        raise not_a_registry(registry, "its answer is no JSON object")
    return answer


def _answer(registry: Registry, path: str) -> Any:
    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=PAUSE),
        retry=retry_if_exception_type(AwayError),
        reraise=True,
    )
    try:
        answer: requests.Response = attempts(_got, registry, path)
    except AwayError as away:
        finding = f"{registry.display_name} does not answer ({away}) when it is asked for {path.partition('?')[0]}"
        raise UnreachableError(SUBJECT, finding, _AGAIN) from None
    content = _json(answer)
    code: Any = content.get("error_code") if isinstance(content, dict) else None
    if answer.status_code == 404 and code in NO_SUCH:
        raise UnknownSchemaError
    if answer.status_code in (401, 403):
        raise not_let_in(registry, f"it answered {answer.status_code}")
    if answer.status_code != 200 or content is None:
        raise not_a_registry(registry, f"asked for {path.partition('?')[0]}, it answered {answer.status_code}")
    return content


def _got(registry: Registry, path: str) -> requests.Response:
    answer = get(registry, path)
    if answer.status_code in RETRYABLE_STATUSES:
        msg = f"it answered {answer.status_code}"
        raise AwayError(msg)
    return answer


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except requests.exceptions.JSONDecodeError:
        return None
