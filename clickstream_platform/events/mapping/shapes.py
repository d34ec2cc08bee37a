"""What is known of records of an unknown shape: what is around their events, and where in these the columns may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from clickstream_platform.events.mapping.checking import CheckSummary
from clickstream_platform.events.mapping.guessing import Guess, Samples, add_from_around, guess
from clickstream_platform.events.mapping.lines_apart import form_of, values_of
from clickstream_platform.events.mapping.model import Envelope, Form
from clickstream_platform.events.mapping.paths import getter, path_text, steps_of
from clickstream_platform.events.mapping.records import read_texts
from clickstream_platform.events.mapping.sampling import sample
from clickstream_platform.events.mapping.unfolding import Unfolded, unfold, unfold_lines


@dataclass(frozen=True)
class Shape:
    """What is known of records of an unknown shape.

    Attributes:
        samples: some values at each path of an event.
        guess: where its columns may be.
        layers: what is around it.
        texts: its fields that are objects as texts.
        form: how its line is taken apart, if it is no JSON.
    """

    samples: Samples
    guess: Guess
    layers: tuple[Envelope, ...] = ()
    texts: frozenset[str] = field(default_factory=frozenset[str])
    form: Form | None = None

    @property
    def inside(self) -> Samples:
        """The values at each path within an event."""
        begin = self.guess.begin
        return {path[len(begin) :]: texts for path, texts in self.samples.items() if path.startswith(begin)}


def shape_of(checked: CheckSummary) -> Shape:
    """What can be told by the records that were looked at."""
    if forms := None if checked.first else unfold_lines(checked.lines):
        return _shape_of_events(forms)
    if not checked.first:
        form = form_of(checked.lines)
        samples = values_of(checked.lines, form) if form else {}
        return Shape(samples, guess(samples), form=form)
    return _shape_of_events(unfold(checked.first))


def _shape_of_events(unfolded: Unfolded) -> Shape:
    samples, object_texts = sample(unfolded.events)
    guessed, layers = guess(samples), unfolded.layers
    if guessed.envelope:  # of all items of its lists, where the samples had the first
        samples = _with_items(samples, guessed, unfolded.events)
        guessed = again if (again := guess(samples)).envelope == guessed.envelope else guessed
    if guessed.envelope and (name := str(steps_of(guessed.envelope)[0][0])) in object_texts:
        return _shape_of_events(_out_of_text(unfolded, name))
    if guessed.envelope:
        layers = (*layers, Envelope(guessed.envelope, inherit=guessed.inherit))
        items = _items_of(unfolded.events, layers[-1])
        sampled = sample(items)
        is_deeper = bool(guess(sampled.values).envelope)  # or only the first of a list in a list would be read
        if is_deeper:
            return _shape_of_events(Unfolded(layers, items, []))
        return Shape(samples, guessed, layers, sampled.object_texts)
    if unfolded.around and layers:
        guessed = add_from_around(guessed, sample(unfolded.around).values)
        layers = (*layers[:-1], msgspec.structs.replace(layers[-1], inherit=guessed.inherit))
    return Shape(samples, guessed, layers, object_texts)


def _with_items(samples: Samples, guessed: Guess, events: Sequence[dict[str, Any]]) -> Samples:
    items = sample(_items_of(events, Envelope(guessed.envelope))).values
    around = {path: texts for path, texts in samples.items() if not path.startswith(guessed.begin)}
    return {**around, **{guessed.begin + path: texts for path, texts in items.items()}}


def _out_of_text(unfolded: Unfolded, name: str) -> Unfolded:
    """The objects that a field has as texts, by a layer of its own, as more envelopes are in them."""
    held = [(fields[name], event) for event in unfolded.events if (fields := read_texts(dict(event), (name,)))]
    held = [
        (inside, {key: value for key, value in event.items() if key != name})
        for inside, event in held
        if isinstance(inside, dict)
    ]
    inside, around = [each for each, _ in held], [each for _, each in held]
    inherit = add_from_around(guess(sample(inside).values), sample(around).values).inherit
    merged = [{**{key: more[key] for key in inherit if key in more}, **each} for each, more in held]
    layer = Envelope(path_text((name,)), ("json",), "one", inherit=inherit)
    return Unfolded((*unfolded.layers, layer), merged, [])


def _items_of(events: Sequence[dict[str, Any]], layer: Envelope) -> list[dict[str, Any]]:
    """What is in the list of each, with what it inherits."""
    list_in = getter(steps_of(layer.path))
    lists = ((list_in(event), {name: event[name] for name in layer.inherit if name in event}) for event in events)
    return [{**around, **item} for items, around in lists for item in items or () if isinstance(item, dict)]
