"""The studio's samples are those of every other way of running a policy."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock
from weakref import ref

import numpy as np
import pytest
from samples import noise, policy, with_ops

import augreg
from augreg.backends.tensorflow import structured
from augreg.errors import DataError, OpError, PolicyError
from augreg.lower.sampled import drawn_values
from augreg.plan import plan
from augreg.studio.samples import KERNELS, REFERENCE, Renderer
from augreg.views.overlay import Drawn
from augreg.views.photos import Photo

RESIZE = {"prepare": [{"op": "resize", "height": 24, "width": 28}]}
STEPS = (
    {"op": "rotate", "degrees": [-30, 30]},
    {"one_of": [{"op": "saturation", "factor": [0, 2]}, {"op": "invert"}], "p": 0.7},
)
PAIRS = ((0, 1),)


def _photo(index: int, size: tuple[int, int] = (32, 40), **parts: Any) -> Photo:
    drawn = Drawn(parts, "xyxy" if "boxes" in parts else None, (), PAIRS if parts else ())
    return Photo(f"{index}.png", noise(*size, 3, seed=index), drawn, index)


def _epochs(photo: Photo, count: int = 9) -> tuple[list[Photo], list[tuple[int, int, int]]]:
    return [photo] * count, [(5, 2 + i, photo.index) for i in range(count)]


def _images(photos: Sequence[Photo]) -> tuple[list[Photo], list[tuple[int, int, int]]]:
    return list(photos), [(5, 2, photo.index) for photo in photos]


def _expected(given: Any, photo: Any, key: tuple[int, int, int], **options: Any) -> Any:
    """What `augment` makes of an element."""
    seed, epoch, index = key
    return augreg.augment(photo, given.as_bytes(), seed, [index], epoch, **options)


def _assert_near(found: Any, expected: Any) -> None:
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    made = Renderer()
    made.wait()
    return made


@pytest.fixture
def compiled() -> Iterator[mock.Mock]:
    """Counts the programs that are compiled."""
    with mock.patch.object(structured, "_compiled", wraps=structured._compiled) as spy:
        yield spy


def test_epochs_of_one_image_are_its_samples(renderer: Renderer) -> None:
    loaded, photo = policy(*STEPS, **RESIZE), _photo(3)
    made = renderer.samples(loaded, *_epochs(photo))

    planned = plan(loaded, size=(32, 40))
    for epoch, sample in enumerate(made, start=2):
        assert sample.key == (5, epoch, 3)
        assert sample.computed_by == KERNELS
        assert sample.sizes == ((32, 40), (24, 28), (24, 28))
        assert sample.drawn == drawn_values(planned, 5, epoch, 3)
        _assert_near(sample.pixels, _expected(loaded, photo.pixels, sample.key))


def test_pixels_are_those_of_training(renderer: Renderer) -> None:
    shown = policy(*STEPS, **RESIZE, output={"dtype": "uint8", "range": [0, 255]})
    photos, keys = _epochs(_photo(4), 4)
    made = renderer.samples(shown, photos, keys)

    fn = augreg.map_fn(shown, seed=5)
    for sample, (_, epoch, index) in zip(made, keys, strict=True):
        trained = np.asarray(fn(index, photos[0].pixels, epoch))
        _assert_near(sample.pixels, trained)
        assert (sample.pixels != trained).mean() < 0.002


def test_a_number_that_changes_compiles_nothing(renderer: Renderer, compiled: mock.Mock) -> None:
    given = _epochs(_photo(5))
    for degrees in (11, 22, 33):
        loaded = policy({"op": "rotate", "degrees": [0, degrees]}, {"op": "posterize", "bits": 3})
        first = compiled.call_count == 0
        assert renderer.will_compile(loaded, *given) == first
        assert renderer.will_compile(loaded, *given) == first
        renderer.samples(loaded, *given)

    assert compiled.call_count == 1


def test_prepare_is_done_once_for_each_image(renderer: Renderer) -> None:
    given = _epochs(_photo(6))
    with mock.patch.object(structured, "prepared", wraps=structured.prepared) as spy:
        for delta in (0.1, 0.2):
            made = renderer.samples(policy({"op": "brightness", "delta": delta}, **RESIZE), *given)

    assert spy.call_count == 1
    assert made[0].sizes[1] == (24, 28)


def test_photographs_are_not_kept_alive(renderer: Renderer) -> None:
    photo = _photo(9)
    renderer.samples(policy(STEPS[0], **RESIZE), *_epochs(photo))
    alive = ref(photo)
    del photo
    gc.collect()

    assert alive() is None


def test_prepare_that_draws_is_done_for_each_sample(renderer: Renderer) -> None:
    crop = {"op": "resized_crop", "height": 20, "width": 20, "area": [0.2, 0.9]}
    loaded = policy(STEPS[0], prepare={"train": [crop], "eval": []})
    photo = _photo(7)
    made = renderer.samples(loaded, *_epochs(photo, 3))

    for sample in made:
        _assert_near(sample.pixels, _expected(loaded, photo.pixels, sample.key))
        assert {"/prepare/train/0", "/augment/0"} <= set(sample.drawn)


def test_images_of_several_sizes_are_one_batch_after_a_resize(renderer: Renderer) -> None:
    loaded = policy(*STEPS, **RESIZE)
    photos = [_photo(i, (30 + i, 40 - i)) for i in range(4)]
    made = renderer.samples(loaded, *_images(photos))

    for photo, sample in zip(photos, made, strict=True):
        assert sample.computed_by == KERNELS
        _assert_near(sample.pixels, _expected(loaded, photo.pixels, sample.key))


def test_programs_for_two_sizes_are_worth_it(renderer: Renderer) -> None:
    loaded = policy(STEPS[0], {"op": "gamma", "gamma": [0.4, 2]})
    photos = [_photo(i, (20, 30) if i % 2 else (30, 20)) for i in range(4)]
    assert renderer.will_compile(loaded, *_images(photos))

    for photo, sample in zip(photos, renderer.samples(loaded, *_images(photos)), strict=True):
        assert sample.computed_by == KERNELS
        _assert_near(sample.pixels, _expected(loaded, photo.pixels, sample.key))


def test_sizes_that_are_seen_among_others_compile_nothing(
    renderer: Renderer, compiled: mock.Mock
) -> None:
    loaded = policy(STEPS[0], {"op": "gamma", "gamma": [0.5, 2]})
    photos = [_photo(i, (24, 24 + i)) for i in range(3)]
    made = renderer.samples(loaded, *_images(photos))

    assert compiled.call_count == 0
    assert not renderer.will_compile(loaded, *_images(photos))
    for photo, sample in zip(photos, made, strict=True):
        assert sample.computed_by == REFERENCE
        np.testing.assert_array_equal(sample.pixels, _expected(loaded, photo.pixels, sample.key))

    renderer.samples(loaded, *_images(photos[:1]))
    again = renderer.samples(loaded, *_images(photos))
    assert [sample.computed_by for sample in again] == [KERNELS, REFERENCE, REFERENCE]


def test_the_reference_makes_samples_until_the_kernels_are_loaded() -> None:
    loaded, given = policy(*STEPS, **RESIZE), _epochs(_photo(8), 2)
    waits = threading.Event()

    def load() -> structured.Programs:
        waits.wait()
        return structured.Programs()

    with mock.patch("augreg.studio.samples._load", load):
        renderer = Renderer()
        try:
            assert not renderer.will_compile(loaded, *given)
            made = renderer.samples(loaded, *given)
        finally:
            waits.set()
        renderer.wait()
    with mock.patch.object(structured, "prepared", wraps=structured.prepared) as prepared:
        later = renderer.samples(loaded, *given)

    assert prepared.call_count == 1  # what the reference prepared is none of theirs
    for by, samples in ((REFERENCE, made), (KERNELS, later)):
        for sample in samples:
            assert sample.computed_by == by
            _assert_near(sample.pixels, _expected(loaded, given[0][0].pixels, sample.key))


# --- what belongs to images


def _parts(index: int, size: tuple[int, int] = (24, 31)) -> dict[str, Any]:
    """Two boxes and their masks and keypoints."""
    masks = np.zeros(size, np.int32)
    masks[4:12, 5:18], masks[10:20, 12:28] = 1, 2
    boxes = np.float32([[5, 4, 18, 12], [12, 10, 28, 20]])[: 1 + index % 2]
    return {
        "masks": masks,
        "boxes": {"boxes": boxes, "labels": np.arange(len(boxes))},
        "keypoints": np.float32([[7, 6], [20, 15]]),
    }


@pytest.mark.parametrize("sizes", [{}, {"prepare": [{"op": "resize", "height": 40, "width": 36}]}])
def test_annotations_move_with_their_images(sizes: Any, renderer: Renderer) -> None:
    loaded = policy({"op": "flip", "p": 0.5}, STEPS[0], {"op": "erase", "p": 0.5}, **sizes)
    photos = [_photo(i, (24, 31), **_parts(i)) for i in range(4)]
    options = {"bounding_box_format": "xyxy", "keypoint_pairs": PAIRS}
    for given in (_epochs(photos[1], 4), _images(photos)):
        for photo, sample in zip(given[0], renderer.samples(loaded, *given), strict=True):
            element = {"images": photo.pixels, **photo.drawn.parts}
            expected = _expected(loaded, element, sample.key, **options)
            _assert_near(sample.pixels, expected.pop("images"))
            assert sample.computed_by == KERNELS
            assert sample.parts.keys() == expected.keys()
            np.testing.assert_array_equal(sample.parts["masks"], expected["masks"])
            np.testing.assert_array_equal(sample.parts["keypoints"], expected["keypoints"])
            np.testing.assert_array_equal(
                sample.parts["boxes"]["boxes"], expected["boxes"]["boxes"]
            )


def test_a_crop_keeps_boxes_and_when_asks_for_their_labels(renderer: Renderer) -> None:
    loaded = policy(
        {"op": "crop", "height": 16, "width": 18, "keep": "all"},
        {"op": "invert", "when": {"label": [1]}},
    )
    photos = [_photo(i, (24, 31), **_parts(i)) for i in (0, 1)]
    made = renderer.samples(loaded, *_images(photos))

    for photo, sample in zip(photos, made, strict=True):
        element = {"images": photo.pixels, **photo.drawn.parts}
        options = {"bounding_box_format": "xyxy", "keypoint_pairs": PAIRS}
        expected = _expected(loaded, element, sample.key, **options)
        _assert_near(sample.pixels, expected["images"])
    assert "/augment/1" not in made[0].drawn
    assert "/augment/1" in made[1].drawn


def test_images_without_annotations_take_policies_that_ask_for_some(renderer: Renderer) -> None:
    loaded = policy({"op": "invert", "when": {"label": [1]}})
    photo = _photo(1)
    (sample,) = renderer.samples(loaded, *_epochs(photo, 1))

    np.testing.assert_array_equal(sample.pixels, 255 - photo.pixels)


# --- samples of each other


@pytest.mark.parametrize(
    "step", [{"op": "mixup", "classes": 3, "alpha": 1}, {"op": "mosaic"}, {"op": "copy_paste"}]
)
def test_policies_that_mix_samples_mix_what_is_shown(step: Any, renderer: Renderer) -> None:
    loaded = policy(STEPS[0], step)
    boxed = step["op"] != "mixup"
    photos = [_photo(i, (24, 31), **(_parts(i) if boxed else {})) for i in range(4)]
    if boxed:
        for photo in photos:
            photo.drawn.parts.pop("keypoints")
    made = renderer.samples(loaded, *_images(photos))

    element: dict[str, Any] = {"images": np.stack([photo.pixels for photo in photos])}
    options: dict[str, Any] = {}
    if boxed:
        options = {"bounding_box_format": "xyxy"}
        boxes, labels = np.zeros((4, 2, 4), np.float32), np.full((4, 2), -1)
        for i, photo in enumerate(photos):
            found = photo.drawn.parts["boxes"]
            boxes[i, : len(found["labels"])] = found["boxes"]
            labels[i, : len(found["labels"])] = found["labels"]
        element["boxes"] = {"boxes": boxes, "labels": labels}
        element["masks"] = np.stack([photo.drawn.parts["masks"] for photo in photos])
        if step["op"] == "copy_paste":
            options["box_from"] = "mask"
    else:
        element["labels"] = np.zeros(4, int)
    expected = augreg.augment(element, loaded.as_bytes(), 5, np.arange(4), 2, **options)
    for i, sample in enumerate(made):
        assert sample.computed_by == KERNELS
        _assert_near(sample.pixels, expected["images"][i])
        if boxed:
            np.testing.assert_array_equal(
                sample.parts["boxes"]["boxes"], expected["boxes"]["boxes"][i]
            )


def test_images_of_several_sizes_can_not_be_mixed(renderer: Renderer) -> None:
    photos = [_photo(0), _photo(1, (32, 41))]
    with pytest.raises(DataError, match=r'"mosaic" mixes .* found 40x32 and 41x32 pixels'):
        renderer.samples(policy({"op": "mosaic"}), *_images(photos))


# --- what can't be made


def test_an_image_that_the_policy_can_not_take_says_so_in_its_place(renderer: Renderer) -> None:
    loaded = policy({"op": "crop", "height": 30, "width": 30})
    photos = [_photo(0), _photo(1, (20, 40)), _photo(2)]
    made = renderer.samples(loaded, *_images(photos))

    assert [sample.error is None for sample in made] == [True, False, True]
    assert "is larger than" in str(made[1].error) or "crop" in str(made[1].error)
    np.testing.assert_array_equal(made[1].pixels, photos[1].pixels)
    with pytest.raises(PolicyError, match="/augment/0"):
        renderer.samples(loaded, *_epochs(photos[1]))
    assert not renderer.will_compile(loaded, *_epochs(photos[1]))


@pytest.mark.parametrize("where", ["op", "function"])
def test_a_plugin_that_raises_is_named_with_its_place(where: str, renderer: Renderer) -> None:
    @augreg.op("acme/breaks", number=augreg.Range(0.0, 1.0))
    def breaks(xp: Any, number: Any) -> Any:
        """Breaks."""
        if where == "op" and len(number) > 1:  # not when it is planned
            raise ZeroDivisionError("nothing")
        return augreg.PixelFunction(lambda xp, planes: planes[0] / 0)

    steps = [{"op": "invert"}, {"op": "acme/breaks", "number": [0, 1]}]
    loaded = augreg.load_policy(
        {"version": 1, "augment": steps, **RESIZE},
        registry=with_ops(breaks),
    )
    with pytest.raises(OpError, match=r"/augment/1.*acme/breaks"):
        renderer.samples(loaded, *_epochs(_photo(0), 2))


def test_of_no_images_there_are_no_samples(renderer: Renderer) -> None:
    assert renderer.samples(policy(*STEPS), [], []) == []
    assert not renderer.will_compile(policy(*STEPS), [], [])
