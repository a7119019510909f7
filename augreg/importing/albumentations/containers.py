"""The walk through a document of Albumentations: its containers, and a table for the rest.

What containers do: https://albumentations.ai/docs/api-reference/core/composition/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from augreg.errors import PolicyError
from augreg.images import ImageSize
from augreg.importing.albumentations import (
    color,
    compression,
    distortion,
    dropout,
    filters,
    geometry,
    noise,
    sizes,
    weather,
)
from augreg.importing.conversion import Entry, Given, NotSayableError, State
from augreg.importing.nodes import Node, Step, chosen, group, joined, single
from augreg.importing.values import Values
from augreg.importing.walk import Walk, unknown

_NAME = "__class_fullname__"
_TABLES = (
    *(geometry, sizes, color, filters, noise, dropout),
    *(compression, distortion, weather),
)
_TABLE: Mapping[str, Entry] = {
    name: entry for module in _TABLES for name, entry in module.TABLE.items()
}
_SEQUENCES = ("Compose", "ReplayCompose", "Sequential")
# mask_interpolation and the fills of masks are looked at in `_masks`
_IGNORED = frozenset(
    {
        *(_NAME, "p", "always_apply", "params", "applied"),
        *("mask_interpolation", "fill_mask", "mask_value", "mask_fill_value", "cval_mask"),
        *("mask_pad_val", "pad_val_mask"),
    }
)
_ALWAYS = ("Compose", "ReplayCompose", "SomeOf", "RandomOrder")  # where p is not given
_HAS_OWN_P = ("SomeOf", "RandomOrder", "OneOrOther")  # also where OneOf has chosen them
_MOST_NESTED = 60


def is_one(value: Any) -> bool:
    """Whether a document is one of Albumentations."""
    return isinstance(value, dict) and (_NAME in value or _NAME in _inner(value))


def _inner(value: dict[str, Any]) -> dict[str, Any]:
    inner = value.get("transform")
    return inner if isinstance(inner, dict) else {}


@dataclass
class Document:
    """One walk through a document: call `nodes` once, then read the other attributes."""

    value: dict[str, Any]
    size: ImageSize | None
    left_out: Mapping[str, str]
    walk: Walk = field(init=False)

    def __post_init__(self) -> None:
        state = State(Values((255.0,)), self.size)
        self.walk = Walk(state, self.left_out, _IGNORED)

    def nodes(self) -> tuple[Node, ...]:
        """What the document becomes."""
        saved = _NAME not in self.value
        root = _inner(self.value) if saved else self.value
        version = str(self.value.get("__version__", ""))
        if numbers := re.match(r"(\d+)\.(\d+)", version):
            self.walk.state.version = (int(numbers[1]), int(numbers[2]))
        nodes = self._one(root, "/transform" if saved else "")
        self._notes(root, version)
        return nodes

    def output(self) -> Step:
        """The section `output`."""
        values = self.walk.state.values
        if values.range == (0, 255):
            self.walk.note(
                "output is uint8, as without Normalize or ToFloat; for floats in 0..1 remove "
                '"output"'
            )
            return {"dtype": "uint8"}
        return values.output()

    def _notes(self, root: dict[str, Any], version: str) -> None:
        if version and not version.startswith("2."):
            self.walk.note(f"written by version {version}; meanings are compared with 2.0.8")
        for key in ("bbox_params", "keypoint_params", "additional_targets"):
            if root.get(key):
                self.walk.note(
                    f"{key} is no part of a policy: say with `parts` and `also` what elements "
                    "have (docs/annotations.md)"
                )

    def _one(self, value: Any, place: str, forced: bool = False) -> tuple[Node, ...]:
        """A transform or a container; `forced` where the container around has drawn it."""
        if not isinstance(value, dict) or not isinstance(value.get(_NAME), str):
            raise PolicyError(f'a transform is an object with "{_NAME}"', pointer=place)
        if place.count("/") > _MOST_NESTED:
            raise PolicyError("nested too deeply", pointer=place)
        name = _name(value)
        p = 1 if forced and name not in _HAS_OWN_P else _probability(value, name, place)
        if "transforms" in value:
            return self._container(name, value, place, p)
        given = {key: part for key, part in value.items() if key != _NAME}
        return self.walk.convert(place, name, self._entry(name, given), given, p)

    def _entry(self, name: str, given: Mapping[str, Any]) -> Entry | str:
        if name not in _TABLE:
            return sizes.REASONS.get(name) or unknown(name)
        return lambda parameters: _masks(parameters, given, _TABLE[name])

    def _container(
        self, name: str, value: dict[str, Any], place: str, p: float
    ) -> tuple[Node, ...]:
        if place in self.walk.left_out:
            self.walk.add("left out", place, name, text=self.walk.left_out[place])
            return ()
        inner, place_inner = value["transforms"], f"{place}/transforms"
        if not isinstance(inner, list) or not inner:
            raise PolicyError(f"{name} has no list of transforms", pointer=place_inner)
        places = [f"{place_inner}/{i}" for i in range(len(inner))]
        if name in _SEQUENCES:
            return joined(place, self._sequence(inner, places, p == 1), p)
        if name == "OneOf":
            branches = self._branches(inner, places, forced=True)
            weights = [
                _probability(one, _name(one), path) for one, path in zip(inner, places, strict=True)
            ]
            return chosen(place, branches, weights, p)
        if name == "OneOrOther":
            ends = self._branches([inner[0], inner[-1]], [places[0], places[-1]], forced=True)
            return chosen(place, ends, (p, 1 - p), 1)
        if name in ("SomeOf", "RandomOrder"):
            return self._some(name, value, place, places, p)
        self.walk.add("left out", place, name, text="no group of a policy does this")
        return ()

    def _sequence(self, inner: list[Any], places: list[str], certain: bool) -> tuple[Node, ...]:
        nodes: list[Node] = []
        before, self.walk.certain = self.walk.certain, self.walk.certain and certain
        i = 0
        while i < len(inner):
            pair = self._pair(inner[i : i + 2], places[i])
            nodes += self._one(inner[i], places[i]) if pair is None else pair
            i += 1 if pair is None else 2
        self.walk.certain = before
        return tuple(nodes)

    def _pair(self, two: list[Any], place: str) -> tuple[Node, ...] | None:
        """Two transforms that are one step; None if these are not."""
        names = tuple(_name(one) for one in two if isinstance(one, dict))
        entry = sizes.PAIRS.get(names) if len(names) == 2 else None
        if entry is None or any(one.get("p", 1) != 1 for one in two):
            return None
        first, second = ({k: v for k, v in one.items() if k not in _IGNORED} for one in two)

        def both(given: Given) -> list[Step]:
            other = Given(second, given.state)
            steps = entry(given, other)
            for text in other.differences:
                given.differs(text)
            if unread := other.unread(_IGNORED):
                raise NotSayableError(f"unknown parameter {', '.join(unread)}")
            return steps

        return self.walk.convert(place, " + ".join(names), both, first)

    def _branches(
        self, inner: Iterable[Any], places: Iterable[str], forced: bool
    ) -> list[tuple[Node, ...]]:
        """What each branch becomes; each begins with the size that all of them get."""
        certain, size = self.walk.certain, self.walk.state.size
        self.walk.certain = False
        found, after = [], set()
        for one, place in zip(inner, places, strict=True):
            self.walk.state.size = size
            found.append(self._one(one, place, forced))
            after.add(self.walk.state.size)
        self.walk.certain = certain
        self.walk.state.size = after.pop() if len(after) == 1 else None
        return found

    def _some(
        self, name: str, value: dict[str, Any], place: str, places: list[str], p: float
    ) -> tuple[Node, ...]:
        inner, count = value["transforms"], value.get("n", 1)
        replace = bool(value.get("replace", False))
        if not isinstance(count, int) or count < 0:
            raise PolicyError(f"n is {count!r}, where a number is expected", pointer=f"{place}/n")
        branches = self._branches(inner, places, forced=False)
        if not any(branches):
            return ()
        if name == "RandomOrder" and count >= len(inner) and not replace:
            kept = (single(place, nodes) for nodes in branches if nodes)
            return (group(place, "random_order", kept, p=p),)
        if name == "RandomOrder":
            text = "picks are applied in the order of the list"
            self.walk.add("near", place, name, ("some_of",), text)
        count = count if replace else min(count, len(inner))
        kept = (single(path, nodes) for path, nodes in zip(places, branches, strict=True))
        more = {"replace": True} if replace else {}
        return (group(place, "some_of", kept, n=count, p=p, **more),)


def _name(value: dict[str, Any]) -> str:
    """A transform's class; old versions wrote its module in front, as all do of a user's own."""
    full = str(value.get(_NAME))
    return full.rpartition(".")[2] if full.startswith("albumentations.") else full


def _probability(value: dict[str, Any], name: str, place: str) -> float:
    if value.get("always_apply"):
        return 1
    p = value.get("p", 1 if name in _ALWAYS else None)
    if not isinstance(p, int | float) or not 0 <= p <= 1:
        raise PolicyError(f"p of {name} is {p!r}, and has to be in 0..1", pointer=f"{place}/p")
    return p


def _masks(given: Given, parameters: Mapping[str, Any], entry: Entry) -> list[Step]:
    """An entry, after a look at what its transform does to masks."""
    if parameters.get("mask_interpolation", 0) != 0:
        given.differs("masks are resampled by nearest neighbour")
    for name in ("mask_value", "cval_mask", "mask_pad_val"):
        if parameters.get(name) not in (None, 0, [0, 0, 0]):
            given.differs("masks are filled with 0")
    return entry(given)
