"""One policy, the same pixels: the NumPy reference against every other way of running it.

A few policies that hold every op, group, fill and distribution between them go through all ways,
in a parallel pipeline, a shuffled one and a compiled model, too. Generated ones are the net's
(`tests/net`). Bounds are DESIGN's: whole-pixel moves are bit-exact, all else lies within 1/255;
where pixels are picked (nearest), at most one in a thousand may differ.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from samples import noise

import augreg
from augreg.backends.options import RunOptions
from augreg.backends.reference.run import augmented
from augreg.backends.tensorflow import per_image, structured
from augreg.families import LatticeStage
from augreg.plan import plan
from augreg.plugin.registry import default_registry
from augreg.policy import Output, Policy, Step, walk

SEED = 11
SIZE = (24, 24)

# --- bounds


def _unscaled(array: Any, policy: Policy) -> Any:
    """What came out, in 0..1 again."""
    scale, offset = policy.output.scale, policy.output.offset
    return (np.asarray(array).astype(np.float64) - offset) / scale


def _slack(policy: Policy) -> float:
    """Half a step of the output's dtype, in 0..1 units."""
    reach = (max(map(abs, policy.output.offset)) + max(policy.output.scale)) / min(
        policy.output.scale
    )
    return {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(policy.output.dtype, 1e-6) * reach


def _steps(policy: Policy) -> list[Step]:
    nodes = [*policy.prepare_train, *policy.augment]
    return [node for node in walk(tuple(nodes)) if isinstance(node, Step)]


def _picks(policy: Policy) -> bool:
    """Pixels are picked by position, so that a rounded position is another pixel."""
    return any(
        "nearest" in step.arguments.values() and step.op.name != "resize" for step in _steps(policy)
    )


def _only_moves(policy: Policy, size: tuple[int, int]) -> bool:
    planned = plan(policy, size=size)
    return all(isinstance(stage, LatticeStage) for stage in (*planned.prepare, *planned.augment))


def assert_agree(found: Any, expected: Any, policy: Policy) -> None:
    found = np.asarray(found)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    exact = policy.output in (Output(), Output("uint8", (255.0,)))
    if exact and _only_moves(policy, SIZE):
        np.testing.assert_array_equal(found, expected)
        return
    off = np.abs(_unscaled(found, policy) - _unscaled(expected, policy)).max(axis=-1)
    bound = 1 / 255 + _slack(policy)
    if _picks(policy):
        assert (off > bound).mean() <= 0.001, f"{(off > bound).mean():.2%} differ"
    else:
        assert off.max() <= bound, f"{off.max():.2g} is above {bound:.2g}"


# --- every way of running, for policies that hold everything there is

EVERYTHING: dict[str, dict[str, Any]] = {
    "geometry": {
        "augment": [
            {"op": "flip", "p": 0.5},
            {"op": "rotate", "degrees": [-72, 72]},
            {"op": "zoom", "factor": {"log_uniform": [0.7, 1.4]}, "factor_x": {"choice": [1, 1.2]}},
            {"op": "shear", "x_degrees": {"normal": [0, 9], "min": -20, "max": 20}, "p": 0.7},
            {"op": "translate", "x": [-0.2, 0.2], "y": {"choice": [0, 0.1], "weights": [1, 3]}},
            {"op": "crop", "height": 16, "width": 20},
        ],
    },
    "colour": {
        "augment": [
            {"op": "brightness", "delta": [-0.2, 0.2]},
            {"op": "contrast", "factor": [0.7, 1.5]},
            {"op": "saturation", "factor": [0.5, 2], "p": 0.5},
            {"op": "invert", "p": 0.3},
            {"op": "clip", "min": 0.1, "max": 0.9},
            {"op": "grayscale", "p": 0.3},
        ],
        "output": {"normalize": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}},
    },
    "groups": {
        "augment": [
            {
                "one_of": [
                    {"op": "rotate", "degrees": [-30, 30], "fill": "nearest"},
                    {"op": "saturation", "factor": [0, 2]},
                    {"sequence": [{"op": "invert"}, {"op": "contrast", "factor": [0.5, 1]}]},
                ],
                "weights": [2, 1, 1],
            },
            {
                "some_of": [
                    {"op": "zoom", "factor": [0.6, 1.5], "fill": "wrap"},
                    {"op": "translate", "x": [-0.3, 0.3], "fill": "wrap"},
                    {"op": "flip", "axis": "vertical"},
                ],
                "n": [1, 2],
            },
            {
                "some_of": [
                    {"op": "brightness", "delta": [-0.1, 0.2]},
                    {"op": "invert", "p": 0.5},
                ],
                "n": 3,
                "replace": True,
                "p": 0.8,
            },
        ],
        "output": {"dtype": "float16", "range": [-1, 1]},
    },
    "sizes": {
        "prepare": [
            {"op": "resize", "height": 20, "width": 28, "fit": "pad"},
            {"op": "central_crop", "fraction": 0.9},
        ],
        "augment": [
            {"op": "resized_crop", "height": 18, "width": 18, "area": [0.3, 1]},
            {"op": "rot90", "k": [0, 3]},
            {"op": "pad_or_crop", "height": 20, "width": 16},
            {"op": "rotate", "degrees": [-9, 9], "fill": "constant", "fill_value": [0.2, 0.4, 0.6]},
        ],
    },
    "moves": {
        "prepare": [{"op": "crop", "height": 20, "width": 20, "position": "center"}],
        "augment": [
            {"one_of": [{"op": "flip", "axis": "both"}, {"op": "rot90", "k": {"choice": [0, 1]}}]},
            {"op": "pad_or_crop", "height": 22, "width": 24},
            {"op": "crop", "height": 18, "width": 18},
        ],
        "output": {"dtype": "uint8"},
    },
    "tones": {
        "augment": [
            {"op": "gamma", "gamma": {"schedule": {"from": 1, "to": [0.5, 2], "epochs": 6}}},
            {
                "random_order": [
                    {"op": "enhance", "kind": "contrast", "factor": [0.5, 1.5]},
                    {"op": "hue", "delta": [-0.1, 0.1]},
                ]
            },
            {"op": "channel_shuffle", "p": 0.5},
            {"op": "rgb_shift", "red": [-0.1, 0.1]},
            {"op": "autocontrast", "p": 0.5},
            {"op": "gaussian_noise", "std": [0, 0.05], "p": 0.5},
            {"op": "erase", "count": 2, "area": [0.02, 0.1], "fill": "noise", "p": 0.5},
            {"op": "flip", "p": 0.5},
        ],
    },
    "stepped": {
        "augment": [
            {
                "one_of": [
                    {"op": "posterize", "bits": [2, 6]},
                    {"op": "solarize", "threshold": [0.2, 0.8]},
                    {"op": "solarize_add", "addition": [0, 0.4]},
                    {"op": "equalize"},
                ],
                "p": 0.8,
            },
            {
                "one_of": [
                    {"op": "sharpness", "factor": [0, 3]},
                    {"op": "gaussian_blur", "kernel_size": 5, "sigma": [0.3, 2]},
                    {"op": "perspective"},
                    {"op": "shift", "x": [-5, 5], "fill": "constant", "fill_value": 0.5},
                ]
            },
            {"mixture": [{"op": "invert"}, {"op": "gamma", "gamma": 2}], "p": 0.5},
        ],
    },
    "quality": {
        "prepare": [{"op": "letterbox", "height": 24, "width": 24, "fill_value": 0.447}],
        "augment": [
            {"op": "transpose", "p": 0.5},
            {
                "one_of": [
                    {"op": "motion_blur", "kernel_size": 5, "length": [1, 5]},
                    {"op": "median_blur", "kernel_size": 3},
                    {"op": "clahe", "clip_limit": [1, 4], "tiles": 2},
                ]
            },
            {"op": "downscale", "scale": [0.4, 1], "p": 0.5},
            {"op": "jpeg", "quality": [40, 95]},
        ],
    },
    "bent": {
        "augment": [
            {"op": "rotate", "degrees": [-20, 20], "p": 0.5},
            {"one_of": [{"op": "elastic", "amount": [0, 0.4]}, {"op": "flip"}]},
            {"op": "grid_distortion", "amount": [0, 0.5], "fill": "constant", "p": 0.7},
            {"op": "optical_distortion", "k": [-0.3, 0.6], "fill": "wrap"},
        ]
    },
    "weather": {
        "augment": [
            {"op": "sepia", "strength": [0, 1], "p": 0.5},
            {"op": "tone_curve", "low_y": [0.1, 0.5], "high_y": [0.5, 0.9]},
            {"one_of": [{"op": "fog", "density": [0.2, 0.6]}, {"op": "rain", "amount": 0.2}]},
            {"op": "shadow", "strength": [0.2, 0.6]},
            {"op": "coarse_dropout", "count": [2, 6], "fill": "mean", "p": 0.5},
            {"op": "grid_mask", "unit": [0.2, 0.5], "degrees": [0, 90], "p": 0.5},
        ]
    },
    "sensor": {
        "augment": [
            {"op": "iso_noise", "luminance": [0, 0.1], "hue": [0, 0.05]},
            {"op": "salt_and_pepper", "amount": [0, 0.1], "p": 0.5},
            {"op": "shot_noise", "scale": [0.01, 0.1]},
        ]
    },
}
COUNT, BATCH = 39, 13  # batches of one length in every way: one shape to compile
IMAGES = noise(COUNT, *SIZE, 3, seed=5)


