"""What a step hides leaves masks and boxes, where its `targets` say so, in every way of running."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from samples import policy

import augreg
from augreg.annotations.parts import TargetRules
from augreg.annotations.transform import move_annotations
from augreg.errors import OpError
from augreg.lower import Draws
from augreg.plan import plan
from augreg.plan.passes import optimize
from augreg.random.generator import SampleKey
from augreg.testing import registry_with
from augreg.xp import NUMPY

BATCH, HEIGHT, WIDTH = 6, 24, 31
RNG = np.random.default_rng(5)
EDGES = np.array([[0, 0, 31, 24], [3, 4, 12, 15], [10.5, 2.25, 30, 20], [20, 15, 24, 19]])
HIDING: list[dict[str, Any]] = [
    {"op": "erase", "area": [0.1, 0.4]},
    {"op": "coarse_dropout", "count": [1, 30]},
    {"op": "grid_mask", "degrees": [-45, 45]},
]
NAMES = [step["op"] for step in HIDING]


def _hiding(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The step with levels that no image has: what it hides is seen in the image."""
    return {**step, "targets": "hide", "fill_value": 1, **more}


def _element() -> dict[str, Any]:
    """Dark images, masks without 0, and the same boxes everywhere, one of them padding."""
    boxes = np.broadcast_to(np.vstack([EDGES, np.zeros(4)]), (BATCH, 5, 4)).astype(np.float32)
    return {
        "images": RNG.integers(0, 200, (BATCH, HEIGHT, WIDTH, 3), np.uint8),
        "masks": RNG.integers(1, 9, (BATCH, HEIGHT, WIDTH), np.int32),
        "boxes": {"boxes": boxes, "labels": np.tile([4, 5, 6, 7, -1], (BATCH, 1))},
        "keypoints": RNG.uniform(0, 24, (BATCH, 3, 2)).astype(np.float32),
    }


def _run(element: Any, *steps: Any, **options: Any) -> dict[str, Any]:
    options = {"bounding_box_format": "xyxy", **options}
    return augreg.augment(element, policy(*steps), seed=7, **options)


def _seen(images: np.ndarray) -> np.ndarray:
    return ~(images == 1).all(axis=-1)


