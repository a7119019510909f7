"""Rare but valid files, as people have them read: in training, in tf.data, by `apply`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from test_rare_files import FILES, by_pillow

import augreg
from augreg.cli import main
from augreg.sources import open_source

POLICY = {
    "version": 1,
    "augment": [{"op": "flip"}],
    "output": {"dtype": "uint8", "range": [0, 255]},
}
USED = [
    "jpeg, fill before EXIF",
    "jpeg, orientation of type 4>",
    "png, palette 2, interlaced",
    "gif, small",
    "gif, small, clear",
    "bmp, palette, top down",
]
EXPECTED = [by_pillow(FILES[name]) for name in USED]


def test_apply_reads_rare_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "p.json").write_text(json.dumps(POLICY))
    for number, name in enumerate(USED):
        (tmp_path / "in" / f"{number}.jpg").write_bytes(FILES[name])
    with pytest.raises(SystemExit) as end:
        main(["apply", str(tmp_path / "p.json"), str(tmp_path / "in"), str(tmp_path / "out")])
    assert not end.value.code
    for number, expected in enumerate(EXPECTED):
        with Image.open(tmp_path / "out" / f"{number}.jpg.0.png") as image:
            np.testing.assert_array_equal(image, expected[:, ::-1])


class Seen(keras.layers.Layer):  # type: ignore[misc]
    """Keeps what reaches the network."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.images: list[Any] = []

    def call(self, inputs: Any) -> Any:
        if tf.executing_eagerly():  # Keras builds the model symbolically first
            self.images.append(inputs.numpy())
        return self.dense(tf.reduce_mean(tf.cast(inputs, tf.float32), [1, 2]))


def test_fit_on_a_dataset_of_encoded_strings_sees_the_pixels_of_rare_files() -> None:
    ds = tf.data.Dataset.from_tensor_slices(([FILES[name] for name in USED], np.zeros(6, "f")))
    seen = Seen()
    model = keras.Sequential([seen])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(augreg.augment_dataset(ds, POLICY, batch_size=1, seed=0), shuffle=False, verbose=0)
    for found, expected in zip(seen.images[-6:], EXPECTED, strict=True):
        np.testing.assert_array_equal(found[0], expected[:, ::-1])


def test_training_on_a_folder_reads_rare_files(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            for number, name in enumerate(USED):
                (tmp_path / split / label / f"{number}.jpg").write_bytes(FILES[name])
    source = open_source(f"folder:{tmp_path}")
    assert source.bad == ()
    prepared = augreg.augment_dataset(
        source.splits["train"].dataset, POLICY, batch_size=1, seed=0, training=False
    )
    for (found, _), expected in zip(prepared, EXPECTED * 2, strict=True):
        np.testing.assert_array_equal(found[0], expected)