def _load(name: str) -> Policy:
    return augreg.load_policy({"version": 1, **EVERYTHING[name]})


def test_these_policies_hold_every_op_group_fill_and_distribution():
    loaded = [_load(name) for name in EVERYTHING]
    nodes = [n for p in loaded for n in walk((*p.prepare_train, *p.augment))]
    steps = [node for node in nodes if isinstance(node, Step)]

    # they read the batch: test_mixing.py, test_mosaic.py and test_copy_paste.py hold them to parity
    mixing = {"mixup", "cutmix", "mosaic", "copy_paste"}
    assert {step.op.name for step in steps} == set(default_registry().ops) - mixing
    assert {node.kind for node in nodes if not isinstance(node, Step)} == {
        *("sequence", "one_of", "some_of", "random_order", "mixture")
    }
    warps = [step for step in steps if "interpolation" in step.arguments]
    assert {step.arguments["fill"] for step in warps} == {
        *("reflect", "nearest", "wrap", "constant")
    }
    drawn = {type(d).__name__ for step in steps for _, d, _ in step.drawn()}
    assert drawn == {
        *(
            "Constant",
            "Uniform",
            "Choice",
            "Normal",
            "LogUniform",
            "UniformArray",
            "NoiseKey",
            "Schedule",
        )
    }


