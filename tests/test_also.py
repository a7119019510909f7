"""Further parts of an element (`also`): images and numbers that move with the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

import augreg
from augreg.errors import DataError, ImageError, PolicyError
from tests.samples import noise

B, H, W = 5, 24, 31
ALSO = {"right": "bilinear", "depth": "nearest"}
STEPS = [
    {"op": "flip", "p": 0.5},
    {"op": "rotate", "degrees": [-30, 30], "fill": "constant"},
    {"op": "saturation", "factor": [0.5, 1.5]},
    {"op": "gaussian_noise", "std": [0, 0.1]},
    {"op": "autocontrast", "p": 0.5},
]
RESIZE = {"op": "resize", "height": 20, "width": 26}
DEPTH = np.random.default_rng(1).integers(0, 60000, (B, H, W)).astype(np.uint16)


def policy(*steps: Any, **rest: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), **rest}


def element(**rest: Any) -> dict[str, Any]:
    images = noise(B, H, W, 3)
    return {"images": images, "right": images.copy(), "depth": DEPTH, **rest}


def assert_copied(made: Any) -> None:
    np.testing.assert_array_equal(made["right"], made["images"])


# --- a copy of the image comes out as the image ---------------------------------------------------


@pytest.mark.parametrize("scale", [None, 1, 255])
@pytest.mark.parametrize("output", [{}, {"dtype": "uint8", "range": [0, 255]}])
def test_a_copy_comes_out_as_the_image_in_numpy(scale, output):
    given = element()
    if scale:
        for name in ("images", "right"):
            given[name] = given[name].astype(np.float32) / np.float32(255 / scale)
    made = augreg.augment(
        given,
        policy(*STEPS, prepare=[RESIZE], output=output),
        7,
        also=ALSO,
        input_range=scale and (0, scale),
    )
    assert made["images"].shape == (B, 20, 26, 3)
    assert made["right"].dtype == output.get("dtype", "float32")
    assert_copied(made)


def test_a_copy_comes_out_as_the_image_in_every_way():
    given, augments = element(), policy(*STEPS, prepare=[RESIZE])
    expected = augreg.augment(given, augments, 7, also=ALSO)
    tensors = {name: tf.constant(part) for name, part in given.items()}
    function = augreg.map_fn(augments, 7, batched=True, also=ALSO)
    layer = augreg.AugmentationLayer(augments, 7, also=ALSO)
    slices = tf.data.Dataset.from_tensor_slices(given)
    batches = list(augreg.augment_dataset(slices, augments, 2, 7, epochs=1, also=ALSO))
    ways = {
        "map_fn": function(tf.range(B), tensors),
        "layer": layer(tensors, training=True, index=tf.range(B), epoch=0),
        "dataset": {name: np.concatenate([b[name] for b in batches]) for name in given},
    }
    for way, made in ways.items():
        assert_copied(made)
        np.testing.assert_allclose(made["images"], expected["images"], atol=1 / 255, err_msg=way)
        assert (np.asarray(made["depth"]) != expected["depth"]).mean() < 0.002, way


@pytest.mark.parametrize(
    "step",
    [{"op": "cutmix", "classes": 5}, {"op": "mixup", "classes": 5}, {"op": "mosaic"}],
    ids=lambda step: step["op"],
)
def test_images_are_mixed_with_the_same_partners(step):
    given = {**element(), "labels": np.arange(B)}
    del given["labels" if step["op"] == "mosaic" else "depth"]
    also = {name: how for name, how in ALSO.items() if name in given}
    augments = policy(*STEPS[:2], step)
    made = augreg.augment(given, augments, 7, also=also)
    assert_copied(made)
    unmixed = augreg.augment(given, policy(*STEPS[:2]), 7, also=also)
    assert not np.array_equal(made["images"], unmixed["images"])
    slices = tf.data.Dataset.from_tensor_slices(given)
    for batch in augreg.augment_dataset(slices, augments, B, 7, also=also):
        assert_copied(batch)


def test_values_follow_cutmix_as_masks_do():
    given = {**element(masks=DEPTH.astype(np.int32)), "labels": np.arange(B)}
    made = augreg.augment(given, policy({"op": "cutmix", "classes": 5}), 7, also=ALSO)
    np.testing.assert_array_equal(made["depth"], made["masks"])
    assert (made["depth"] != DEPTH).any()


def test_another_image_is_what_it_is_alone_under_the_same_index():
    left, right = noise(B, H, W, 3), noise(B, H, W, 3, seed=5)
    index = np.arange(B) + 40
    augments = policy(*STEPS, prepare=[RESIZE])
    both = {"images": left, "right": right}
    made = augreg.augment(both, augments, 7, index, also={"right": "bilinear"})
    np.testing.assert_array_equal(made["right"], augreg.augment(right, augments, 7, index))


def test_another_image_may_have_other_channels_and_another_dtype():
    images, grey = noise(B, H, W, 3), noise(B, H, W, 1).astype(np.float32) / np.float32(255)
    augments, also = policy(*STEPS[:2]), {"right": "bilinear"}
    expected = augreg.augment(grey, augments, 7)
    made = augreg.augment({"images": images, "right": grey}, augments, 7, also=also)
    np.testing.assert_array_equal(made["right"], expected)
    function = augreg.map_fn(augments, 7, batched=True, also=also)
    made = function(tf.range(B), {"images": images, "right": grey})
    np.testing.assert_allclose(made["right"], expected, atol=1 / 255)
    with pytest.raises(PolicyError, match='"hue" needs three channels'):
        augreg.augment(
            {"images": images, "right": grey}, policy({"op": "hue", "delta": 0.1}), 7, also=also
        )


# --- values that only move ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int64", "float16", "float64"])
@pytest.mark.parametrize("channels", [(), (1,), (4,)])
def test_values_are_moved_by_flips_and_turns_as_numpy_moves_them(dtype, channels):
    values = (np.random.default_rng(2).random((1, H, H, *channels)) * 200).astype(dtype)
    given = {"images": noise(1, H, H, 3), "values": values}
    augments = policy(
        {"op": "flip", "axis": "horizontal"},
        {"op": "rot90", "k": 1},
        {"op": "crop", "height": H - 4, "width": H - 6, "position": "center"},
    )
    expected = np.rot90(values[:, :, ::-1], axes=(1, 2))
    made = augreg.augment(given, augments, 7, also={"values": "nearest"})["values"]
    assert made.dtype == dtype
    np.testing.assert_array_equal(made, expected[:, 2:-2, 3:-3])
    tensors = {name: tf.constant(part) for name, part in given.items()}
    function = augreg.map_fn(augments, 7, batched=True, also={"values": "nearest"})
    np.testing.assert_array_equal(function([0], tensors)["values"], made)


def test_values_are_turned_as_scipy_turns_them_and_are_zero_outside():
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.array([(H - 1) / 2, (W - 1) / 2])
    expected = scipy.ndimage.affine_transform(
        DEPTH[0], turn, centre - turn @ centre, order=0, mode="grid-constant"
    )
    step = {"op": "rotate", "degrees": 20, "fill": "constant", "fill_value": 1.0}
    given = {"images": noise(H, W, 3), "depth": DEPTH[0]}
    made = augreg.augment(given, policy(step), 7, also={"depth": "nearest"})["depth"]
    assert (made == 0).any()
    assert (made != expected).mean() < 0.005


def test_many_parts_move_as_masks_beside_masks():
    given = {
        **element(masks=DEPTH.astype(np.int32)),
        "confidence": np.stack([DEPTH, DEPTH[:, ::-1]], axis=-1).astype(np.float32),
    }
    also = {**ALSO, "confidence": "nearest"}
    hides = {"op": "erase", "area": [0.2, 0.4], "targets": "hide"}
    augments = policy(*STEPS, hides, prepare=[RESIZE])
    made = augreg.augment(given, augments, 7, also=also)
    np.testing.assert_array_equal(made["depth"], made["masks"])
    np.testing.assert_array_equal(made["confidence"][..., 0], made["masks"].astype(np.float32))
    without = augreg.augment(given, policy(*STEPS, prepare=[RESIZE]), 7, also=also)
    assert (made["depth"] == 0).sum() > (without["depth"] == 0).sum() + B * 50


def test_boxes_from_masks_are_those_of_the_masks():
    masks = np.zeros((1, H, W), np.int32)
    masks[0, 4:12, 5:20] = 1
    given = {
        "depth": np.ones((1, H, W), np.int32),
        "images": noise(1, H, W, 3),
        "masks": masks,
        "boxes": {"boxes": np.array([[[5, 4, 20, 12.0]]]), "labels": np.array([[0]])},
    }
    made = augreg.augment(
        given,
        policy({"op": "flip"}),
        7,
        also={"depth": "nearest"},
        bounding_box_format="xyxy",
        box_from="mask",
    )
    assert made["boxes"]["boxes"].tolist() == [[[W - 20, 4, W - 5, 12]]]


def test_branches_choose_for_values_and_masks_alike():
    small = {"op": "resize", "height": 9, "width": 9}
    branches = [{"sequence": [step, small]} for step in STEPS[:2]]
    given = element(masks=DEPTH.astype(np.int32))
    made = augreg.augment(given, policy({"one_of": branches}), 7, also=ALSO)
    np.testing.assert_array_equal(made["depth"], made["masks"])
    assert_copied(made)


# --- where a part is ------------------------------------------------------------------------------


def test_a_part_has_its_name_from_parts_or_from_the_key_of_a_dict():
    augments = policy(*STEPS[:2])
    images, labels = noise(B, H, W, 3), np.arange(B)
    expected = augreg.augment({"images": images, "masks": DEPTH}, augments, 7)["masks"]
    also = {"depth": "nearest"}
    named = ("images", "depth", "labels")
    made = augreg.augment((images, DEPTH, labels), augments, 7, parts=named, also=also)
    np.testing.assert_array_equal(made[1], expected)
    assert made[2] is labels
    renamed = {"d": "depth"}
    made = augreg.augment({"images": images, "d": DEPTH}, augments, 7, parts=renamed, also=also)
    np.testing.assert_array_equal(made["d"], expected)
    made = augreg.augment((images, {"depth": DEPTH}), augments, 7, also=also)
    np.testing.assert_array_equal(made[1]["depth"], expected)


def test_single_elements_are_those_of_a_batch():
    given, augments = element(), policy(*STEPS, prepare=[RESIZE])
    expected = augreg.augment(given, augments, 7, also=ALSO)
    one = {name: part[3] for name, part in given.items()}
    made = augreg.augment(one, augments, 7, 3, also=ALSO)
    for name, part in made.items():
        np.testing.assert_array_equal(part, expected[name][3])


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ({"depth": "cubic"}, "'cubic' for 'depth'; allowed are \"bilinear\" .* and \"nearest\""),
        (["depth"], r"also=\['depth'\]; allowed is a dict, as {\"depth\": \"nearest\"}"),
        ({"labels": "nearest"}, "names 'labels', a part that augreg knows"),
        ({"masks": "nearest"}, "names 'masks', a part that augreg knows"),
        ({"images": "bilinear"}, "names 'images', a part that augreg knows"),
        ({"frames": "bilinear"}, "names 'frames', a part that augreg knows"),
        ({3: "nearest"}, "names 3; allowed are other names"),
    ],
)
def test_what_also_can_not_be_is_refused(also, message):
    for make in (augreg.map_fn, augreg.AugmentationLayer):
        with pytest.raises(ValueError, match=message):
            make(policy(*STEPS), also=also)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"right": noise(B, 9, W, 3)}, DataError, "the image's own height and width"),
        ({"right": noise(2, H, W, 3)}, DataError, "allowed is one for each image"),
        ({"right": noise(B, H, W)}, DataError, r"an image as the first is, \[H, W, C\]"),
        ({"right": DEPTH[..., None].astype(int)}, ImageError, '"right" of dtype int64; allowed'),
        ({"depth": DEPTH[:, :9]}, DataError, '"depth" of the shape .* own height and width'),
        ({"depth": DEPTH[:, None, None]}, DataError, r'"depth" .* allowed are \[H, W\]'),
        ({"depth": np.array(["a.png"] * B)}, DataError, '"depth" of the shape'),
        ({"d": DEPTH}, DataError, r'also={"d": "nearest"} beside masks'),
    ],
)
def test_a_part_that_does_not_fit_is_refused_by_name(changed, error, message):
    given = {**element(), **changed}
    for augmented in (
        lambda: augreg.augment(given, policy(*STEPS), 7, also=ALSO),
        lambda: augreg.map_fn(policy(*STEPS), batched=True, also=ALSO)(tf.range(B), given),
    ):
        with pytest.raises(error, match=message):
            augmented()


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"images": noise(B, H, W, 3)}, None),
        ({"images": noise(B, H, W, 3), "depth": None}, None),
        ((noise(B, H, W, 3), DEPTH), ("images", "masks")),
        (noise(B, H, W, 3), None),
    ],
)
def test_a_part_that_is_not_there_is_refused(given, parts):
    with pytest.raises(DataError, match='also names "depth", which the element does not hold'):
        augreg.augment(given, policy(*STEPS), 7, parts=parts, also={"depth": "nearest"})


def test_a_misspelled_name_in_parts_is_answered_with_the_right_one():
    with pytest.raises(DataError, match=r'"dept" is no part|did you mean "depth"'):
        augreg.map_fn(policy(*STEPS), parts=("images", "dept"), also={"depth": "nearest"})


def test_a_step_that_blends_samples_refuses_values_by_name():
    given = {**element(), "labels": np.arange(B)}
    with pytest.raises(DataError, match=r'"mixup" blends images, .* holds "depth"'):
        augreg.augment(given, policy({"op": "mixup", "classes": B}), 7, also=ALSO)


# --- datasets and models --------------------------------------------------------------------------


def test_datasets_of_every_kind_take_further_parts():
    given, augments = element(), policy(*STEPS[:2])
    slices = tf.data.Dataset.from_tensor_slices(given)
    source = augreg.Indexed(B, lambda i: {name: tf.gather(x, i) for name, x in given.items()})
    first = [b["right"] for b in augreg.augment_dataset(slices, augments, 2, 7, also=ALSO)]
    for ds in (source, slices.batch(3)):
        batches = list(augreg.augment_dataset(ds, augments, 2, 7, also=ALSO))
        for batch, expected in zip(batches, first, strict=True):
            np.testing.assert_array_equal(batch["right"], expected)
    for one, two in augreg.augment_dataset(slices, augments, 2, 7, also=ALSO, views=2):
        assert_copied(one)
        assert_copied(two)
        assert not np.array_equal(one["images"], two["images"])


def test_files_are_decoded_in_further_images_too():
    files = [tf.io.encode_jpeg(image).numpy() for image in noise(B, 40, 48, 3)]
    depth = np.zeros((B, 40, 48), np.float32)
    given = {"images": files, "right": files, "depth": depth}
    slices = tf.data.Dataset.from_tensor_slices(given)
    for decode in ("full", "scaled"):
        resize = {"op": "resize", "height": 10, "width": 12, "decode": decode}
        for batch in augreg.augment_dataset(slices, policy(*STEPS, prepare=[resize]), 5, also=ALSO):
            assert batch["right"].shape == (B, 10, 12, 3)
            assert_copied(batch)


def test_a_further_image_may_be_a_file_beside_pixels():
    images = noise(B, H, W, 3)
    files = [tf.io.encode_png(image).numpy() for image in images]
    given = tf.data.Dataset.from_tensor_slices({"images": images, "right": files})
    how = {"also": {"right": "bilinear"}, "sections": ("augment", "output")}
    for batch in augreg.augment_dataset(given, policy(*STEPS[:1]), B, **how):
        assert_copied(batch)


def test_sizes_that_only_the_data_shows_are_compared_with_the_image():
    def elements():
        for i in range(B):
            rows = slice(16 + 2 * (i % 3))
            yield {name: part[i][rows] for name, part in element().items()}

    spec = {
        "images": tf.TensorSpec((None, None, 3), tf.uint8),
        "right": tf.TensorSpec((None, None, 3), tf.uint8),
        "depth": tf.TensorSpec((None, None), tf.uint16),
    }
    ds = tf.data.Dataset.from_generator(elements, output_signature=spec)
    augments = policy(*STEPS, prepare=[RESIZE])
    for batch in augreg.augment_dataset(ds, augments, 2, also=ALSO):
        assert batch["depth"].shape[1:] == (20, 26)
        assert_copied(batch)
    wrong = ds.map(lambda e: {**e, "right": e["right"][:5]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'"right.* own height and width'):
        list(augreg.augment_dataset(wrong, augments, 2, also=ALSO))


def test_a_functional_model_keeps_further_parts_when_it_is_saved(tmp_path: Path):
    given = element()
    inputs = {
        name: keras.Input(part.shape[1:], dtype=str(part.dtype), name=name)
        for name, part in given.items()
    }
    layer = augreg.AugmentationLayer(policy(*STEPS[:2], prepare=[RESIZE]), 7, also=ALSO)
    outputs = layer(inputs)
    assert outputs["right"].shape == outputs["images"].shape == (None, 20, 26, 3)
    assert (outputs["depth"].shape, outputs["depth"].dtype) == ((None, 20, 26), "uint16")
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].also == ALSO
    made, again = model(given, training=True), loaded(given, training=True)
    assert_copied(made)
    for name, part in made.items():
        np.testing.assert_array_equal(again[name], part)


def test_debug_mode_takes_further_parts():
    function = augreg.map_fn(policy(*STEPS[:2]), 7, batched=True, also=ALSO, debug=True)
    assert_copied(function(tf.range(B), element()))
