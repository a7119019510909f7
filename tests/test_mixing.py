"""mixup and cutmix: whom they mix, by which shares, alike in every way of running a policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import augreg
from augreg.annotations import mixing
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.families import MixStage
from augreg.families.mix import partners
from augreg.plan import plan
from augreg.policy import load_policy
from augreg.random import generator
from augreg.views.explain import explain
from augreg.xp import NUMPY

B, H, W = 8, 20, 30


def policy(*steps: Any, **rest: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), **rest}


def flat_images(batch: int = B) -> np.ndarray:
    """Image i is i / 8 throughout, so that a pixel tells what it was mixed from."""
    values = np.arange(batch, dtype=np.float32) / 8
    return np.broadcast_to(values[:, None, None, None], (batch, H, W, 3)).copy()


def mix(step: dict[str, Any], batch: int = B, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    options = {"seed": 5, "input_range": (0, 1), **options}  # beyond 1 they are clipped
    labels = np.arange(batch)
    step = {"classes": batch, **step} if batch > 1 else {"classes": 2, **step}
    return augreg.augment(flat_images(batch), policy(step), labels=labels, **options)


def word(name: str, index: np.ndarray, seed: int = 5) -> np.ndarray:
    """The uniform draw of the first step."""
    ids = (generator.draw_id("/augment/0", name),)
    key = generator.SampleKey(np.uint32(seed), np.uint32(0), index)
    return generator.uniform(NUMPY, generator.words(NUMPY, ids, key)[0][0])


# --- Beta ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.2, 0.4, 1.0, 1.7, 4.0, 20.0])
def test_beta_is_scipy_s_inverse(alpha: float) -> None:
    bits = np.random.default_rng(0).integers(0, 2**24, 5000)
    u = np.concatenate([[0, 1, 2**23 - 1, 2**23, 2**24 - 1], bits]).astype(np.float32) * 2.0**-24
    u = u.astype(np.float32)
    drawn = augreg.symmetric_beta(NUMPY, u, alpha)
    assert drawn.dtype == np.float32
    expected = scipy.stats.beta.ppf(u.astype(np.float64), alpha, alpha)
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    there = augreg.symmetric_beta(TENSORFLOW, tf.constant(u), alpha)
    np.testing.assert_allclose(there, drawn, atol=1e-6)


def test_mixup_s_shares_are_distributed_as_beta() -> None:
    images = np.zeros((4000, 1, 1, 3), np.uint8)
    labels = np.arange(4000) % 2  # a partner of the other class shows the weight
    step = {"op": "mixup", "alpha": 0.4, "classes": 2}
    _, mixed = augreg.augment(images, policy(step), seed=1, labels=labels)
    own = mixed[np.arange(4000), labels]
    seen = own[own != 1]
    assert len(seen) > 1800
    assert scipy.stats.kstest(seen, scipy.stats.beta(0.4, 0.4).cdf).pvalue > 0.01


# --- what is mixed ------------------------------------------------------------------------------


def test_mixup_blends_pixels_by_the_shares_of_the_label() -> None:
    images, labels = mix({"op": "mixup", "alpha": 1.0})
    assert labels.dtype == np.float32 and labels.shape == (B, B)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    values = labels @ (np.arange(B) / 8)
    np.testing.assert_allclose(images, np.broadcast_to(values[:, None, None, None], images.shape))


def test_the_partner_is_the_one_of_the_formula() -> None:
    index = np.arange(100, 100 + B, dtype=np.uint32)
    _, labels = mix({"op": "mixup", "alpha": 1.0}, index=index)
    u = word("partner", index)
    expected = (np.arange(B) + 1 + np.floor(u * np.float32(B - 1)).astype(int)) % B
    weight = scipy.stats.beta.ppf(word("share", index), 1, 1)
    for i in range(B):
        shares = np.zeros(B)
        shares[i], shares[expected[i]] = weight[i], 1 - weight[i]
        np.testing.assert_allclose(labels[i], shares, atol=1e-6)


def test_nobody_is_their_own_partner_unless_alone() -> None:
    u = np.random.default_rng(0).uniform(size=999).astype(np.float32)
    for many in (u, np.full(999, 1 - 2.0**-24, np.float32), np.zeros(999, np.float32)):
        found = partners(NUMPY, many)
        assert found.min() >= 0 and found.max() < 999
        assert (found != np.arange(999)).all()
    images, labels = mix({"op": "mixup", "alpha": 1.0}, batch=1)
    np.testing.assert_array_equal(images, flat_images(1))
    np.testing.assert_allclose(labels, [[1, 0]], atol=1e-6)


def test_cutmix_pastes_a_box_and_its_area_is_the_partner_s_share() -> None:
    cut = 0
    for epoch in range(4):
        images, labels = mix({"op": "cutmix"}, epoch=epoch)
        for i, (image, shares) in enumerate(zip(images, labels, strict=True)):
            pasted = image[..., 0] != np.float32(i / 8)
            np.testing.assert_allclose(pasted.mean(), 1 - shares[i], atol=1e-6)
            if not pasted.any():
                continue
            cut += 1
            rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
            assert pasted.sum() == len(rows) * len(columns)  # a box
            assert len(rows) == rows[-1] - rows[0] + 1 and len(columns) == np.ptp(columns) + 1
            (other,) = np.unique(image[pasted] * 8).astype(int)
            np.testing.assert_allclose(shares[other], pasted.mean(), atol=1e-6)
    assert cut > 20


def test_cutmix_s_box_is_the_paper_s() -> None:
    """Its sides are sqrt(1 - w) of the image's, halves rounded down, about a uniform centre."""
    index = np.arange(B, dtype=np.uint32)
    images, _ = mix({"op": "cutmix"}, index=index)
    side = np.sqrt(1 - word("share", index))
    for i in range(B):
        expected = np.zeros((H, W), bool)
        spans = []
        for name, length in (("y", H), ("x", W)):
            centre = int(word(name, index)[i] * length)
            reach = int(side[i] * length / 2)
            spans.append(slice(max(centre - reach, 0), min(centre + reach, length)))
        expected[spans[0], spans[1]] = True
        np.testing.assert_array_equal(images[i, ..., 0] != np.float32(i / 8), expected)