def _tf_data(policy: Policy, epoch: int, batch_size: int = BATCH) -> Any:
    """Shuffled, in batches, on all threads; put back into order."""
    ds = tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(COUNT)))
    batches = augreg.augment_dataset(
        ds, policy, batch_size=batch_size, seed=SEED, shuffle=True, first_epoch=epoch
    )
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    order = np.concatenate(labels)
    assert sorted(order) == list(range(COUNT)) and list(order) != sorted(order)
    return np.concatenate(images)[np.argsort(order)]


def _one_by_one(policy: Policy, epoch: int) -> Any:
    """Unbatched in a parallel map, the last of each result kept."""
    fn = augreg.map_fn(policy, seed=SEED, epoch=epoch)
    ds = tf.data.Dataset.from_tensor_slices(IMAGES).enumerate()
    return np.stack(list(ds.map(fn, num_parallel_calls=tf.data.AUTOTUNE).as_numpy_iterator()))


def _layer(policy: Policy, epoch: int) -> Any:
    layer = augreg.AugmentationLayer(policy, seed=SEED)
    index = np.arange(COUNT)
    parts = [slice(start, start + BATCH) for start in range(0, COUNT, BATCH)]
    done = [layer(IMAGES[p], training=True, index=index[p], epoch=epoch) for p in parts]
    return np.concatenate([np.asarray(part) for part in done])


