"""`p` on steps that resample a box and keep the size: counted, in every family of ways of running.

A sample that leaves the step out has its very pixels, and its masks, boxes and keypoints, as they
were; one that does it has those of the step without `p`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy
from scipy import stats

import augreg
from augreg.backends.tensorflow.program import Program
from augreg.families import BranchStage
from augreg.plan import plan
from augreg.plan.passes import drop_never, optimize
from augreg.random.generator import SampleKey

SIDE, COUNT = 10, 400
INDEX = np.arange(COUNT)
CUT = {"op": "resized_crop", "height": SIDE, "width": SIDE, "area": [0.1, 0.3]}
IMAGES = noise(COUNT, SIDE, SIDE, 3)

CHANCES = {
    "its own p": ([{**CUT, "p": 0.3}], 0.3),
    "p 0": ([{**CUT, "p": 0}], 0),
    "p 1": ([CUT], 1),
    "a branch's own p": ([{"one_of": [{**CUT, "p": 0.4}, {"op": "clip"}]}], 0.2),
    "a group's p": ([{"one_of": [CUT, {**CUT, "area": 0.5}], "p": 0.3}], 0.3),
    "a sequence's p": ([{"sequence": [CUT, {"op": "clip"}], "p": 0.3}], 0.3),
    "some of": ([{"some_of": [CUT, {"op": "clip"}], "n": 1}], 0.5),
    "slots": ([{"some_of": [CUT, {"op": "clip"}], "n": 2, "replace": True}], 0.75),
    "any order": ([{"random_order": [{**CUT, "p": 0.3}, {"op": "clip"}]}], 0.3),
    "a p in a branch of a mixture": ([{"mixture": [{**CUT, "p": 0.3}], "p": 0.5}], 0.15),
    "two in a row": ([{**CUT, "p": 0.5}, {**CUT, "p": 0.5}], 0.75),
}


def _reference(loaded: Any) -> Any:
    return augreg.augment(IMAGES, loaded, seed=5)


def _plain(loaded: Any) -> Any:
    planned, _ = optimize(plan(loaded, size=(SIDE, SIDE)))
    key = SampleKey(*(tf.constant(value, tf.uint32) for value in (5, 0, INDEX)))
    run = tf.function(Program(planned, xla=False), autograph=False)
    return run(tf.constant(IMAGES), key).numpy()


def _xla(loaded: Any) -> Any:
    return np.asarray(augreg.map_fn(loaded, seed=5, batched=True)(INDEX, IMAGES))


def _done(found: Any) -> Any:
    """bool [B]: the image was changed, which such a small box always does to noise."""
    return np.abs(found - IMAGES / 255).max(axis=(1, 2, 3)) > 0.01


WAYS = [(way, name) for way in (_reference, _plain) for name in CHANCES]
WAYS += [(_xla, "its own p"), (_xla, "a branch's own p")]


@pytest.mark.parametrize(("way", "name"), WAYS)
def test_a_resize_that_keeps_the_size_is_done_as_often_as_p_says(way: Any, name: str) -> None:
    steps, chance = CHANCES[name]

    done = int(_done(way(policy(*steps))).sum())

    if chance in (0, 1):
        assert done == chance * COUNT
    else:
        assert stats.binomtest(done, COUNT, chance).pvalue > 1e-4


@pytest.mark.parametrize("way", [_reference, _plain])
def test_samples_that_leave_a_resize_out_keep_their_pixels(way: Any) -> None:
    found = way(policy({**CUT, "p": 0.3}))
    always = way(policy(CUT))

    done = _done(found)
    np.testing.assert_allclose(found[~done], IMAGES[~done] / 255, atol=1e-6)
    np.testing.assert_allclose(found[done], always[done], atol=1e-6)


def test_a_choice_that_keeps_the_size_needs_no_branches_of_pixels() -> None:
    planned = plan(policy({"one_of": [CUT, {"op": "flip"}]}), size=(SIDE, SIDE))

    assert not any(isinstance(stage, BranchStage) for stage in planned.augment)


def test_a_resize_that_never_happens_goes() -> None:
    planned = plan(policy({**CUT, "p": 0}, {"op": "flip"}), size=(SIDE, SIDE))

    stages, notes = drop_never(planned.augment)

    assert [note.pointer for note in notes] == ["/augment/0"]
    assert len(stages) == 1


def _element() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, SIDE / 2, (COUNT, 3, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(2, 5, (COUNT, 3, 2))], axis=-1)
    return {
        "images": IMAGES,
        "masks": rng.integers(0, 99, (COUNT, SIDE, SIDE)),
        "keypoints": rng.uniform(0, SIDE - 1, (COUNT, 4, 2)).astype(np.float32),
        "boxes": {"boxes": boxes.astype(np.float32), "labels": rng.integers(0, 9, (COUNT, 3))},
    }


FOLLOW = [("reference", name) for name in ("its own p", "a branch's own p", "a sequence's p")]
FOLLOW += [("TensorFlow", "its own p")]


@pytest.mark.parametrize(("backend", "name"), FOLLOW)
def test_annotations_follow_where_the_resize_was_done(name: str, backend: str) -> None:
    def run(*steps: Any) -> Any:
        loaded, rules = policy(*steps), {"bounding_box_format": "xyxy", "min_visible": 0.0}
        if backend == "reference":
            return augreg.augment(_element(), loaded, seed=5, **rules)
        fn = augreg.map_fn(loaded, seed=5, batched=True, **rules)
        return tf.nest.map_structure(np.asarray, fn(INDEX, _element()))

    found, before = run(*CHANCES[name][0]), _element()
    done = _done(found["images"])
    for part in ("masks", "keypoints"):
        np.testing.assert_array_equal(found[part][~done], before[part][~done])
        assert (found[part][done] != before[part][done]).any(axis=(1, 2)).all()
    kept = found["boxes"]["boxes"][~done]
    np.testing.assert_allclose(kept, before["boxes"]["boxes"][~done], atol=1e-4)
    if name == "its own p":
        always = run(CUT)
        for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(always), strict=True):
            np.testing.assert_allclose(one[done], other[done], atol=1e-4)
