"""Steps and groups for the samples of some classes only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import augreg

LABELS = np.array([0, 1, 2, 3, 1, 0])
IMAGES = np.random.default_rng(3).integers(0, 256, (6, 12, 16, 3), np.uint8)
INVERTED = 1 - IMAGES / np.float32(255)


def policy(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), **more}


INVERT = {"op": "invert", "when": {"label": [1, 3]}}
THEIRS = np.isin(LABELS, [1, 3])


def expected(theirs: np.ndarray) -> np.ndarray:
    return np.where(theirs[:, None, None, None], INVERTED, IMAGES / np.float32(255))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_only_samples_of_these_classes_do_a_step(dtype):
    images, labels = augreg.augment((IMAGES, LABELS.astype(dtype)), policy(INVERT), seed=7)

    np.testing.assert_allclose(images, expected(THEIRS), atol=1e-6)
    np.testing.assert_array_equal(labels, LABELS)


def changed(images: Any) -> np.ndarray:
    """bool [B]: which differ from what came."""
    return (np.abs(images - IMAGES / np.float32(255)) > 1e-6).any(axis=(1, 2, 3))


def every_way(element: Any, written: Any, **options: Any) -> list[Any]:
    """The images of the map function, of batches and of samples, the dataset and the layer."""
    fn = augreg.map_fn(written, seed=7, batched=True, **options)
    batched = fn(np.arange(6), element)
    one = augreg.map_fn(written, seed=7, **options)
    source = tf.data.Dataset.from_tensor_slices(element)
    alone = next(iter(source.enumerate().map(one).batch(6)))
    dataset = next(iter(augreg.augment_dataset(source, written, 6, seed=7, **options)))
    layer = augreg.AugmentationLayer(written, seed=7, **options)
    element = tf.nest.map_structure(tf.convert_to_tensor, element)
    layered = layer(element, training=True, index=np.arange(6))
    images = (
        made["images"] if isinstance(made, dict) else made[0]
        for made in (batched, alone, dataset, layered)
    )
    return [np.asarray(one) for one in images]


def test_every_way_of_running_it_looks_at_the_labels():
    for made in every_way((IMAGES, LABELS), policy(INVERT)):
        np.testing.assert_allclose(made, expected(THEIRS), atol=1e-6)


def test_p_is_drawn_as_without_it():
    without = augreg.augment(IMAGES, policy({"op": "invert", "p": 0.5}), seed=7)
    images, _ = augreg.augment((IMAGES, LABELS), policy({**INVERT, "p": 0.5}), seed=7)

    plain = IMAGES / np.float32(255)
    np.testing.assert_allclose(images[THEIRS], without[THEIRS], atol=1e-6)
    np.testing.assert_allclose(images[~THEIRS], plain[~THEIRS], atol=1e-6)
    assert 0 < changed(without)[THEIRS].sum() < THEIRS.sum()


def test_a_geometric_group_and_its_targets():
    turned = {"sequence": [{"op": "flip"}, {"op": "rot90", "k": 2}], "when": {"label": [2]}}
    masks = np.arange(6 * 12 * 16).reshape(6, 12, 16).astype(np.int32)
    element = {"images": IMAGES, "labels": LABELS, "masks": masks}
    made = augreg.augment(element, policy(turned), seed=7)

    theirs = (LABELS == 2)[:, None, None]
    np.testing.assert_array_equal(made["masks"], np.where(theirs, masks[:, ::-1], masks))
    for images in every_way(element, policy(turned)):
        np.testing.assert_allclose(images, made["images"], atol=1e-6)


def test_branches_of_a_choice_and_slots_for_some_classes():
    """Repeated slots are run in turns, which must not take one branch's labels for another's."""
    branches = [{"op": "invert", "when": {"label": [label]}} for label in (0, 1, 2)]
    written = policy({"some_of": branches, "n": 2, "replace": True}, {"one_of": branches})
    made, _ = augreg.augment((IMAGES, LABELS), written, seed=7)

    for images in every_way((IMAGES, LABELS), written):
        np.testing.assert_allclose(images, made, atol=1e-6)
    assert not changed(made)[LABELS == 3].any() and changed(made)[LABELS != 3].any()


def test_names_where_labels_are_text():
    names = np.array(["cat", "dog", "bird", "cow", "dog", "cat"])
    written = policy({"op": "invert", "when": {"label": ["dog", "cow"]}})
    for given in (names, names.astype("S"), tf.constant(names)):
        fn = augreg.map_fn(written, seed=7, batched=True)
        np.testing.assert_allclose(
            fn(np.arange(6), (IMAGES, given))[0], expected(THEIRS), atol=1e-6
        )
    images, _ = augreg.augment((IMAGES, names.astype("S")), written, seed=7)
    np.testing.assert_allclose(images, expected(THEIRS), atol=1e-6)


def test_shares_of_classes_count_from_a_half():
    shares = np.eye(4, dtype=np.float32)[LABELS]
    shares[4] = (0.6, 0.4, 0, 0)
    theirs = THEIRS & (np.arange(6) != 4)
    images, _ = augreg.augment((IMAGES, shares), policy(INVERT), seed=7)
    np.testing.assert_allclose(images, expected(theirs), atol=1e-6)
    column = augreg.augment((IMAGES, LABELS[:, None]), policy(INVERT), seed=7)[0]
    np.testing.assert_allclose(column, expected(THEIRS), atol=1e-6)


def test_one_box_of_a_class_is_enough():
    labels = np.array([[0, 2], [1, 0], [-1, -1], [0, 3], [1, -1], [0, 0]])
    boxes = {"boxes": np.tile(np.float32([2, 2, 8, 8]), (6, 2, 1)), "labels": labels}
    element, how = {"images": IMAGES, "boxes": boxes}, {"bounding_box_format": "xyxy"}
    theirs = np.isin(labels, [1, 3]).any(axis=1)
    for images in every_way(element, policy(INVERT), **how):
        np.testing.assert_allclose(images, expected(theirs), atol=1e-6)


def test_evaluation_and_prepare():
    prepare = {"train": [INVERT], "eval": [INVERT]}
    for training in (True, False):
        images, _ = augreg.augment(
            (IMAGES, LABELS), {"version": 1, "prepare": prepare}, seed=7, training=training
        )
        np.testing.assert_allclose(images, expected(THEIRS), atol=3e-3)  # prepare rounds to bytes
    images = augreg.augment(IMAGES, policy(INVERT), seed=7, training=False)
    np.testing.assert_allclose(images, IMAGES / np.float32(255), atol=1e-6)


def test_labels_that_are_mixed_are_those_that_came():
    mix = {"op": "cutmix", "classes": 4}
    made = augreg.augment((IMAGES, LABELS), policy(mix, INVERT), seed=7)
    only = augreg.augment((IMAGES, LABELS), policy(mix), seed=7)
    images = np.where(THEIRS[:, None, None, None], 1 - only[0], only[0])
    np.testing.assert_allclose(made[0], images, atol=1e-6)
    fn = augreg.map_fn(policy(mix, INVERT), seed=7, batched=True)
    np.testing.assert_allclose(fn(np.arange(6), (IMAGES, LABELS))[0], made[0], atol=1e-6)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (IMAGES, "asks for the labels of the samples, found images without labels"),
        ((IMAGES, LABELS.astype("str")), "asks for a number, 1; write the labels as the data has"),
        ((IMAGES, np.zeros((6, 3))), "asks for class 3, and labels have 3 classes"),
        ((IMAGES, np.zeros((6, 3, 3))), r"labels of the shape \(6, 3, 3\)"),
    ],
)
def test_labels_that_do_not_answer_are_refused(element, message):
    with pytest.raises(augreg.AugregError, match=message):
        augreg.augment(element, policy(INVERT), seed=7)
    with pytest.raises(augreg.AugregError, match=message):
        augreg.map_fn(policy(INVERT), seed=7, batched=True)(np.arange(6), element)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"label": 1}, '/when: "when" takes {"label": [...]}'),
        ({"labels": [1]}, '/when: "when" takes {"label": [...]}'),
        ({"label": [1], "split": 2}, '/when/split: unknown key "split"'),
        ({"label": []}, "/when/label: labels are numbers or names"),
        ({"label": [1, "cat"]}, "/when/label: labels are numbers or names"),
        ({"label": [True]}, "/when/label/0: a label is a whole number or a name"),
    ],
)
def test_a_wrong_when_names_the_place(when, message):
    for node in ({"op": "invert", "when": when}, {"one_of": [{"op": "invert"}], "when": when}):
        with pytest.raises(augreg.PolicyError) as caught:
            augreg.load_policy(policy(node))
        assert "/augment/0" + message in str(caught.value)


def test_a_macro_takes_it_for_all_of_its_steps():
    written = policy({"op": "rand_augment", "n": 1, "magnitude": 9, "when": {"label": [2]}})
    images, _ = augreg.augment((IMAGES, LABELS), written, seed=7)
    np.testing.assert_array_equal(changed(images), LABELS == 2)


def test_a_step_that_changes_the_size_takes_none():
    crop = {"op": "crop", "height": 8, "width": 8, "when": {"label": [1]}}
    with pytest.raises(augreg.PolicyError, match='below 1 or "when"'):
        augreg.augment((IMAGES, LABELS), policy(crop), seed=7)


def test_all_frames_of_a_sample_have_its_label():
    frames = np.stack([IMAGES, IMAGES[:, ::-1]], axis=1)
    written = policy({**INVERT, "p": 0.7})
    made = augreg.augment({"frames": frames, "labels": LABELS}, written, seed=7)["frames"]
    fn = augreg.map_fn(written, seed=7, batched=True)
    np.testing.assert_allclose(
        fn(np.arange(6), {"frames": frames, "labels": LABELS})["frames"], made, atol=1e-6
    )
    for t in range(2):
        alone, _ = augreg.augment((frames[:, t], LABELS), written, seed=7)
        np.testing.assert_array_equal(made[:, t], alone)


def test_further_images_follow_the_label():
    given = {"images": IMAGES, "right": IMAGES, "labels": LABELS}
    fn = augreg.map_fn(policy(INVERT), seed=7, batched=True, also={"right": "bilinear"})
    np.testing.assert_allclose(fn(np.arange(6), given)["right"], expected(THEIRS), atol=1e-6)