class Trained(keras.Model):
    """A model whose layer augments whenever it is called, which `predict` never would."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.augmentation = augreg.AugmentationLayer(policy, seed=SEED)
        self.after = keras.layers.Activation("linear", dtype=policy.output.dtype)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        images, index, epoch = inputs
        # without an activation after it, XLA would have nothing to fuse the kernels into
        return self.after(self.augmentation(images, training=True, index=index, epoch=epoch[0]))


def _model_under_xla(policy: Policy, epoch: int) -> Any:
    model = Trained(policy)
    model.compile(jit_compile=True)
    epochs = np.full(COUNT, epoch, np.int64)
    return model.predict([IMAGES, np.arange(COUNT), epochs], batch_size=BATCH, verbose=0)


def _kept_by_structure(policy: Policy, epoch: int) -> Any:
    """By a program that the next policy of these stages would use, too."""
    programs, images, index = structured.Programs(), IMAGES, np.arange(COUNT)

    def augment(planned: Any, draws: Any, images: Any, _: Any) -> Any:
        return programs.run(programs.lowered(planned, draws, len(images)), images)

    for sections, run in ((("prepare",), structured.prepared), (("augment", "output"), augment)):
        options = RunOptions.of(policy, SEED, sections=sections)
        images = augmented(images, options, index, epoch, run)
    return images


def _in_turns(way: Any) -> Any:
    """The same, image by image, as large ones are done."""

    def run(policy: Policy, epoch: int) -> Any:
        with mock.patch.object(per_image, "SMALLEST", 0):
            return way(policy, epoch)

    return run


WAYS = {
    "tf.data": _tf_data,
    "tf.data in turns": _in_turns(_tf_data),
    "model under XLA in turns": _in_turns(_model_under_xla),
    "one by one": _one_by_one,
    "kept by structure in turns": _in_turns(_kept_by_structure),
    "layer": _layer,
    "model under XLA": _model_under_xla,
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("name", list(EVERYTHING))
def test_every_way_of_running_gives_the_references_pixels(name, way):
    policy = _load(name)
    expected = augreg.augment(IMAGES, policy, seed=SEED, index=np.arange(COUNT), epoch=3)

    assert_agree(WAYS[way](policy, 3), expected, policy)


@pytest.mark.parametrize(("count", "smallest"), [(1, per_image.SMALLEST), (2, 0)])
@pytest.mark.parametrize("name", list(EVERYTHING))
def test_program_of_a_model_is_not_compiled_anew_for_what_is_drawn(name, count, smallest):
    layer = augreg.AugmentationLayer(_load(name), seed=SEED)

    def called(*given: Any) -> Any:
        images, index, epoch = given
        return layer(images, training=True, index=index, epoch=epoch)

    given = tf.constant(IMAGES[:count]), tf.range(count), tf.constant(3)
    with mock.patch.object(per_image, "SMALLEST", smallest):
        program = tf.function(called, jit_compile=True).experimental_get_compiler_ir(*given)("hlo")

    # XLA is given the values of arguments that are not parameters: another value, another program
    entry = program[program.index("ENTRY ") :]
    assert entry.count(" parameter(") == len(given)


@pytest.mark.parametrize("name", ["geometry", "colour", "moves"])
def test_last_batch_of_an_epoch_may_be_shorter(name):
    policy = _load(name)
    expected = augreg.augment(IMAGES, policy, seed=SEED, index=np.arange(COUNT), epoch=3)

    assert_agree(_tf_data(policy, 3, batch_size=32), expected, policy)


@pytest.mark.parametrize("name", ["geometry", "colour", "moves"])
def test_size_that_only_the_data_shows_changes_nothing(name):
    policy = _load(name)
    fn = augreg.map_fn(policy, seed=SEED, batched=True)
    spec = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None, None, 3], tf.uint8)]
    if name == "moves":  # a crop before fixes its size
        policy = augreg.load_policy(
            {**policy.source, "prepare": [], "augment": policy.source["augment"][1:]}
        )
        fn = augreg.map_fn(policy, seed=SEED, batched=True)

    found = tf.function(fn, input_signature=spec)(tf.range(COUNT, dtype=tf.int64), IMAGES)

    expected = augreg.augment(IMAGES, policy, seed=SEED, index=np.arange(COUNT))
    assert_agree(found, expected, policy)


def test_evaluation_takes_prepare_eval_and_output_only():
    policy = augreg.load_policy(
        {
            "version": 1,
            "prepare": {
                "train": [{"op": "resized_crop", "height": 8, "width": 8}],
                "eval": [{"op": "resize", "height": 8, "width": 8}],
            },
            "augment": [{"op": "invert"}],
            "output": {"range": [-1, 1]},
        }
    )
    expected = augreg.augment(IMAGES, policy, seed=1, training=False)

    resized = np.floor(np.asarray(tf.image.resize(IMAGES, (8, 8))) + 0.5)
    np.testing.assert_allclose(expected, resized / 127.5 - 1, atol=1e-5)
    layer = augreg.AugmentationLayer(policy, seed=SEED)(IMAGES, training=False)
    np.testing.assert_allclose(layer, expected, atol=1e-5)
    ds = tf.data.Dataset.from_tensor_slices(IMAGES)
    batches = augreg.augment_dataset(ds, policy, training=False).as_numpy_iterator()
    np.testing.assert_allclose(np.concatenate(list(batches)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "input_range"), [("float32", (0, 1)), ("float32", (0, 255)), ("float16", (-1, 1))]
)
def test_float_images_mean_what_input_range_says(dtype, input_range):
    policy = _load("geometry")
    lo, hi = input_range
    images = (IMAGES[:7] / 255 * (hi - lo) + lo).astype(dtype)
    expected = augreg.augment(images, policy, seed=SEED, input_range=input_range)

    fn = augreg.map_fn(policy, seed=SEED, batched=True, input_range=input_range)
    assert_agree(fn(np.arange(7), images), expected, policy)
    layer = augreg.AugmentationLayer(policy, seed=SEED, input_range=input_range)
    assert_agree(layer(images, training=True, index=np.arange(7)), expected, policy)
    as_bytes = augreg.augment(IMAGES[:7], policy, seed=SEED)
    np.testing.assert_allclose(expected, as_bytes, atol=2e-3)


def test_sections_done_in_turn_are_the_policy():
    policy = _load("sizes")
    whole = augreg.augment(IMAGES, policy, seed=SEED)

    prepared = augreg.augment(IMAGES, policy, seed=SEED, sections=("prepare",))
    assert prepared.dtype == np.uint8
    rest = augreg.augment(prepared, policy, seed=SEED, sections=("augment", "output"))
    np.testing.assert_array_equal(rest, whole)
    layer = augreg.AugmentationLayer(policy, seed=SEED, sections=("augment", "output"))
    assert_agree(layer(prepared, training=True, index=np.arange(COUNT)), whole, policy)


@pytest.mark.parametrize("shape", [(2, 10_000), (10_000, 2), (3000, 3)])
@pytest.mark.parametrize("warped", [False, True])
def test_mean_of_a_long_bright_image_does_not_overflow(shape, warped):
    images = np.full((1, *shape, 3), 250, np.uint8)
    images[:, :300, :300] = 10
    steps = [{"op": "translate", "x": 0.1, "y": 0.1}] * warped
    policy = {"version": 1, "augment": [*steps, {"op": "contrast", "factor": 0.5}]}

    for smallest in (0, 10**9):
        with mock.patch.object(per_image, "SMALLEST", smallest):
            under_xla = augreg.map_fn(policy, seed=1, batched=True)(np.arange(1), images)
        expected = augreg.augment(images, policy, seed=1)
        np.testing.assert_allclose(under_xla, expected, atol=1 / 255 if warped else 1e-4)
