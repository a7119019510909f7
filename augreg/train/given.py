"""A Keras model from Python as the network of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from augreg.errors import RunError
from augreg.train import models
from augreg.train.loop import Recipe
from augreg.train.options import TrainOptions

_LOSSES = ("SparseCategoricalCrossentropy", "CategoricalCrossentropy")


def described(model: Any) -> str:
    """What a run calls the model: the same in every process that builds it, as its name is not."""
    name = type(model).__name__
    return f"{name} ({model.count_params():,} parameters)" if getattr(model, "built", 0) else name


def check_given(model: Any, options: TrainOptions) -> None:
    """Raises `RunError` for what is no Keras model, and for options that only names go with."""
    if not isinstance(model, keras.Model):
        raise RunError(f"model is a {type(model).__name__}; allowed are a name and a Keras model")
    remedies = {
        "weights": "load them into the model before",
        "mixed_precision": "build the model under keras.config.set_dtype_policy",
    }
    for name, remedy in remedies.items():
        if getattr(options, name) is not None:
            raise RunError(f"{name} goes with the name of a model only; {remedy}")
    if options.slices > 1 and model.compute_dtype == "float16":
        raise RunError(
            f"a model that computes in float16 and slices {options.slices} don't go together; "
            "leave slices out, or build the model in float32"
        )


def given_network(model: Any, shape: tuple[int, int, int], classes: int) -> Any:
    """The model, as a functional one that takes images of this shape.

    Raises:
        RunError: it can't take them, or gives something else than one number per class.
    """
    try:  # images, not a symbol: of that a functional model does not check the shape
        outputs = model(np.zeros((1, *shape), np.float32))
    except (ValueError, TypeError) as error:
        raise RunError(
            f"the model can't take the policy's images, which are {'x'.join(map(str, shape))}: "
            f"{models.reason(error)}"
        ) from error
    found = getattr(outputs, "shape", None)
    if found != (1, classes):
        raise RunError(
            f"the model gives {found or type(outputs).__name__} for one image, and the data has "
            f"{classes} classes: (1, {classes}) is needed"
        )
    inputs = keras.Input(shape)
    return keras.Model(inputs, model(inputs), name=f"{model.name}_of_images")


def given_recipe(
    model: Any, options: TrainOptions, class_weights: Sequence[float] | None
) -> Recipe:
    """The optimizer and loss that a model is compiled with; Adam and cross-entropy where it is not.

    Raises:
        RunError: it is compiled with another loss than cross-entropy, or its optimizer has a
            schedule and the options name a rate or another schedule.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        logits = not _ends_in_softmax(model)
        return Recipe(from_logits=logits, given=True, class_weights=class_weights)
    while isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer  # the run adds its own
    config = optimizer.get_config()
    rate = config["learning_rate"]
    if options.learning_rate is None and options.schedule == "constant":
        rate = rate if options.warmup_epochs else None
    elif not isinstance(rate, float):
        raise RunError(
            "the model's optimizer has a learning-rate schedule of its own; leave learning_rate "
            "and schedule out, or compile the model with a number"
        )
    return Recipe(
        type(optimizer).from_config(config),
        _takes_logits(model),
        given=True,
        first_rate=rate,
        class_weights=class_weights,
    )


def _takes_logits(model: Any) -> bool:
    loss = keras.losses.get(model.loss)
    if loss is None:
        return not _ends_in_softmax(model)
    name = getattr(loss, "__name__", type(loss).__name__).replace("_", "").lower()
    config = loss.get_config() if hasattr(loss, "get_config") else {}
    if name not in map(str.lower, _LOSSES) or config.get("label_smoothing"):
        raise RunError(
            f"the model is compiled with the loss {name}; train takes {' and '.join(_LOSSES)}, "
            "without label smoothing: compile it with one of them, or not at all"
        )
    return bool(config.get("from_logits", False))


def _ends_in_softmax(model: Any) -> bool:
    layer = model.layers[-1] if model.layers else None
    return isinstance(layer, keras.layers.Softmax) or (
        getattr(layer, "activation", None) is keras.activations.softmax
    )
