"""Any number of channels and 16 bits through what moves pixels; all else refuses them by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.annotations.mixing import pastes
from augreg.errors import ImageError
from augreg.families import transform_of
from augreg.plugin.registry import default_registry
from augreg.policy import Step
from augreg.testing.objects import OPTIONS, with_objects

H, W, B = 24, 31, 4
INDEX = np.arange(B)
MOVES: list[dict[str, Any]] = [
    {"op": "flip", "p": 0.5},
    {"op": "rotate", "degrees": [-30, 30], "fill": "constant", "fill_value": 0.5},
    {"op": "elastic", "amount": 0.3},
    {"op": "crop", "height": 20, "width": 22},
]
PREPARE = {"op": "resize", "height": 22, "width": 26}


def policy(steps: list[dict[str, Any]] = MOVES, **more: Any) -> dict[str, Any]:
    return {"version": 1, "augment": steps, **more}


def images(channels: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(channels)
    if dtype == "float32":
        return rng.uniform(size=(B, H, W, channels)).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max + 1, (B, H, W, channels)).astype(dtype)


def run(way: str, given: np.ndarray, source: dict[str, Any]) -> np.ndarray:
    if way == "augment":
        return np.asarray(augreg.augment(given, source, seed=1))
    if way == "map_fn":
        return augreg.map_fn(source, seed=1, batched=True)(INDEX, given).numpy()
    if way == "layer":
        layer = augreg.AugmentationLayer(source, seed=1)
        return np.asarray(layer(given, training=True, index=INDEX))
    ds = tf.data.Dataset.from_tensor_slices(given)
    (out,) = augreg.augment_dataset(ds, source, batch_size=B, seed=1, epochs=1)
    return out.numpy()


@pytest.mark.parametrize("way", ["augment", "map_fn", "layer", "dataset"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [2, 4, 7])
def test_each_channel_comes_out_as_it_does_alone(channels: int, dtype: str, way: str) -> None:
    given, source = images(channels, dtype), policy(prepare=[PREPARE])
    alone = [augreg.augment(given[..., c : c + 1], source, seed=1) for c in range(channels)]
    out = run(way, given, source)
    assert out.shape == (B, 20, 22, channels) and out.dtype == np.float32
    np.testing.assert_allclose(out, np.concatenate(alone, axis=-1), atol=1e-4)


@pytest.mark.parametrize("way", ["augment", "map_fn", "layer", "dataset"])
def test_16_bits_keep_what_8_would_lose(way: str) -> None:
    given = np.broadcast_to(np.arange(W, dtype=np.uint16) + 30000, (B, H, W))[..., None]
    out = run(way, given, policy([{"op": "flip", "axis": "horizontal"}]))
    np.testing.assert_allclose(out * 65535, given[:, :, ::-1], atol=0.01)


@pytest.mark.parametrize("output", ["float32", "float16", "uint8"])
def test_the_output_is_made_of_any_number_of_channels(output: str) -> None:
    made = policy(output={"dtype": output, "range": [0, 255]})
    given = images(5, "uint8")
    out = [run(way, given, made) for way in ("augment", "map_fn")]
    assert out[0].dtype == out[1].dtype == output
    np.testing.assert_allclose(out[0].astype(float), out[1].astype(float), atol=1)


def _is_colored(op: augreg.Op) -> bool:
    (step,) = augreg.load_policy(policy([{"op": op.name, **op.example}])).augment
    return isinstance(step, Step) and transform_of(step, (200, 200)).colored


@pytest.mark.parametrize("op", list(default_registry().ops.values()), ids=lambda op: op.name)
def test_every_op_either_moves_pixels_or_refuses_by_name(op: augreg.Op) -> None:
    element = {"images": np.zeros((B, 200, 200, 4), np.uint8)}
    if "classes" in op.settable:
        element["labels"] = np.arange(B)
    steps = [{"op": op.name, **op.example}]
    how = OPTIONS if pastes(augreg.load_policy(policy(steps))) else {}
    element = with_objects(element["images"]) if how else element
    if _is_colored(op):
        with pytest.raises(augreg.PolicyError, match=f'"{op.name}" needs .* has 4 here'):
            augreg.augment(element, policy(steps), seed=1)
    else:
        assert augreg.augment(element, policy(steps), seed=1, **how)["images"].shape[-1] == 4


def test_colour_is_refused_and_geometry_is_not() -> None:
    ops = default_registry().ops
    moves = ("flip", "rotate", "resize", "elastic", "crop", "mixup", "cutmix")
    assert not any(_is_colored(ops[name]) for name in moves)
    colors = ("saturation", "brightness", "gaussian_blur", "erase", "grayscale")
    assert all(_is_colored(ops[name]) for name in colors)


def test_levels_for_other_channels_are_refused() -> None:
    steps = [{"op": "rotate", "degrees": 9, "fill": "constant", "fill_value": [0, 0.5, 1]}]
    with pytest.raises(augreg.PolicyError, match="3 levels, and the image has 4 channels here"):
        augreg.augment(images(4, "uint8"), policy(steps), seed=1)
    normalize = {"normalize": {"mean": [0.5, 0.5, 0.5], "std": [1, 1, 1]}}
    with pytest.raises(augreg.PolicyError, match="3 levels, and the image has 5 channels here"):
        augreg.augment(images(5, "uint8"), policy(output=normalize), seed=1)


def test_a_batch_of_grey_images_without_a_channel_is_no_image_of_many() -> None:
    grey = np.zeros((B, 28, 28), np.uint8)
    said = r"a batch of grey images, which needs a channel, images\[..., None\]"
    with pytest.raises(ImageError, match=said):
        augreg.augment(grey, policy(), seed=1)
    with pytest.raises(ImageError, match=said):
        augreg.AugmentationLayer(policy())(grey, training=True)
    ds = tf.data.Dataset.from_tensor_slices(grey).batch(B)
    with pytest.raises(ImageError, match=said):
        augreg.augment_dataset(ds, policy(), batch_size=B)
