"""A network as `keras.applications` has them, small enough to train in seconds.

`preprocess_input` stands beside it, as in the modules of `keras.applications`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest


def preprocess_input(x: Any) -> Any:
    """As mode "tf"."""
    return x / 127.5 - 1.0


def Tiny(  # noqa: N802 - named as Keras names them
    weights: Any = None, include_top: bool = True, pooling: Any = None, input_shape: Any = None
) -> Any:
    assert weights is None and not include_top and pooling == "avg"
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Conv2D(8, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ],
        name="tiny",
    )


def add_tiny(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Adds `Tiny` to `keras.applications`; returns a file of weights for it."""
    monkeypatch.setattr(keras.applications, "Tiny", Tiny, raising=False)
    path = folder / "tiny.weights.h5"
    if not path.exists():
        keras.utils.set_random_seed(1)
        Tiny(include_top=False, pooling="avg", input_shape=(16, 16, 3)).save_weights(path)
    return path
