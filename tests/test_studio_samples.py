"""The studio's samples are those of every other way of running a policy."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock
from weakref import ref

import numpy as np
import pytest
from samples import drawn_values, policy, with_ops
from studio_photos import RESIZE, STEPS, assert_near, epochs_of, expected_of, images_of, photo_at

import augreg
from augreg.backends.tensorflow import structured
from augreg.errors import OpError, PolicyError
from augreg.plan import plan
from augreg.studio.samples.renderer import KERNELS, REFERENCE, Renderer


@pytest.fixture
def compiled() -> Iterator[mock.Mock]:
    """Counts the programs that are compiled."""
    with mock.patch.object(structured, "_compiled", wraps=structured._compiled) as spy:
        yield spy


def test_epochs_of_one_image_are_its_samples(renderer: Renderer) -> None:
    loaded, photo = policy(*STEPS, **RESIZE), photo_at(3)
    made = renderer.samples(loaded, *epochs_of(photo))

    planned = plan(loaded, size=(32, 40))
    for epoch, sample in enumerate(made, start=2):
        assert sample.key == (5, epoch, 3)
        assert sample.computed_by == KERNELS
        assert sample.sizes == ((32, 40), (24, 28), (24, 28))
        assert sample.drawn == drawn_values(planned, 5, epoch, 3)
        assert_near(sample.pixels, expected_of(loaded, photo.pixels, sample.key))


def test_pixels_are_those_of_training(renderer: Renderer) -> None:
    shown = policy(*STEPS, **RESIZE, output={"dtype": "uint8", "range": [0, 255]})
    photos, keys = epochs_of(photo_at(4), 4)
    made = renderer.samples(shown, photos, keys)

    fn = augreg.map_fn(shown, seed=5)
    for sample, (_, epoch, index) in zip(made, keys, strict=True):
        trained = np.asarray(fn(index, photos[0].pixels, epoch))
        assert_near(sample.pixels, trained)
        assert (sample.pixels != trained).mean() < 0.002


def test_a_number_that_changes_compiles_nothing(renderer: Renderer, compiled: mock.Mock) -> None:
    given = epochs_of(photo_at(5))
    for degrees in (11, 22, 33):
        loaded = policy({"op": "rotate", "degrees": [0, degrees]}, {"op": "posterize", "bits": 3})
        first = compiled.call_count == 0
        assert renderer.will_compile(loaded, *given) == first
        assert renderer.will_compile(loaded, *given) == first
        renderer.samples(loaded, *given)

    assert compiled.call_count == 1


def test_prepare_is_done_once_for_each_image(renderer: Renderer) -> None:
    given = epochs_of(photo_at(6))
    with mock.patch.object(structured, "prepared", wraps=structured.prepared) as spy:
        for delta in (0.1, 0.2):
            made = renderer.samples(policy({"op": "brightness", "delta": delta}, **RESIZE), *given)

    assert spy.call_count == 1
    assert made[0].sizes[1] == (24, 28)


def test_photographs_are_not_kept_alive(renderer: Renderer) -> None:
    photo = photo_at(9)
    renderer.samples(policy(STEPS[0], **RESIZE), *epochs_of(photo))
    alive = ref(photo)
    del photo
    gc.collect()

    assert alive() is None


def test_prepare_that_draws_is_done_for_each_sample(renderer: Renderer) -> None:
    crop = {"op": "resized_crop", "height": 20, "width": 20, "area": [0.2, 0.9]}
    loaded = policy(STEPS[0], prepare={"train": [crop], "eval": []})
    photo = photo_at(7)
    made = renderer.samples(loaded, *epochs_of(photo, 3))

    for sample in made:
        assert_near(sample.pixels, expected_of(loaded, photo.pixels, sample.key))
        assert {"/prepare/train/0", "/augment/0"} <= set(sample.drawn)


def test_images_of_several_sizes_are_one_batch_after_a_resize(renderer: Renderer) -> None:
    loaded = policy(*STEPS, **RESIZE)
    photos = [photo_at(i, (30 + i, 40 - i)) for i in range(4)]
    made = renderer.samples(loaded, *images_of(photos))

    for photo, sample in zip(photos, made, strict=True):
        assert sample.computed_by == KERNELS
        assert_near(sample.pixels, expected_of(loaded, photo.pixels, sample.key))


def test_programs_for_two_sizes_are_worth_it(renderer: Renderer) -> None:
    loaded = policy(STEPS[0], {"op": "gamma", "gamma": [0.4, 2]})
    photos = [photo_at(i, (20, 30) if i % 2 else (30, 20)) for i in range(4)]
    assert renderer.will_compile(loaded, *images_of(photos))

    for photo, sample in zip(photos, renderer.samples(loaded, *images_of(photos)), strict=True):
        assert sample.computed_by == KERNELS
        assert_near(sample.pixels, expected_of(loaded, photo.pixels, sample.key))


def test_sizes_that_are_seen_among_others_compile_nothing(
    renderer: Renderer, compiled: mock.Mock
) -> None:
    loaded = policy(STEPS[0], {"op": "gamma", "gamma": [0.5, 2]})
    photos = [photo_at(i, (24, 24 + i)) for i in range(3)]
    made = renderer.samples(loaded, *images_of(photos))

    assert compiled.call_count == 0
    assert not renderer.will_compile(loaded, *images_of(photos))
    for photo, sample in zip(photos, made, strict=True):
        assert sample.computed_by == REFERENCE
        np.testing.assert_array_equal(sample.pixels, expected_of(loaded, photo.pixels, sample.key))

    renderer.samples(loaded, *images_of(photos[:1]))
    again = renderer.samples(loaded, *images_of(photos))
    assert [sample.computed_by for sample in again] == [KERNELS, REFERENCE, REFERENCE]


def test_the_reference_makes_samples_until_the_kernels_are_loaded() -> None:
    loaded, given = policy(*STEPS, **RESIZE), epochs_of(photo_at(8), 2)
    waits = threading.Event()

    def load() -> structured.Programs:
        waits.wait()
        return structured.Programs()

    with mock.patch("augreg.studio.samples.renderer._load", load):
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
            assert_near(sample.pixels, expected_of(loaded, given[0][0].pixels, sample.key))


# --- what can't be made


def test_an_image_that_the_policy_can_not_take_says_so_in_its_place(renderer: Renderer) -> None:
    loaded = policy({"op": "crop", "height": 30, "width": 30})
    photos = [photo_at(0), photo_at(1, (20, 40)), photo_at(2)]
    made = renderer.samples(loaded, *images_of(photos))

    assert [sample.error is None for sample in made] == [True, False, True]
    assert "is larger than" in str(made[1].error) or "crop" in str(made[1].error)
    np.testing.assert_array_equal(made[1].pixels, photos[1].pixels)
    with pytest.raises(PolicyError, match="/augment/0"):
        renderer.samples(loaded, *epochs_of(photos[1]))
    assert not renderer.will_compile(loaded, *epochs_of(photos[1]))


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
        renderer.samples(loaded, *epochs_of(photo_at(0), 2))


def test_of_no_images_there_are_no_samples(renderer: Renderer) -> None:
    assert renderer.samples(policy(*STEPS), [], []) == []
    assert not renderer.will_compile(policy(*STEPS), [], [])
