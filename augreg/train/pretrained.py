"""Networks of `keras.applications` with trained weights, behind the preprocessing they need."""

from __future__ import annotations

import sys
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np

from augreg.errors import RunError
from augreg.layer import AugmentationLayer
from augreg.policy.nodes import Output
from augreg.train.models import application, load_model, reason
from augreg.train.options import IMAGENET

HEAD = "head"  # the layer that is new
_SUFFIXES = (".weights.h5", ".h5", ".keras")
# https://github.com/keras-team/keras/blob/v3.15.1/keras/src/applications/efficientnet.py
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pretrained_network(
    name: str,
    weights: str | PathLike[str],
    shape: tuple[int, int, int],
    classes: int,
    output: Output,
) -> Any:
    """A classifier that gives logits, with a new dense layer as its head.

    Args:
        name: in `keras.applications`.
        weights: `imagenet`, or the path of a file with those of the network, with or without its
            own top. Of a `.keras` file, the weights of that model are taken in their order.
        shape: (H, W, C) of the images that it takes.
        classes: how many logits.
        output: how a policy's images leave it: they are brought back to 0..255, and from there to
            what the network was trained on, by its `preprocess_input`.

    Raises:
        RunError: the file can't be read or holds other weights, or there is no network to download
            ImageNet's with.
    """
    build = application(name)
    if shape[2] != 3:
        raise RunError(
            f"weights are for images with 3 channels, and the policy gives {shape[2]}; leave "
            "weights out, or the step that removes channels"
        )
    arguments = {"include_top": False, "pooling": "avg", "input_shape": shape}
    if str(weights) == IMAGENET:
        backbone = _downloaded(name, build, arguments)
    else:
        path = Path(weights).expanduser()
        backbone = _loaded(name, build, arguments, path)
    inputs = keras.Input(shape, dtype="uint8" if output.dtype == "uint8" else None)
    images = sys.modules[build.__module__].preprocess_input(_to_bytes(output)(inputs))
    logits = keras.layers.Dense(classes, name=HEAD)(backbone(images))
    return keras.Model(inputs, logits, name=name)


def _to_bytes(output: Output) -> Any:
    """A layer that brings a policy's images to 0..255."""
    scale = [255.0 / one for one in output.scale]
    offset = [-255.0 * add / one for one, add in zip(output.scale, output.offset, strict=True)]
    if len(scale) == 1:
        return keras.layers.Rescaling(scale[0], offset[0], dtype="float32")
    return keras.layers.Rescaling(scale, offset, dtype="float32")


def _downloaded(name: str, build: Any, arguments: dict[str, Any]) -> Any:
    try:
        return build(weights=IMAGENET, **arguments)
    except ValueError as error:  # of the shape
        raise RunError(f"model {name} with weights imagenet: {error}") from error
    except Exception as error:  # Keras raises no narrower one where a download fails
        raise RunError(
            f"ImageNet weights of {name} can't be downloaded ({reason(error)}); where "
            "there is no network, download the file elsewhere: "
            f'keras.applications.{name}(include_top=False, weights="imagenet") leaves it in '
            "~/.keras/models. Then pass its path as weights"
        ) from error


def _loaded(name: str, build: Any, arguments: dict[str, Any], path: Path) -> Any:
    if not path.is_file():
        raise RunError(f"weights {path}: there is no such file; allowed are imagenet and a path")
    if not path.name.endswith(_SUFFIXES):
        raise RunError(f"weights {path}: allowed are files that end in {', '.join(_SUFFIXES)}")
    try:
        backbone = build(weights=None, **arguments)
    except ValueError as error:
        shape = arguments["input_shape"]
        raise RunError(f"model {name} with images of {shape}: {error}") from error
    if path.suffix == ".keras":
        _take(name, backbone, path)
    else:
        _read(name, backbone, path)
    _scale_once_more(backbone)
    return backbone


def _read(name: str, backbone: Any, path: Path) -> None:
    try:
        with warnings.catch_warnings():  # that parts are missing, of any file of an older Keras
            warnings.simplefilter("ignore", UserWarning)
            backbone.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise RunError(
            f"weights {path}: not those of {name} without its top "
            f"({reason(error)}); save them with keras.applications.{name}"
            "(include_top=False, ...).save_weights(...)"
        ) from error


def _take(name: str, backbone: Any, path: Path) -> None:
    model = load_model(path)
    if any(isinstance(layer, AugmentationLayer) for layer in model.layers):
        model = model.layers[-1]  # the network of an earlier run, behind its policy
    found, wanted = model.weights, backbone.weights
    shapes = [tuple(variable.shape) for variable in wanted]
    if [tuple(variable.shape) for variable in found[: len(wanted)]] != shapes:
        raise RunError(
            f"weights {path}: the model in it does not begin with the {len(wanted)} weights of "
            f"{name}; name the model that it was made with"
        )
    for variable, value in zip(wanted, found, strict=False):
        variable.assign(value)


def _scale_once_more(backbone: Any) -> None:
    """Does what EfficientNetB0 to B7 do for `weights="imagenet"` only, by a layer of its own.

    Their normalization has to divide by the square root of the deviation once more; a file's does
    so by its variance.
    """
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            mean, variance = (np.ravel(layer.weights[i].numpy()) for i in (0, 1))
            if np.allclose(mean, _MEAN, atol=1e-3):
                layer.weights[1].assign(np.reshape(variance * _STD, layer.weights[1].shape))
            layer.finalize_state()
