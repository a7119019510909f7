"""The preview picture: what stands where, and that its samples are the policy's."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from previews import PIXELS, options, page, texts
from samples import drawn_values

import augreg
from augreg.cli import main
from augreg.errors import ImageError
from augreg.plan import plan
from augreg.views.page import Text, font, render
from augreg.views.photos import read_image
from augreg.views.preview import preview

STEPS = {
    "augment": [
        {"op": "rotate", "degrees": [-30, 30]},
        {"op": "flip", "p": 0.5},
        {"op": "translate", "x": [-0.1, 0.1], "y": [-0.1, 0.1]},
        {"op": "gaussian_noise", "std": [0, 0.1]},
    ]
}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "noise.png"
    Image.fromarray(PIXELS).save(path)
    return path


def sample(policy: dict[str, Any], **key: Any) -> Any:
    written = {"version": 1, **policy, "output": {"dtype": "uint8"}}
    return augreg.augment(PIXELS, written, **key)


def test_original_stands_before_nine_samples_with_the_policys_draws(photo: Path) -> None:
    found = page(STEPS, photo, seed=3, epoch=2)
    original, *samples = found.pictures
    np.testing.assert_array_equal(original.pixels, PIXELS)
    assert len(samples) == 9
    for copy, one in enumerate(samples):
        np.testing.assert_array_equal(one.pixels, sample(STEPS, seed=3, index=[0], epoch=2 + copy))


def test_pixels_of_the_png_are_those_of_augment_where_images_are_no_larger_than_a_tile(
    photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, **STEPS}))
    made = {}
    for tile in (90, 45):
        target = tmp_path / f"{tile}.png"
        given = ["preview", tmp_path / "p.json", photo, "-o", target, "--tile", tile]
        with pytest.raises(SystemExit) as stop:
            main([str(one) for one in given])
        assert not stop.value.code
        with Image.open(target) as image:
            made[tile] = image.convert("RGB")
    for copy, one in enumerate(page(STEPS, photo, tile=90).pictures[1:]):
        cut = made[90].crop((one.x, one.y, one.x + one.width, one.y + one.height))
        np.testing.assert_array_equal(cut, sample(STEPS, seed=0, index=[0], epoch=copy))
    smaller = page(STEPS, photo, tile=45)
    assert made[45].size == (smaller.width, smaller.height)
    assert (smaller.pictures[3].width, smaller.pictures[3].height) == (45, 35)
    assert "samples 90 x 70 px, shown at 50%" in texts(smaller)


def test_captions_say_what_was_drawn(photo: Path) -> None:
    policy = augreg.load_policy({"version": 1, **STEPS})
    planned, found = plan(policy, size=(70, 90)), texts(page(STEPS, photo, seed=5, copies=4))
    starts = [found.index(f"epoch {epoch}, index 0") for epoch in range(4)]
    for epoch, (start, end) in enumerate(itertools.pairwise([*starts, len(found)])):
        drawn = drawn_values(planned, 5, epoch, 0)
        said = " ".join(" ".join(found[start + 1 : end]).split())
        wanted = f"rotate degrees {drawn['/augment/0']['degrees']:.3g}"
        wanted += " flip" * ("/augment/1" in drawn)
        x, y = drawn["/augment/2"].values()
        wanted += f" translate x {x:.3g}, y {y:.3g}"
        wanted += f" gaussian_noise std {drawn['/augment/3']['std']:.3g}"  # and not its key
        assert said == wanted
    assert {"/augment/1" in drawn_values(planned, 5, epoch, 0) for epoch in range(4)} == {
        True,
        False,
    }


def test_sizes_hash_and_epochs_are_labelled(photo: Path) -> None:
    policy = {"prepare": [{"op": "resize", "height": 30, "width": 80}], **STEPS}
    found = texts(page(policy, photo, seed=4, epoch=7, copies=2))
    digest = augreg.load_policy({"version": 1, **policy}).hash[:12]
    assert f"policy hash {digest} · seed 4 · epochs 7 to 8 · sizes are width x height" in found
    assert {"noise.png", "samples 80 x 30 px", "original", "90 x 70 px"} <= set(found)
    assert "epoch 8, index 0" in found


LONG = {
    "name": "a name of many words " * 20,
    "augment": [{"op": "erase", "count": 4}, {"op": "coarse_dropout", "count": [1, 4]}] * 4,
}
FORMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (STEPS, {"copies": 1}),
    (STEPS, {"copies": 25}),
    (STEPS, {"each_step": True}),
    ({"prepare": [{"op": "resize", "height": 3, "width": 5}], **STEPS}, {}),
    ({"prepare": [{"op": "resize", "height": 30, "width": 400}]}, {}),
    (STEPS, {"tile": 1024, "copies": 2}),
    (LONG, {"each_step": True, "copies": 2}),
]


@pytest.mark.parametrize(("policy", "more"), FORMS)
def test_nothing_overlaps_and_nothing_leaves_the_page(
    policy: dict[str, Any], more: dict[str, Any], photo: Path, tmp_path: Path
) -> None:
    long = tmp_path / f"{'x' * 200}.png"
    Image.fromarray(np.swapaxes(PIXELS, 0, 1)).save(long)
    found = page(policy, photo, long, **more)
    boxes = [(p.x, p.y, p.x + p.width, p.y + p.height) for p in found.pictures]
    boxes += [extent(text) for text in found.texts]
    assert found.width <= 1280
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= found.width and bottom <= found.height
    for one, other in itertools.combinations(boxes, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        down = min(one[3], other[3]) - max(one[1], other[1])
        assert across <= 0 or down <= 0, (one, other)


def extent(text: Text) -> tuple[float, float, float, float]:
    """What Pillow covers with a text."""
    left, top, right, bottom = font(text.size).getbbox(text.text, anchor="ls")
    return text.x + left, text.y + top, text.x + right, text.y + bottom


def test_a_wide_original_leaves_no_empty_area_below_it(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.fromarray(np.zeros((60, 300, 3), np.uint8)).save(path)
    found = page({"prepare": [{"op": "resize", "height": 180, "width": 180}]}, path, copies=9)
    original, first, *_ = found.pictures
    assert (original.width, original.y) == (180, first.y)
    label = next(text for text in found.texts if text.text == "original")
    assert label.y - (original.y + original.height) < 20


def test_all_steps_that_have_no_room_are_counted(photo: Path) -> None:
    steps = [{"op": "brightness", "delta": [0, 0.01]}] * 20
    found = texts(page({"augment": steps}, photo, copies=1))
    said = sum(text.startswith("brightness delta") for text in found)
    assert 5 < said < 20 and f"and {20 - said} more" in found


def test_output_range_does_not_change_the_picture(photo: Path) -> None:
    plain = page({"augment": [{"op": "invert", "p": 0.5}]}, photo)
    mean = {"normalize": {"mean": [0.4], "std": [0.2]}}
    scaled = page({"augment": [{"op": "invert", "p": 0.5}], "output": mean}, photo)
    for one, other in zip(plain.pictures, scaled.pictures, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_each_step_stands_alone_is_always_done_and_says_its_values(photo: Path) -> None:
    steps = {
        "augment": [
            {"op": "invert", "p": 0.01},
            {"op": "brightness", "delta": [0.1, 0.2], "p": 0.1},
        ]
    }
    found = page(steps, photo, each_step=True, copies=2)
    before, inverted, again, *brighter = found.pictures[3:]
    np.testing.assert_array_equal(before.pixels, PIXELS)
    np.testing.assert_array_equal(inverted.pixels, 255 - PIXELS)
    np.testing.assert_array_equal(again.pixels, PIXELS)
    planned = plan(augreg.load_policy({"version": 1, **always(steps)}))
    for epoch, one in enumerate(brighter):
        delta = drawn_values(planned, 0, epoch, 0)["/augment/1"]["delta"]
        assert abs((one.pixels.astype(int) - PIXELS).mean() - 255 * delta) < 1
        assert f"delta {delta:.3g}" in texts(found)
    assert "delta uniform 0.1 to 0.2, p 0.1 (here always)" in texts(found)


def always(policy: dict[str, Any]) -> dict[str, Any]:
    steps = ({k: v for k, v in step.items() if k != "p"} for step in policy["augment"])
    return {"augment": list(steps)}


def test_step_that_changes_the_size_says_both_sizes(photo: Path) -> None:
    policy = {"prepare": [{"op": "resize", "height": 80, "width": 100}]}
    found = texts(page(policy, photo, each_step=True, copies=1))
    assert found[-4:] == ["before", "90 x 70 px", "epoch 0, index 0", "100 x 80 px"]


def test_step_that_needs_the_one_before_says_so_and_the_rest_is_shown(photo: Path) -> None:
    steps = {
        "augment": [
            {"op": "pad_or_crop", "height": 100, "width": 100},
            {"op": "crop", "height": 95, "width": 95},
        ]
    }
    found = page(steps, photo, each_step=True, copies=1)
    assert len(found.pictures) == 4
    assert any(text.startswith("not possible alone: ") for text in texts(found))


def test_grey_result_is_shown_grey_and_says_so(photo: Path) -> None:
    found = page({"augment": [{"op": "grayscale", "channels": 1}]}, photo, copies=1)
    assert (np.ptp(found.pictures[1].pixels, axis=-1) == 0).all()
    assert "samples 90 x 70 px, 1 channel" in texts(found)
    render(found)


def test_without_an_image_the_embedded_photographs_are_shown() -> None:
    both = augreg.images.photo_paths()
    assert len(both) == 2
    one, other = (
        preview(options({"augment": [{"op": "flip"}]}, *given, copies=1)) for given in ((), both)
    )
    np.testing.assert_array_equal(one, other)


def test_image_is_read_as_training_reads_it(tmp_path: Path) -> None:
    import tensorflow as tf

    from augreg.images.decode import decode

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(pixels).resize((70, 50)).save(path, exif=exif)
    found = read_image(path)
    assert found.shape == (70, 50, 3)
    wanted = decode(tf.constant(path.read_bytes())).numpy()
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1


def test_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_text("<html>")
    with pytest.raises(ImageError, match=r"page\.png: this is an HTML page"):
        page({"augment": [{"op": "flip"}]}, path)
    with pytest.raises(ImageError, match=r"none\.png: can't be read: No such file"):
        page({"augment": [{"op": "flip"}]}, tmp_path / "none.png")
