"""An Avro schema made into the one that a record is read by: the same bytes, but every value becomes what JSON has.

Two things that fastavro's reader in C does not look after are mended in the schema: it follows a value that holds
itself until the process dies, and reads as many values that take no bytes as a record claims to hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clickstream_platform.events.registry.failures import UnreadSchemaError
from clickstream_platform.events.registry.logical import PREFIX, READERS, SCALE, SYMBOLS

LEVELS = 64  # of values of a type that can hold itself; what is deeper is no event
_PRIMITIVE = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_NAMED = ("record", "error", "enum", "fixed")
_DEEP = f"{PREFIX}deep".replace("-", "_")


def shape_schema(schema: Any, references: Sequence[Any] = ()) -> Any:
    """The schema to read by, for ``fastavro.parse_schema``.

    Args:
        schema: as JSON says it.
        references: schemas whose names it uses.

    Raises:
        UnreadSchemaError: it uses a name that nothing has, or is none of Avro's; or an array is of what takes no bytes.
    """
    try:
        return _Shaping([*references, schema]).shaped(schema, "", 0)
    except (KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise UnreadSchemaError from wrong


class _Shaping:
    def __init__(self, schemas: Sequence[Any]) -> None:
        self._named: dict[str, tuple[dict[str, Any], str]] = {}  # with the namespace that holds in it
        for each in schemas:
            self._collect(each, "")
        self._inside = {name: set(self._names_in(*definition)) for name, definition in self._named.items()}
        self._cyclic = {name for name in self._named if name in self._reachable(name)}
        self._made: dict[str, bool] = {}  # records by their new names: whether they take bytes, as far as is known
        self._fixed = 0

    def shaped(self, schema: Any, space: str, level: int) -> Any:
        """What a schema becomes, in a namespace and so many levels deep in types that can hold themselves."""
        if isinstance(schema, list):
            return [self.shaped(each, space, level) for each in schema]
        if isinstance(schema, str):
            return _leaf(schema, {}) if schema in _PRIMITIVE else self._occurs(self._resolved(schema, space), level)
        kind = schema["type"]
        if isinstance(kind, (dict, list)):
            return self.shaped(kind, space, level)
        if kind in _NAMED:
            return self._occurs(_full_name(schema, space), level)
        if kind == "array":
            return self._array(self.shaped(schema["items"], space, level))
        if kind == "map":
            values = self.shaped(schema["values"], space, level)
            return {"type": "map", "values": values, **(_as("map") if _may_be_null(values) else {})}
        return _leaf(kind, schema) if kind in _PRIMITIVE else self._occurs(self._resolved(kind, space), level)

    def _array(self, items: Any) -> Any:
        if not self._takes_bytes(items):
            raise UnreadSchemaError
        return {"type": "array", "items": items}

    def _occurs(self, name: str, level: int) -> Any:
        """A named type wherever it stands: by its definition or by its name."""
        schema, space = self._named[name]
        level = level + 1 if name in self._cyclic else 0
        if schema["type"] == "enum":
            return {"type": "int", SYMBOLS: [str(each) for each in schema["symbols"]], **_as("enum")}
        if schema["type"] == "fixed":
            self._fixed += 1
            return {"type": "fixed", "name": f"fixed_{self._fixed}", "size": schema["size"], **_fixed(schema)}
        if level > LEVELS:
            return self._deep()
        own = f"record_{[*self._named].index(name)}_{level}"
        if own in self._made:
            return own
        self._made[own] = True
        fields = [
            {"name": str(each["name"]), "type": self.shaped(each["type"], space, level)} for each in schema["fields"]
        ]
        self._made[own] = any(self._takes_bytes(each["type"]) for each in fields)
        has_nulls = any(_may_be_null(each["type"]) for each in fields)
        return {"type": "record", "name": own, "fields": fields, **(_as("record") if has_nulls else {})}

    def _deep(self) -> Any:
        if _DEEP in self._made:
            return _DEEP
        self._made[_DEEP] = True  # the first of them ends the reading
        return {"type": "record", "name": _DEEP, "fields": [], **_as("deep")}

    def _takes_bytes(self, made: Any) -> bool:
        if isinstance(made, str):
            return self._made.get(made, made != "null")
        if isinstance(made, list) or made["type"] in ("array", "map"):
            return True
        if made["type"] == "record":
            return self._made[made["name"]]
        return made["type"] != "fixed" or made["size"] > 0

    def _collect(self, schema: Any, space: str) -> None:
        if isinstance(schema, list):
            for each in schema:
                self._collect(each, space)
        if not isinstance(schema, dict):
            return
        kind = schema["type"]
        if kind in _NAMED:
            name = _full_name(schema, space)
            space = name.rpartition(".")[0]
            self._named.setdefault(name, (schema, space))
        for inside in _within(schema):
            self._collect(inside, space)

    def _names_in(self, schema: Any, space: str, *, is_top: bool = True) -> Iterator[str]:
        """The named types that stand in a schema, those within them left out."""
        if isinstance(schema, list):
            for each in schema:
                yield from self._names_in(each, space, is_top=False)
        elif isinstance(schema, str):
            if schema not in _PRIMITIVE:
                yield self._resolved(schema, space)
        elif schema["type"] in _NAMED and not is_top:
            yield _full_name(schema, space)
        else:
            for inside in _within(schema):
                yield from self._names_in(inside, space, is_top=False)

    def _reachable(self, name: str) -> set[str]:
        reachable, waiting = set[str](), [name]
        while waiting:
            new = self._inside[waiting.pop()] - reachable
            reachable |= new
            waiting += new
        return reachable

    def _resolved(self, name: str, space: str) -> str:
        inside = f"{space}.{name}" if space and "." not in name else name
        if inside not in self._named and name not in self._named:
            raise UnreadSchemaError
        return inside if inside in self._named else name


def _within(schema: dict[str, Any]) -> list[Any]:
    kind = schema["type"]
    if kind in ("record", "error"):
        return [each["type"] for each in schema["fields"]]
    if kind in ("array", "map"):
        return [schema["items" if kind == "array" else "values"]]
    return [] if kind in ("enum", "fixed", *_PRIMITIVE) else [kind]


def _full_name(schema: dict[str, Any], space: str) -> str:
    name, space = schema["name"], schema.get("namespace", space)
    return name if "." in name or not space else f"{space}.{name}"


def _may_be_null(made: Any) -> bool:
    return made == "null" or (isinstance(made, list) and "null" in made)


def _leaf(kind: str, schema: dict[str, Any]) -> Any:
    logical = schema.get("logicalType")
    if logical == "decimal" and kind == "bytes" and (scale := _scale(schema)) is not None:
        return {"type": kind, SCALE: scale, **_as("decimal")}
    for name in (logical, kind):
        if (kind, name) in READERS and name != "decimal":
            return {"type": kind, **_as(str(name))}
    return kind


def _fixed(schema: dict[str, Any]) -> dict[str, Any]:
    logical, size = schema.get("logicalType"), schema["size"]
    if not isinstance(size, int) or size < 0:
        raise UnreadSchemaError
    if logical == "decimal" and (scale := _scale(schema)) is not None:
        return {SCALE: scale, **_as("decimal")}
    return _as(str(logical) if (logical, size) in (("uuid", 16), ("duration", 12)) else "bytes")


def _scale(schema: dict[str, Any]) -> int | None:
    """The scale of a valid decimal; None of an invalid one, which Avro reads as its underlying type."""
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    is_one = type(precision) is int and type(scale) is int and precision > 0 and 0 <= scale <= precision
    return scale if is_one else None


def _as(name: str) -> dict[str, str]:
    return {"logicalType": f"{PREFIX}{name}"}
