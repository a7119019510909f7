"""The preview picture: what stands where, and that its samples are the policy's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import augreg
from augreg.errors import ImageError
from augreg.views.preview import _GAP, _LINE, _TILE, PreviewOptions, preview, read_image

FLAT = (200, 40, 90)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """One colour, so that a tile's middle says what was done to it."""
    path = tmp_path / "flat.png"
    Image.new("RGB", (90, 60), FLAT).save(path)
    return path


def page(policy: dict[str, Any], *images: Path, **more: Any) -> NDArray[np.uint8]:
    loaded = augreg.load_policy({"version": 1, **policy})
    return np.asarray(preview(PreviewOptions(loaded, images, **more)))


TOP = 2 * _GAP + 2 * _LINE + _GAP + _LINE  # of the first block's pictures


def tile(picture: NDArray[np.uint8], number: int, columns: int = 3) -> NDArray[np.uint8]:
    """The middle of a sample's tile: its colour."""
    side = columns * _TILE + (columns - 1) * _GAP
    row, column = divmod(number, columns)
    x = _GAP + side + 2 * _GAP + column * (_TILE + _GAP) + _TILE // 2
    y = TOP + _GAP + row * (_TILE + _GAP) + _TILE // 2
    return picture[y, x]


def test_original_stands_beside_nine_samples_with_the_policys_draws(flat: Path) -> None:
    policy = {"augment": [{"op": "brightness", "delta": [-0.15, 0.2]}]}
    picture = page(policy, flat, seed=3, epoch=2)
    assert tuple(picture[TOP + 100, _GAP + 100]) == FLAT
    source = np.asarray(Image.new("RGB", (90, 60), FLAT))
    colours = set()
    for copy in range(9):
        sample = augreg.augment(
            source,
            {"version": 1, **policy, "output": {"dtype": "uint8"}},
            seed=3,
            index=[0],
            epoch=2 + copy,
        )
        np.testing.assert_array_equal(tile(picture, copy), sample[0, 0])
        colours.add(tuple(sample[0, 0]))
    assert len(colours) == 9


def test_copies_choose_the_grid(flat: Path) -> None:
    four = page({"augment": [{"op": "invert"}]}, flat, copies=4)
    np.testing.assert_array_equal(tile(four, 3, columns=2), 255 - np.array(FLAT))
    assert four.shape[0] < page({"augment": [{"op": "invert"}]}, flat).shape[0]


def test_output_range_does_not_change_the_picture(flat: Path) -> None:
    plain = page({"augment": [{"op": "invert", "p": 0.5}]}, flat)
    mean = {"normalize": {"mean": [0.4], "std": [0.2]}}
    scaled = page({"augment": [{"op": "invert", "p": 0.5}], "output": mean}, flat)
    np.testing.assert_array_equal(plain[TOP:], scaled[TOP:])


def test_each_step_stands_alone_and_is_always_done(flat: Path) -> None:
    steps = {"augment": [{"op": "invert", "p": 0.01}, {"op": "brightness", "delta": 0.2}]}
    whole, each = page(steps, flat), page(steps, flat, each_step=True)
    rows = each[whole.shape[0] :]
    inverted = (255 - np.array(FLAT), np.minimum(np.array(FLAT) + 51, 255))
    for colour in inverted:
        assert (rows == colour).all(axis=-1).sum() > 1000
    assert each.shape[0] > whole.shape[0]


def test_step_that_needs_the_one_before_says_so_and_the_rest_is_shown(flat: Path) -> None:
    steps = {
        "augment": [
            {"op": "pad_or_crop", "height": 100, "width": 100},
            {"op": "crop", "height": 95, "width": 95},
        ]
    }
    assert page(steps, flat, each_step=True).shape[0] > page(steps, flat).shape[0]


def test_grey_result_is_shown_grey(flat: Path) -> None:
    picture = page({"augment": [{"op": "grayscale", "channels": 1}]}, flat)
    assert len(set(tile(picture, 0))) == 1


def test_without_an_image_the_embedded_photographs_are_shown() -> None:
    one = page({"augment": [{"op": "flip"}]}, copies=1)
    both = augreg.images.photo_paths()
    assert len(both) == 2
    np.testing.assert_array_equal(one, page({"augment": [{"op": "flip"}]}, *both, copies=1))


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