SMALLER = {
    "cropped": [{"op": "crop", "height": 7, "width": 5}],
    "halved": [{"op": "central_crop", "fraction": 0.4}],
    "turned": [{"op": "central_crop", "fraction": 0.3}, {"op": "rot90"}, {"op": "invert"}],
    "resized": [{"op": "resized_crop", "height": 6, "width": 9}],
    "in branches": [
        {
            "one_of": [
                {"op": "crop", "height": 5, "width": 7},
                {"op": "resize", "height": 5, "width": 7},
            ]
        }
    ],
}


@pytest.mark.parametrize("way", ["reference", "known size", "size that the data shows"])
@pytest.mark.parametrize("name", list(SMALLER))
def test_cutmix_s_label_is_the_share_of_pixels_where_it_stands(name: str, way: str) -> None:
    """Images of one level each, counted; the size changes before."""
    count, classes = 24, 24
    levels = np.arange(count, dtype=np.uint8) * 10
    images = np.broadcast_to(levels[:, None, None, None], (count, 100, 60, 3)).copy()
    loaded = policy(*SMALLER[name], {"op": "cutmix", "classes": classes})
    if way == "reference":
        mixed, labels = augreg.augment(images, loaded, seed=5, labels=np.arange(count))
    else:
        fn = augreg.map_fn(loaded, seed=5, batched=True)
        sides = (100, 60) if way == "known size" else (None, None)
        spec = [tf.TensorSpec((count, *sides, 3), tf.uint8), tf.TensorSpec(count, tf.int64)]
        run = tf.function(lambda *pair: fn(tf.range(count), pair), input_signature=spec)
        mixed, labels = (part.numpy() for part in run(images, np.arange(count)))

    found = np.round(mixed[..., 0] * 255)
    found = 255 - found if {"op": "invert"} in SMALLER[name] else found
    counted = (found[..., None] == levels).mean(axis=(1, 2))

    assert ((counted > 0).sum(axis=1) == 2).sum() > 8
    np.testing.assert_allclose(labels, counted, atol=1e-6)


