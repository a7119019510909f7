"""One sample after each step: the frames, against policies that end there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import noise, policy

import augreg
from augreg.plugin.registry import default_registry
from augreg.policy import Policy, ready_names
from augreg.views.filmstrip import Frame, filmstrip
from augreg.views.trace import Sample

IMAGE = noise(24, 31, 3)
BYTES = {"dtype": "uint8", "range": [0, 255]}
STEPS: list[dict[str, Any]] = [
    {"op": "flip"},
    {"op": "rotate", "degrees": [-40, 40]},
    {"op": "zoom", "factor": [0.7, 1.4]},
    {"op": "brightness", "delta": [-0.4, 0.4]},
    {"op": "contrast", "factor": [0.5, 1.5]},
    {"op": "gaussian_blur", "kernel_size": 3, "sigma": [0.5, 2], "p": 0.5},
    {"op": "erase", "area": [0.1, 0.2]},
    {"op": "translate", "x": [-0.2, 0.2], "fill": "constant"},
    {"op": "shear", "x_degrees": [-10, 10], "fill": "constant"},
]


def film(loaded: Policy, index: int = 0, element: Any = IMAGE, **more: Any) -> tuple[Frame, ...]:
    return filmstrip(loaded, Sample.of(element, seed=3, index=index, **more)).frames


def sample(loaded: Any, index: int = 0, element: Any = IMAGE, **more: Any) -> Any:
    return augreg.augment(element, loaded, seed=3, index=[index], **more)


@pytest.mark.parametrize("index", range(4))
def test_a_frame_is_the_sample_of_a_policy_that_ends_there(index: int) -> None:
    frames = film(policy(*STEPS), index)

    assert [frame.pointer for frame in frames] == [f"/augment/{i}" for i in range(len(STEPS))]
    for count, frame in enumerate(frames, start=1):
        ended = sample(policy(*STEPS[:count], output=BYTES), index)
        assert np.array_equal(frame.pixels, ended), frame.pointer


def test_prepare_has_frames_and_a_later_step_sees_its_bytes() -> None:
    prepare = [{"op": "resize", "height": 20, "width": 20}, {"op": "brightness", "delta": 0.3}]
    more: dict[str, Any] = {"prepare": prepare, "output": BYTES}
    strip = filmstrip(policy(*STEPS[1:4], **more), Sample.of(IMAGE, seed=3))

    assert np.array_equal(strip.before, IMAGE)
    assert [frame.section for frame in strip.frames] == ["prepare"] * 2 + ["augment"] * 3
    for count in (1, 2):
        ended = sample(policy(prepare=prepare[:count], output=BYTES))
        assert np.array_equal(strip.frames[count - 1].pixels, ended)
    assert np.array_equal(strip.frames[-1].pixels, sample(policy(*STEPS[1:4], **more)))


@pytest.mark.parametrize("name", ready_names())
def test_the_last_frame_is_the_training_sample(name: str) -> None:
    loaded = augreg.load_policy(name).as_bytes()
    for index in range(3):
        assert np.array_equal(film(loaded, index)[-1].pixels, sample(loaded, index))


# without those that mix the samples of a batch, and one that is larger than the image
ALONE = sorted({*default_registry().ops} - {"copy_paste", "cutmix", "mixup", "mosaic", "crop"})


@pytest.mark.parametrize("name", ALONE)
def test_every_op_has_its_frame(name: str) -> None:
    step = {"op": name, **default_registry().ops[name].example}
    loaded = policy({"op": "invert"}, step, output=BYTES)
    first, last = film(loaded)

    assert np.array_equal(first.pixels, 255 - IMAGE)
    assert (last.op, last.pointer) == (name, "/augment/1")
    assert np.array_equal(last.pixels, sample(loaded))


def test_frames_say_what_was_drawn_and_what_was_left_out() -> None:
    step = {"op": "rotate", "degrees": [10, 20], "p": 0.5}
    done = [film(policy(step), index)[0] for index in range(20)]
    left = [frame for frame in done if frame.left_out]

    assert 0 < len(left) < 20
    for frame in done:
        if frame.left_out:
            assert frame.left_out == "its p 0.5" and frame.values == {}
            assert np.array_equal(frame.pixels, IMAGE)
        else:
            constant = {"op": "rotate", "degrees": frame.values["degrees"]}
            assert np.array_equal(frame.pixels, sample(policy(constant, output=BYTES)))


def test_steps_that_share_a_resample_say_so_and_are_exact_at_its_end() -> None:
    frames = film(policy(STEPS[1], STEPS[2], STEPS[3]))

    assert [frame.note for frame in frames[:2]] == ["rotate and zoom share one resample"] * 2
    assert [frame.shares for frame in frames] == [("/augment/1",), ("/augment/0",), ()]
    assert [frame.exact for frame in frames] == [False, True, True]


def test_annotations_move_with_the_frames() -> None:
    element = {
        "images": IMAGE,
        "masks": (IMAGE[..., 0] > 128).astype(np.int32),
        "boxes": {"boxes": np.float32([[3, 4, 20, 18]]), "labels": np.int32([1])},
        "keypoints": np.float32([[5, 6], [20, 10]]),
    }
    steps = [STEPS[0], STEPS[1], STEPS[3], STEPS[7]]
    frames = film(policy(*steps), 1, element, bounding_box_format="xyxy")

    for count, frame in enumerate(frames, start=1):
        loaded = policy(*steps[:count], output=BYTES)
        ended = sample(loaded, 1, element, bounding_box_format="xyxy")
        found = {**frame.annotations, "images": frame.pixels}
        for name in ("images", "masks", "keypoints"):
            assert np.array_equal(found[name], ended[name]), (frame.pointer, name)
        for name in ("boxes", "labels"):
            assert np.array_equal(found["boxes"][name], ended["boxes"][name])


def test_a_choice_says_which_branch_it_took() -> None:
    branches = [{"op": "invert"}, {"op": "gaussian_blur", "kernel_size": 3, "sigma": [1, 2]}]
    loaded = policy({"one_of": branches})
    for index in range(4):
        frames = film(loaded, index)
        taken = [frame for frame in frames if not frame.left_out]
        (other,) = (frame for frame in frames if frame.left_out)
        assert len(taken) == 1
        branch = taken[0].pointer[-1]
        assert taken[0].under == ("one_of at /augment/0",)
        assert other.left_out == f"one_of at /augment/0 chose branch {branch}"
        assert np.array_equal(taken[0].pixels, sample(loaded.as_bytes(), index))


GROUPS: dict[str, dict[str, Any]] = {
    "one_of": {"one_of": [STEPS[1], STEPS[2], {"op": "invert"}], "p": 0.7},
    "geometry": {"sequence": [STEPS[0], {"one_of": [STEPS[1], STEPS[2]]}], "p": 0.7},
    "colour": {"some_of": [{"op": "invert"}, STEPS[3], {"op": "grayscale", "channels": 3}], "n": 2},
    "some_of": {"some_of": [STEPS[1], STEPS[3], STEPS[6]], "n": [1, 3]},
    "replace": {"some_of": [STEPS[1], STEPS[3], STEPS[6]], "n": 3, "replace": True},
    "random_order": {"random_order": [STEPS[1], STEPS[3], STEPS[6]]},
    "turns": {"random_order": [STEPS[1], STEPS[2]]},
    "mixture": {"mixture": [{"op": "invert"}, {"sequence": [STEPS[1], STEPS[3]]}], "p": 0.7},
    "branches": {
        "one_of": [
            {"sequence": [STEPS[3], {"op": "resize", "height": 9, "width": 9}, STEPS[6]]},
            {"op": "crop", "height": 9, "width": 9},
        ]
    },
}


@pytest.mark.parametrize("name", GROUPS)
def test_frames_of_groups_end_in_the_sample(name: str) -> None:
    loaded = policy({"op": "flip"}, GROUPS[name], {"op": "hue", "delta": 0.1}, output=BYTES)
    for index in range(8):
        *_, before, last = film(loaded, index)
        assert last.pointer == "/augment/2"
        assert np.array_equal(last.pixels, sample(loaded, index))
        ended = policy({"op": "flip"}, GROUPS[name], output=BYTES)
        assert np.array_equal(before.pixels, sample(ended, index))


@pytest.mark.parametrize("name", sorted({*GROUPS} - {"mixture"}))
def test_keypoints_move_with_the_frames_of_groups(name: str) -> None:
    element = {"images": IMAGE, "keypoints": np.float32([[5, 6], [20, 10]])}
    loaded = policy({"op": "flip"}, GROUPS[name], output=BYTES)
    for index in range(8):
        *_, last = film(loaded, index, element)
        ended = sample(loaded, index, element)
        assert np.array_equal(last.annotations["keypoints"], ended["keypoints"])


def test_steps_in_a_random_order_are_in_the_order_of_the_sample() -> None:
    steps: dict[str, dict[str, Any]] = {
        "invert": {"op": "invert"},
        "posterize": {"op": "posterize", "bits": 2},
    }
    loaded = policy({"random_order": list(steps.values())})
    orders = set()
    for index in range(8):
        frames = film(loaded, index)
        first = sample(policy(steps[frames[0].op], output=BYTES))
        assert np.array_equal(frames[0].pixels, first)
        orders.add(tuple(frame.op for frame in frames))

    assert len(orders) == 2


def test_a_mixture_has_a_frame_and_its_weights_or_why_it_is_left_out() -> None:
    loaded = policy({"mixture": [{"op": "invert"}, STEPS[6]], "p": 0.5})
    found = {film(loaded, index)[-1].left_out: film(loaded, index) for index in range(8)}
    done, left = found[""], found["mixture at /augment/0, by its p 0.5"]

    assert [frame.op for frame in done] == ["invert", "erase", "mixture"]
    assert np.array_equal(done[0].pixels, 255 - IMAGE) and not done[0].exact
    assert sum(done[-1].values["weights"]) == pytest.approx(1)
    assert np.array_equal(left[-1].pixels, IMAGE) and left[-1].values == {}


def test_values_leave_out_keys_of_noise() -> None:
    (frame,) = film(policy({"op": "gaussian_noise", "std": [0.1, 0.2]}))

    assert list(frame.values) == ["std"]


def test_each_slot_of_a_choice_with_replacement_has_its_frame() -> None:
    step = {"op": "brightness", "delta": [0, 0.1]}
    loaded = policy({"some_of": [step, {"op": "invert"}], "n": 3, "replace": True})
    for index in range(6):
        done = [frame.pointer for frame in film(loaded, index) if not frame.left_out]
        assert len(done) == 3
        assert {pointer[-2:] for pointer in done} == {"#0", "#1", "#2"}


def test_labels_decide_as_in_training() -> None:
    loaded = policy({"op": "invert", "when": {"label": [1]}})
    for label, left_out in ((1, ""), (0, "its labels")):
        element = {"images": IMAGE, "labels": np.int64(label)}
        assert film(loaded, element=element)[0].left_out == left_out
    assert film(loaded)[0].left_out == ""  # as a preview of images without labels


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), "a sample is one image, [H, W, C], found [2, 8, 8, 3]"),
        ({"masks": np.zeros((8, 8))}, 'found "masks"'),
        ({"images": np.zeros((8, 8, 3)), "depth": 1}, 'found "images", "depth"'),
    ],
)
def test_what_is_no_sample_is_refused(element: Any, said: str) -> None:
    with pytest.raises(augreg.AugregError, match=r"a sample") as refused:
        Sample.of(element)
    assert said in str(refused.value)
