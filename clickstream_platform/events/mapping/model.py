"""What a mapping declares, as data. :mod:`.written` reads it from TOML."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import msgspec

from clickstream_platform.events.schema import WIRE

Kind = Literal["text", "integer", "decimal", "boolean", "time"]
UNITS = ("auto", "s", "ms", "us", "ns", "iso", "clf")
COLUMNS = tuple(WIRE.names)
Holds = Literal["many", "one", "values", "rows", "columns"]
KEY = "key"  # the field that has the key of an event, if an envelope says no other
Undo = Literal["base64", "gzip", "form", "json", "jsonp", "lines"]
REQUIRED = ("user_id", "timestamp", "event_type")


_WRITTEN = {"paths": "from", "kind": "type", "is_joined": "join"}


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=_WRITTEN):
    """Where a column of ``events`` is found.

    Attributes:
        paths: in order of preference: the first at which there is something counts.
        kind: what the value must be; of another one, the record is rejected as ``wrong_type``.
        unit: of a time that is a number; ``clf`` is the form of access logs, ``10/Oct/2000:13:55:36 -0700``; or a form
            of texts, such as ``%d.%m.%Y %H:%M``: :mod:`.time_forms`.
        default: what a record has that has none.
        is_joined: of a time that is told by several fields, a day and a time of day: all paths count, in their order.
    """

    paths: tuple[str, ...] = ()
    kind: Kind = "text"
    unit: str | None = None
    default: str | None = None
    is_joined: bool = False


class EventTypes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a producer's names become event types.

    Attributes:
        accept: ``settings``: those of ``CLICKSTREAM_EVENT_TYPES``; ``all``: every name; or a list.
        names: the event type of a name; a name that is not here is its own event type.
    """

    accept: Literal["settings", "all"] | tuple[str, ...] = "settings"
    names: tuple[tuple[str, str], ...] = ()


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one record is written.

    Attributes:
        format: ``json``: an object; ``delimited``: texts with a separator between them; ``pattern``: a line that a
            regular expression takes apart.
        separator: between the texts.
        columns: the names of the texts, in their order.
        pattern: the regular expression; its named groups are the fields.
        none: a text that means that there is nothing.
        texts: fields whose text is an object, or a list of objects, as JSON: it is read as that.
        self_describing: fields that hold self-describing JSON: :mod:`.self_describing`.
    """

    format: Literal["json", "delimited", "pattern"] = "json"
    separator: str = ""
    columns: tuple[str, ...] = ()
    pattern: str = ""
    none: str = ""
    texts: tuple[str, ...] = ()
    self_describing: tuple[str, ...] = ()


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is around the events of a record; of several, the outer one first.

    Attributes:
        path: where in the JSON object its content is; all of it is, if empty.
        steps: what is undone there, in this order: ``base64``; ``gzip``; ``form``: a query, or what a form in a browser
            sends; ``json``: a text that is JSON; ``jsonp``: a call with JSON in it; ``lines``: a text of which each
            line that is not blank is one event.
        holds: ``many``: an array, or lines; ``one``: a single event, or the next envelope; ``values``: an object, each
            member of which is one; ``rows``: an array of arrays; ``columns``: an object, each member of which has the
            values of a column.
        names: of rows: where in the JSON object the names of their columns are; the first row has them, if empty.
        key: of values and columns: the field that gets an event's key, ``key`` if empty.
        optional: of the first only: a record that has nothing at the path, or is an object where an array is looked
            for, is an event by itself.
        inherit: fields beside the content that each event has, unless it has them itself; of objects, what it lacks.
    """

    path: str = ""
    steps: tuple[Undo, ...] = ()
    holds: Holds = "many"
    optional: bool = False
    inherit: tuple[str, ...] = ()
    names: str = ""
    key: str = ""


class Mapping(msgspec.Struct, frozen=True):
    """What becomes of a producer's records.

    Attributes:
        name: what it is called.
        about: whose records these are, in a sentence.
        record: how one is written.
        columns: where each column is found, by name.
        event_types: how names become event types.
        pass_over: paths, and the values there by which a record is known to be no event. ``*`` stands for any signs.
        marks: paths that this producer has and those that are like it have not.
        envelope: what is around its events, from the outside in; nothing, if each record is one.
        declared: where columns are found that a contract may declare, by name. They are taken out of what no column of
            ``events`` takes, and the contract's label has them.
    """

    name: str
    about: str
    record: Form
    columns: tuple[tuple[str, ColumnMapping], ...]
    event_types: EventTypes
    pass_over: tuple[tuple[str, tuple[str, ...]], ...]
    marks: tuple[str, ...] = ()
    envelope: tuple[Envelope, ...] = ()
    declared: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def label(self) -> str:
        """Its name and a hash of what it says: stands in the ledger."""
        fields = msgspec.to_builtins(self)
        del fields["declared"]
        for layer in fields["envelope"]:  # an envelope of before there were these has the hash that it had
            for name in ("names", "key"):
                if not layer[name]:
                    del layer[name]
        if not self.envelope:  # a mapping of before there were envelopes has the hash that it had
            del fields["envelope"]
        for name in ("texts", "self_describing"):  # so has one without these
            if not fields["record"][name]:
                del fields["record"][name]
        for _, column in fields["columns"]:
            if not column["join"]:
                del column["join"]
        return f"{self.name} {hashlib.sha256(msgspec.json.encode(fields)).hexdigest()[:12]}"

    @property
    def reads_objects(self) -> bool:
        """Whether each of its records is a JSON object, so that it may come in any format that gives such."""
        if not self.envelope:
            return self.record.format == "json"
        first = self.envelope[0]
        return bool(first.path) or (first.holds in ("values", "columns") and not first.steps)

    def column(self, name: str) -> ColumnMapping:
        """Where a column is found; nowhere if nothing is said of it."""
        return dict(self.columns).get(name, ColumnMapping())


def fields_of(form: Form) -> tuple[str, ...] | None:
    """The fields that every record has; None for JSON, where any may come."""
    if form.format == "delimited":
        return form.columns
    return tuple(re.compile(form.pattern).groupindex) if form.format == "pattern" else None