def _visible(seen: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The fraction of each box that is seen, counted on a grid of quarters of pixels."""
    fine = np.kron(seen, np.ones((4, 4)))
    sides = np.round(edges * 4).astype(int)
    return np.array([fine[y0:y1, x0:x1].mean() for x0, y0, x1, y1 in sides])


@pytest.mark.parametrize("step", HIDING, ids=NAMES)
def test_masks_are_0_where_the_image_is_hidden(step: dict[str, Any]) -> None:
    element = _element()
    out = _run(element, _hiding(step))
    seen = _seen(out["images"])
    assert 0.05 < seen.mean() < 0.95
    np.testing.assert_array_equal(out["masks"], np.where(seen, element["masks"], 0))
    assert out["masks"].dtype == np.int32


@pytest.mark.parametrize("step", HIDING, ids=NAMES)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_boxes_are_dropped_below_the_visible_share(step: dict[str, Any], share: float) -> None:
    out = _run(_element(), _hiding(step), min_visible=share)
    for seen, boxes, labels in zip(
        _seen(out["images"]), out["boxes"]["boxes"], out["boxes"]["labels"], strict=True
    ):
        kept = [*(_visible(seen, EDGES) >= share), False]
        np.testing.assert_array_equal(labels, np.where(kept, [4, 5, 6, 7, -1], -1))
        np.testing.assert_allclose(boxes[kept], EDGES[kept[:4]])  # what is left does not shrink
        np.testing.assert_array_equal(boxes[~np.array(kept)], 0)


@pytest.mark.parametrize("step", HIDING, ids=NAMES)
def test_targets_are_kept_unless_asked_for(step: dict[str, Any]) -> None:
    element = _element()
    out = _run(element, step, min_visible=1)
    np.testing.assert_array_equal(out["masks"], element["masks"])
    np.testing.assert_array_equal(out["boxes"]["labels"], element["boxes"]["labels"])


def test_keypoints_stay() -> None:
    element = _element()
    whole = {"op": "erase", "area": 1, "ratio": WIDTH / HEIGHT}
    np.testing.assert_array_equal(_run(element, _hiding(whole))["keypoints"], element["keypoints"])


def test_only_samples_that_take_part_lose_anything() -> None:
    element = _element()
    step = _hiding(HIDING[0], p=0.5)
    for steps in ([step], [{"one_of": [step, {"op": "invert"}]}], [{"sequence": [step], "p": 0.7}]):
        element["images"][:] = 100  # inverted, this is no white
        out = _run(element, *steps)
        lost = (out["masks"] == 0).any(axis=(1, 2))
        assert lost.any() and not lost.all()
        np.testing.assert_array_equal(out["masks"] != 0, _seen(out["images"]))


def test_branches_that_hide_and_keep_are_told_apart() -> None:
    """One kernel would do for the pixels of both."""
    keep, hide = ({"op": "erase", "targets": t, "fill_value": 1} for t in ("keep", "hide"))
    out = _run(_element(), {"one_of": [keep, hide]})
    inside = out["masks"] != 0
    same = (inside == _seen(out["images"])).all(axis=(1, 2))
    assert same.any() and not same.all()
    assert (same | inside.all(axis=(1, 2))).all()


def test_what_is_hidden_moves_with_later_steps_and_not_with_earlier_ones() -> None:
    element = _element()
    flip = {"op": "flip", "p": 0.5}
    crop = {"op": "crop", "height": 20, "width": 20}
    out = _run(element, flip, _hiding(HIDING[0]), {**flip, "axis": "vertical"}, crop)
    assert out["masks"].shape == (BATCH, 20, 20)
    np.testing.assert_array_equal(out["masks"] != 0, _seen(out["images"]))


def test_several_steps_hide_together() -> None:
    out = _run(_element(), *(_hiding(step) for step in HIDING))
    np.testing.assert_array_equal(out["masks"] != 0, _seen(out["images"]))


def test_branches_of_other_sizes_hide_for_themselves() -> None:
    crop = {"op": "crop", "height": 20, "width": 20}
    resize = {"op": "resize", "height": 20, "width": 20, "method": "nearest"}
    group = {"one_of": [{"sequence": [_hiding(HIDING[0]), crop]}, resize]}
    out = _run(_element(), group)
    np.testing.assert_array_equal(out["masks"] != 0, _seen(out["images"]))
    assert not (out["masks"] != 0).all()


def test_what_a_mixture_hides_in_part_stays() -> None:
    element = _element()
    out = _run(element, {"mixture": [_hiding(HIDING[0]), {"op": "invert"}]})
    np.testing.assert_array_equal(out["masks"], element["masks"])


# --- every way of running


STEPS = [
    {"op": "flip", "p": 0.5},
    {"one_of": [_hiding(step) for step in HIDING], "p": 0.8},
    _hiding({"op": "erase", "fill": "mean"}, p=0.5),
    {"op": "rotate", "degrees": [-20, 20], "fill": "constant", "interpolation": "nearest"},
]


@pytest.mark.parametrize("parts", [("masks", "boxes"), ("masks",), ("boxes",)], ids="-".join)
def test_tensorflow_hides_as_the_reference_does(parts: tuple[str, ...]) -> None:
    element = {key: part for key, part in _element().items() if key in ("images", *parts)}
    form = {"bounding_box_format": "xyxy"} if "boxes" in parts else {}
    expected = augreg.augment(element, policy(*STEPS), seed=7, min_visible=0.7, **form)
    options = {**form, "min_visible": 0.7}
    fn = augreg.map_fn(policy(*STEPS), 7, batched=True, **options)
    layer = augreg.AugmentationLayer(policy(*STEPS), 7, **options)
    source = tf.data.Dataset.from_tensor_slices(element)
    batches = augreg.augment_dataset(source, policy(*STEPS), batch_size=BATCH, seed=7, **options)
    index = np.arange(BATCH)
    for found in (
        fn(index, element),
        layer(element, training=True, index=index, epoch=0),
        next(iter(batches)),
    ):
        _compare(found, expected, parts)


def _compare(found: Any, expected: Any, parts: tuple[str, ...]) -> None:
    """But for a few pixels that rounding may take to the other side of an edge."""
    assert (np.abs(np.asarray(found["images"]) - expected["images"]) > 1 / 255).mean() <= 0.001
    if "masks" in parts:
        assert (np.asarray(found["masks"]) != expected["masks"]).mean() <= 0.001
    if "boxes" in parts:
        for key, part in expected["boxes"].items():
            np.testing.assert_allclose(found["boxes"][key], part, atol=1e-3)


@pytest.mark.parametrize(
    "steps",
    [
        [_hiding(HIDING[1])],
        [
            {
                "one_of": [
                    {"sequence": [_hiding(HIDING[0]), {"op": "grayscale", "channels": 1}]},
                    {"op": "grayscale", "channels": 1},
                ]
            }
        ],
    ],
    ids=["step", "branches"],
)
def test_masks_change_where_nothing_moves(steps: list[Any]) -> None:
    element = {key: part for key, part in _element().items() if key in ("images", "masks")}
    found = augreg.map_fn(policy(*steps), 7, batched=True)(np.arange(BATCH), element)
    expected = augreg.augment(element, policy(*steps), seed=7)
    np.testing.assert_array_equal(found["masks"], expected["masks"])
    assert (expected["masks"] == 0).any()


def test_passes_change_nothing_of_what_is_hidden() -> None:
    """Steps that share a kernel, in branches or one after another, and flips beside them."""
    half = _half(lambda xp, *, y, x, size: x < size[1] // 3)
    keep, hide = ({"op": "erase", "targets": t, "fill_value": 1} for t in ("keep", "hide"))
    flip = {"op": "flip", "p": 0.5}
    steps = [
        flip,
        {"op": "acme/half", "p": 0.5},
        {**flip, "axis": "both"},
        {"one_of": [keep, hide]},
        _hiding(HIDING[1]),
    ]
    planned = plan(policy(*steps, registry=registry_with(half)), size=(HEIGHT, WIDTH))
    key = SampleKey(*(np.asarray(n, np.uint32) for n in (7, 0, np.arange(BATCH))))
    draws = Draws.make(NUMPY, planned.draws, key)
    masks = {"masks": _element()["masks"]}
    one, two = (
        move_annotations(NUMPY, each, draws, masks, (HEIGHT, WIDTH), TargetRules())[0]["masks"]
        for each in (planned, optimize(planned)[0])
    )
    np.testing.assert_array_equal(one, two)
    assert (one == 0).any(axis=(1, 2)).all()


def test_single_elements_of_unknown_size_hide_alike() -> None:
    element = {key: part[0] for key, part in _element().items() if key != "boxes"}
    steps = STEPS[:3]
    fn = augreg.map_fn(policy(*steps), seed=7)
    signature = {
        "images": tf.TensorSpec([None, None, 3], tf.uint8),
        "masks": tf.TensorSpec([None, None], tf.int32),
        "keypoints": tf.TensorSpec([None, 2], tf.float32),
    }
    run = tf.function(fn, input_signature=[tf.TensorSpec([], tf.int64), signature], autograph=False)
    for index in range(4):
        expected = augreg.augment(element, policy(*steps), seed=7, index=[index])
        found = run(tf.constant(index, tf.int64), {k: tf.constant(v) for k, v in element.items()})
        np.testing.assert_array_equal(found["masks"], expected["masks"])


# --- ops of others


def _half(hidden: Any) -> augreg.Op:
    @augreg.op("acme/half")
    def half(xp: Any) -> augreg.PixelFunction:
        """Hides the left half."""
        return augreg.PixelFunction(lambda xp, planes: planes, hidden=hidden)

    return half


def test_an_op_says_what_it_hides() -> None:
    op = _half(lambda xp, *, y, x, size: x < size[1] // 2)
    step = policy({"op": "acme/half"}, registry=registry_with(op))
    out = augreg.augment(_element(), step, seed=7, bounding_box_format="xyxy", min_visible=0.51)
    np.testing.assert_array_equal((out["masks"] == 0).all(axis=1), [np.arange(31) < 15] * BATCH)
    np.testing.assert_array_equal(out["boxes"]["labels"][0], [4, -1, 6, 7, -1])


def test_what_is_hidden_has_to_be_bool() -> None:
    op = _half(lambda xp, *, y, x, size: x + y)
    step = policy({"op": "acme/half"}, registry=registry_with(op))
    said = r'"acme/half": what it hides is int32 \[1, 24, 31\]; it has to be bool \[B,H,W\]'
    with pytest.raises(OpError, match=said):
        augreg.augment(_element(), step, seed=7, bounding_box_format="xyxy")


def test_mistake_in_what_is_hidden_names_the_op() -> None:
    op = _half(lambda xp, *, y, x, size: x < xp.halves(size))
    step = policy({"op": "acme/half"}, registry=registry_with(op))
    said = r'op "acme/half": its function of what is hidden raised AttributeError: .*halves'
    with pytest.raises(OpError, match=said):
        augreg.augment(_element(), step, seed=7, bounding_box_format="xyxy")


def test_explain_says_what_hides_targets() -> None:
    (stage,) = plan(policy(_hiding(HIDING[0])), size=(HEIGHT, WIDTH)).augment
    assert stage.describe("") == "one kernel: erase, hidden in masks and boxes, too"
