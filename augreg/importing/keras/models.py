"""The walk through a Keras model: its augmentation layers, up to the first other layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from augreg.errors import PolicyError
from augreg.images import ImageSize
from augreg.importing.conversion import Entry, State
from augreg.importing.keras import color, geometry, policies
from augreg.importing.nodes import Node, Step
from augreg.importing.values import Values
from augreg.importing.walk import Walk, unknown

_TABLE: Mapping[str, Entry | str] = {**geometry.TABLE, **color.TABLE, **policies.TABLE}
_MODELS = ("Sequential", "Functional", "Model", "Pipeline")
# What a model may have for itself, after its first other layer.
_OF_MODELS = frozenset({"GaussianNoise", "Normalization", "Rescaling", "Resizing"})
# of every layer; a seed is no part of a policy
_IGNORED = frozenset({"name", "trainable", "dtype", "seed", "data_format", "batch_input_shape"})
_MOST_NESTED = 60


def is_one(value: Any) -> bool:
    """Whether a document is a configuration of Keras."""
    if not isinstance(value, dict):
        return False
    return ("class_name" in value and "config" in value) or "layers" in value


@dataclass
class Document:
    """One walk through a document: call `nodes` once, then read the other attributes."""

    value: dict[str, Any]
    size: ImageSize | None
    left_out: Mapping[str, str]
    walk: Walk = field(init=False)
    ended: str = ""  # the name of the layer where the model itself begins
    channels_first: bool = False

    def __post_init__(self) -> None:
        state = State(Values((255.0,)), self.size)
        self.walk = Walk(state, self.left_out, _IGNORED)

    def nodes(self) -> tuple[Node, ...]:
        """What the document becomes."""
        if "class_name" in self.value:
            found = self._layer(self.value, "")
        else:
            found = self._layers(self.value, "")
        if not self.walk.lines:
            raise PolicyError("there is no augmentation layer before the model's first other layer")
        low, high = self.walk.state.start or (0, 255)
        self.walk.note(f"values at the input are taken to be {low:g} to {high:g}")
        if self.ended:
            self.walk.note(f"the model itself begins with {self.ended}, and is not imported")
        if self.channels_first:
            self.walk.note("its layers are channels_first; policies take channels last")
        return found

    def output(self) -> Step:
        """The section `output`."""
        return self.walk.state.values.output()

    def _layer(self, value: Any, place: str) -> tuple[Node, ...]:
        if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
            raise PolicyError("a layer is an object with class_name and config", pointer=place)
        name, config = str(value.get("class_name")), value["config"]
        if place.count("/") > _MOST_NESTED:
            raise PolicyError("nested too deeply", pointer=place)
        if name in _MODELS and "layers" in config and (not place or _augments(value)):
            return self._layers(config, f"{place}/config")
        if name == "InputLayer":
            self._input(config)
            return ()
        if not _augments(value):
            self.ended = self.ended or f"{name} at {place}"
            return ()
        if self.ended and name in _OF_MODELS:
            return ()
        self.channels_first |= config.get("data_format") == "channels_first"
        if self.ended:
            text = f"it stands after {self.ended}, where the model itself begins"
            return self.walk.convert(place, name, text, config)
        return self.walk.convert(place, name, _TABLE.get(name, unknown(name)), config)

    def _input(self, config: Mapping[str, Any]) -> None:
        shape = config.get("batch_shape")
        sides = shape[1:3] if isinstance(shape, list) and len(shape) == 4 else []
        if sides and all(isinstance(side, int) for side in sides):
            self.walk.state.size = self.walk.state.size or (sides[0], sides[1])

    def _layers(self, config: Mapping[str, Any], place: str) -> tuple[Node, ...]:
        layers = config["layers"]
        if not isinstance(layers, list):
            raise PolicyError("layers is a list", pointer=f"{place}/layers")
        nodes: list[Node] = []
        before = {""}  # whose output the next layer of a functional model has to take
        for i, layer in enumerate(layers):
            where, lines = f"{place}/layers/{i}", len(self.walk.lines)
            nodes += self._layer(layer, where)
            if layer.get("class_name") == "InputLayer":
                before.add(str(layer.get("name")))
            elif len(self.walk.lines) > lines and "inbound_nodes" in layer:
                _check_chain(layer, before, where)
                before = {str(layer.get("name"))}
        return tuple(nodes)


def _augments(layer: Any) -> bool:
    """Whether a layer is an augmentation, or a model of such layers alone.

    A backbone that begins with its own Rescaling is none.
    """
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return False
    name, inner = str(layer.get("class_name")), layer["config"].get("layers")
    if name in _MODELS and isinstance(inner, list):
        return all(map(_augments, inner))
    return name in _TABLE or name == "InputLayer" or name.startswith("Random")


def _check_chain(layer: Mapping[str, Any], before: set[str], place: str) -> None:
    """The augmentation layers of a functional model have to follow one another."""
    inputs = _inputs(layer["inbound_nodes"])
    if len(inputs) != 1 or inputs[0] not in before:
        raise PolicyError(
            f"{layer.get('name')} has the inputs {', '.join(inputs)}; only augmentation layers "
            "that follow one another can be imported",
            pointer=place,
        )


def _inputs(value: Any) -> list[str]:
    """The layers that inbound nodes name, in any depth."""
    if isinstance(value, dict):
        history = value.get("keras_history")
        if isinstance(history, list) and history:
            return [str(history[0])]
        return [name for part in value.values() for name in _inputs(part)]
    return [name for part in value for name in _inputs(part)] if isinstance(value, list) else []
