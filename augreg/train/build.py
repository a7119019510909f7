"""The network of a run, and how it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from augreg.train import class_weights, models
from augreg.train.data import Feed
from augreg.train.given import given_network, given_recipe
from augreg.train.loop import Recipe
from augreg.train.pretrained import HEAD, pretrained_network


def build(feed: Feed, model: Any = None) -> tuple[Any, Recipe]:
    """The network that a run's options name, or one around a Keras model, and its recipe.

    The network takes what the policy gives, and gives float32.
    """
    options, classes, output = feed.options, len(feed.source.class_names), feed.policy.output
    weights = None
    if options.class_weights is not None:
        weights = class_weights.balanced(feed.source.splits["train"], classes)
    if model is not None:
        core = models.taking(given_network(model, feed.fed, classes), feed.fed, output.dtype)
        return _giving_floats(core), given_recipe(model, options, weights)
    with _precision(options.mixed_precision):
        if options.weights is None:
            core = models.network(options.model, feed.fed, classes, output.dtype)
            return _giving_floats(core), Recipe(class_weights=weights)
        shape = feed.fed
        core = pretrained_network(options.model, options.weights, shape, classes, output)
        head = core.get_layer(HEAD).trainable_variables
        frozen = options.freeze_epochs > 0
        recipe = Recipe(head=head, inference=frozen, class_weights=weights)
        return _giving_floats(core), recipe


@contextmanager
def _precision(dtype: str | None) -> Iterator[None]:
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(f"mixed_{dtype}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _giving_floats(core: Any) -> Any:
    """A network whose logits are float32, whatever it computes in."""
    (inputs,), (logits,) = core.inputs, core.outputs
    if logits.dtype == "float32":
        return core
    floats = keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
    return keras.Model(inputs, floats, name=core.name)