def test_p_leaves_whole_samples_alone() -> None:
    images, labels = mix({"op": "mixup", "alpha": 4.0, "p": 0.5}, batch=400)
    alone = (labels == 1).any(axis=1)
    assert 150 < alone.sum() < 250
    np.testing.assert_array_equal(images[alone], np.minimum(flat_images(400), 1)[alone])


def test_a_choice_of_both_mixes_labels_as_it_mixes_pixels() -> None:
    both = {
        "one_of": [
            {"op": "mixup", "alpha": 1.0, "classes": B},
            {"op": "cutmix", "classes": B},
        ],
        "p": 0.9,
    }
    images, labels = augreg.augment(flat_images(), policy(both), seed=3, labels=np.arange(B))
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    means = images[..., 0].mean(axis=(1, 2))
    np.testing.assert_allclose(means, labels @ (np.arange(B) / 8), atol=1e-6)


def test_shares_may_come_in_and_column_labels_too() -> None:
    step = {"op": "mixup", "alpha": 1.0, "classes": B}
    _, expected = mix(step)
    for labels in (np.eye(B, dtype=np.float32), np.arange(B)[:, None]):
        _, mixed = augreg.augment(flat_images(), policy(step), seed=5, labels=labels)
        np.testing.assert_array_equal(mixed, expected)


def test_inference_mixes_nothing() -> None:
    step = {"op": "mixup", "classes": B}
    images = flat_images()
    kept = augreg.augment(images, policy(step), seed=5, training=False, labels=np.arange(B))
    np.testing.assert_array_equal(kept[0], images)
    np.testing.assert_array_equal(kept[1], np.eye(B))  # for the loss of training
    augreg.map_fn(policy(step), training=False)  # needs no batch


# --- every way of running it --------------------------------------------------------------------

STEPS = policy(
    {"op": "flip", "p": 0.5},
    {"op": "rotate", "degrees": [-20, 20]},
    {"one_of": [{"op": "mixup", "classes": 5}, {"op": "cutmix", "classes": 5}], "p": 0.8},
    {"op": "brightness", "delta": [-0.1, 0.1]},
)


