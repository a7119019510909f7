"""The networks, the model that is saved around one, and loading it again."""

from __future__ import annotations

import inspect
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from augreg.errors import RunError, suggest
from augreg.layer import AugmentationLayer
from augreg.train.options import TUTORIAL

if TYPE_CHECKING:
    from augreg.train.data import Feed

_BOLD = re.compile(r"\x1b\[\d+m")
_SMALLEST = 8  # three poolings halve it to 1


def network(name: str, shape: tuple[int, int, int], classes: int, dtype: str) -> Any:
    """A classifier that gives logits.

    Args:
        name: `tutorial`, or a name in `keras.applications`; those are built without weights, and
            without the preprocessing that some carry, because the policy's output says the range.
        shape: (H, W, C) of the images that it takes.
        classes: how many logits.
        dtype: of the images.

    Raises:
        RunError: no such network, or it can't take images of this shape.
    """
    body = _tutorial(shape, classes) if name == TUTORIAL else _untrained(name, shape, classes)
    return taking(body, shape, dtype)


def taking(body: Any, shape: tuple[int, int, int], dtype: str) -> Any:
    """The network, for images of this dtype."""
    if dtype != "uint8":
        return body
    # Convolutions take no integers, and Keras casts floats only.
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, body(keras.layers.Rescaling(1.0)(inputs)), name=body.name)


def whole(feed: Feed, core: Any) -> Any:
    """The model that is kept: the network behind all of the policy, for raw images.

    It takes uint8 [B,H,W,C] and gives logits, float32 [B,classes]; called for inference it applies
    `prepare.eval` and `output` only.
    """
    inputs = keras.Input(feed.taken, dtype="uint8", name="images")
    layer = AugmentationLayer(
        feed.policy, seed=feed.options.seed, sections=feed.sections, name="augreg"
    )
    return keras.Model(inputs, core(layer(inputs)), name="augreg_model")


def load_model(path: str | Path) -> Any:
    """Loads a `.keras` model of `augreg train` without running any code from the file.

    Raises:
        RunError: it is not a `.keras` file, or it holds a Lambda layer, which is code.
        PluginError: an op that the model needs is not installed; names the wheel and version.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"{path}: there is no such file; a model is a .keras file")
    with path.open("rb") as file:
        magic = file.read(8)
    if path.suffix in (".h5", ".hdf5") or magic == b"\x89HDF\r\n\x1a\n":
        raise RunError(
            f"{path}: an HDF5 model; only .keras files are loaded, because HDF5 has no safe mode. "
            "Save it as .keras where it came from"
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise RunError(f"{path}: not a .keras file (a zip archive that model.save makes)")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(f"{path}: the .keras file is damaged: {error}") from error
    if _has_lambda(config):
        raise RunError(
            f"{path}: the model has a Lambda layer, which is code that loading would run; write "
            "it as a registered layer, or as an augreg op"
        )
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _tutorial(shape: tuple[int, int, int], classes: int) -> Any:
    """https://www.tensorflow.org/tutorials/images/data_augmentation: its CNN."""
    if min(shape[:2]) < _SMALLEST:
        raise RunError(
            f"the tutorial's network halves an image three times: {shape[0]}x{shape[1]} is below "
            f'{_SMALLEST}x{_SMALLEST}; add a "resize" to the policy\'s "prepare"'
        )
    layers: list[Any] = [keras.Input(shape)]
    for filters in (16, 32, 64):
        layers.append(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        layers.append(keras.layers.MaxPooling2D())
    layers.append(keras.layers.Flatten())
    layers.append(keras.layers.Dense(128, activation="relu"))
    layers.append(keras.layers.Dense(classes))
    return keras.Sequential(layers, name=TUTORIAL)


def application(name: str) -> Any:
    """The function of `keras.applications` that builds a network.

    Raises:
        RunError: there is none of this name.
    """
    known = {n: f for n, f in vars(keras.applications).items() if inspect.isfunction(f)}
    if name not in known:
        raise RunError(
            f'unknown model "{name}"{suggest(name, [TUTORIAL, *known])}; allowed are {TUTORIAL} '
            "and the names in keras.applications, such as MobileNetV2"
        )
    return known[name]


def _untrained(name: str, shape: tuple[int, int, int], classes: int) -> Any:
    build = application(name)
    arguments: dict[str, Any] = {
        "weights": None,
        "include_top": True,
        "input_shape": shape,
        "classes": classes,
        "classifier_activation": None,
    }
    if "include_preprocessing" in inspect.signature(build).parameters:
        arguments["include_preprocessing"] = False
    try:
        return build(**arguments)
    except ValueError as error:
        raise RunError(f"model {name} with images of {shape}: {error}") from error


def reason(error: Exception) -> str:
    """What an error of Keras says, on one line: not where, nor the arguments."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    line = lines[1] if lines[0].startswith("Exception encountered") and lines[1:] else lines[0]
    return _BOLD.sub("", line)


def _has_lambda(config: Any) -> bool:
    if isinstance(config, dict):
        return config.get("class_name") == "Lambda" or any(map(_has_lambda, config.values()))
    return isinstance(config, list) and any(map(_has_lambda, config))
