"""Faults 44 to 46 of values and sizes, as `validate --data`, debug mode and batches answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fault_tools import (
    KEEP,
    command,
    encoded,
    pixels,
    policy_file,
)

import augreg
from augreg.errors import AugregError, ImageError
from augreg.sources import Source, Split


def surveyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any) -> str:
    """What `validate --data` says of a source one of whose float images is `bad`."""
    good = np.full((4, 5, 3), 0.5, np.float32)
    images = np.stack([good, good, good, bad, good])
    dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(5) % 2))
    source = Source("floats", ("a", "b[x]"), {"train": Split(5, dataset)})
    monkeypatch.setattr("augreg.cli.policies.open_source", lambda *_, **__: source)
    said = command("validate", policy_file(tmp_path), "--data", "floats")
    assert said.code == 4
    assert "the policy's steps, on 4 images of 'train':" in said.out  # the good ones
    assert " b[x] " in said.out  # no markup
    return said.err


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fault_44_nan_and_inf_are_detected_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    bad = np.full((4, 5, 3), value, np.float32)
    said = surveyed(tmp_path, monkeypatch, bad)
    assert said == "  train#3: holds NaN or infinite values\n"
    bad[1:] = 0  # one row is enough
    images = np.stack([np.zeros_like(bad), bad])
    with pytest.raises(ImageError, match="image 1 holds NaN or infinite values"):
        augreg.augment(images, KEEP, seed=0)
    named = "the image at index 1 holds NaN or infinite values"
    for policy in (KEEP, {**KEEP, "prepare": [{"op": "resize", "height": 3, "width": 3}]}):
        ds = tf.data.Dataset.from_tensor_slices(images)
        with pytest.raises(tf.errors.InvalidArgumentError, match=named):
            list(augreg.augment_dataset(ds, policy))
        with pytest.raises(tf.errors.InvalidArgumentError, match=named):
            augreg.AugmentationLayer(policy)(images, training=True)
    fn = augreg.map_fn(KEEP, batched=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="index 71 holds NaN"):
        fn(np.array([70, 71]), {"images": images, "labels": np.arange(2)})


def test_fault_45_values_outside_of_the_stated_range_are_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = np.full((4, 5, 3), 255, np.float32)
    said = surveyed(tmp_path, monkeypatch, bad)
    assert said == "  train#3: values 255 to 255; floats mean 0 to 1: pass input_range\n"
    ds = tf.data.Dataset.from_tensors(bad)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"pass input_range=\(0, 255\)"):
        list(augreg.augment_dataset(ds, KEEP))
    monkeypatch.setenv("AUGREG_DEBUG", "1")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"leave their input_range \(0"):
        list(augreg.augment_dataset(ds, KEEP, input_range=(0, 1)))
    assert len(list(augreg.augment_dataset(ds, KEEP, input_range=(0, 255)))) == 1


def test_fault_46_sizes_that_differ_in_a_batch_say_to_add_resize(tmp_path: Path) -> None:
    def images() -> Any:
        yield from (np.zeros((height, 5, 3), np.uint8) for height in (4, 4, 6, 6, 6))

    spec = tf.TensorSpec((None, None, 3), tf.uint8)
    ds = tf.data.Dataset.from_generator(images, output_signature=spec)
    pairs = augreg.augment_dataset(ds, KEEP, batch_size=2).take(2)
    assert [batch.shape[1] for batch in pairs] == [4, 6]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'6x5 after 4x5.*add a "resize"'):
        list(augreg.augment_dataset(ds, KEEP, batch_size=3))
    for i, label in enumerate("aabb" * 3):
        path = tmp_path / "data" / ("train", "val", "test")[i % 3] / label / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels(9 + i)))
    data, output = f"folder:{tmp_path / 'data'}", tmp_path / "run"
    said = command("train", policy_file(tmp_path), "--data", data, "-o", output)
    assert said.code == 1 and '{"op": "resize"' in said.err
    assert not list(output.glob("[!.]*")), "nothing of a run is left"
    assert issubclass(ImageError, AugregError)