def photos(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    small = rng.uniform(0, 255, (count, 4, 4, 3)).astype(np.float32)
    images = tf.image.resize(small, (24, 24), "bicubic").numpy().clip(0, 255).astype(np.uint8)
    return images, rng.integers(0, 5, count)


def test_tf_data_mixes_as_the_reference_and_passes_weights() -> None:
    images, labels = photos(10)
    weights = np.linspace(0, 1, 10)
    source = tf.data.Dataset.from_tensor_slices((images, labels, weights))
    found = list(augreg.augment_dataset(source, STEPS, batch_size=6, seed=9, epochs=2))
    assert len(found) == 4  # the last batch of each epoch is short
    for number, (image, label, weight) in enumerate(found):
        epoch, part = number // 2, slice(0, 6) if number % 2 == 0 else slice(6, 10)
        index = np.arange(10)[part]
        expected = augreg.augment(
            images[part], STEPS, seed=9, index=index, epoch=epoch, labels=labels[part]
        )
        np.testing.assert_allclose(image, expected[0], atol=1 / 255)
        np.testing.assert_allclose(label, expected[1], atol=1e-6)
        np.testing.assert_array_equal(weight, weights[part])


@pytest.mark.parametrize("jit", [False, True])
def test_the_layer_mixes_as_the_reference(jit: bool) -> None:
    images, labels = photos(6)
    expected = augreg.augment(images, STEPS, seed=9, epoch=3, labels=labels)
    layer = augreg.AugmentationLayer(STEPS, seed=9)

    def call(images: tf.Tensor, labels: tf.Tensor) -> Any:
        element = {"images": images, "labels": labels}
        return layer(element, training=True, index=tf.range(6), epoch=3)

    found = tf.function(call, jit_compile=jit)(tf.constant(images), tf.constant(labels))
    np.testing.assert_allclose(found["images"], expected[0], atol=1 / 255)
    np.testing.assert_allclose(found["labels"], expected[1], atol=1e-6)
    kept = layer({"images": images, "labels": labels}, training=False)
    np.testing.assert_array_equal(kept["labels"], np.eye(5)[labels])


def test_explain_s_words_and_the_classes() -> None:
    loaded = load_policy(STEPS)
    stages = [s for s in plan(loaded).augment if isinstance(s, MixStage)]
    assert len(stages) == 2
    assert all("depends on the batch" in stage.why for stage in stages)
    assert mixing.label_classes(loaded) == 5
    assert mixing.label_classes(load_policy(policy({"op": "flip"}))) is None


# --- what can't work ----------------------------------------------------------------------------

MIXUP = {"op": "mixup", "classes": 5}


def test_mixing_in_prepare_is_refused() -> None:
    loaded = load_policy({"version": 1, "prepare": [MIXUP]})
    with pytest.raises(augreg.PolicyError, match=r'/prepare/0: "mixup" .* in "augment" only'):
        plan(loaded)


def test_mixing_in_branches_that_change_the_size_is_refused() -> None:
    resize = {"op": "resize", "height": 9, "width": 9}
    group = {"one_of": [{"sequence": [resize, MIXUP]}, resize]}
    with pytest.raises(augreg.PolicyError, match=r"/augment/0/one_of/0/sequence/1: .* no group"):
        plan(load_policy(policy(group)))


def test_steps_that_disagree_about_the_classes_are_refused() -> None:
    loaded = load_policy(policy(MIXUP, {"op": "cutmix", "classes": 6}))
    with pytest.raises(augreg.PolicyError, match=r"/augment/1/classes: .* of 6 classes"):
        plan(loaded)


def test_a_function_of_single_elements_is_refused() -> None:
    with pytest.raises(augreg.PolicyError, match=r"/augment/1: .* use batched=True"):
        augreg.map_fn(policy({"op": "flip"}, MIXUP))


def test_images_without_labels_or_without_a_batch_are_refused() -> None:
    images, labels = photos(3)
    without = "found images without labels; pass a batch with labels"
    with pytest.raises(augreg.PolicyError, match=without):
        augreg.augment(images, policy(MIXUP), seed=0)
    with pytest.raises(augreg.PolicyError, match=without):
        augreg.AugmentationLayer(policy(MIXUP))(images, training=True)
    with pytest.raises(augreg.PolicyError, match="found a single image"):
        augreg.augment(images[0], policy(MIXUP), seed=0, labels=labels[0])


def test_labels_of_another_shape_are_refused() -> None:
    images, _ = photos(3)
    with pytest.raises(augreg.AugregError, match=r"labels of the shape \(3, 7\) can't be mixed"):
        augreg.augment(images, policy(MIXUP), seed=0, labels=np.zeros((3, 7)))
    said = r"labels of 3 to 9; allowed are whole numbers from 0 to 4"
    with pytest.raises(augreg.AugregError, match=said):
        augreg.augment(images, policy(MIXUP), seed=0, labels=np.array([3, 4, 9]))


def test_explain_says_that_mixing_depends_on_the_batch() -> None:
    found = explain(load_policy(policy({"op": "flip"}, MIXUP)), size=(8, 8))
    assert found.stages[1].does == "one mix of the batch and its labels, 5 classes"
    assert any(cost.startswith("/augment/1: its result depends on") for cost in found.costs)
