"""Pixels as PNGs, read again by Pillow."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from augreg.studio.elements.pixels import Picture, png


@pytest.mark.parametrize("shape", [(1, 1, 3), (24, 31, 3), (31, 24, 1), (1, 300, 3), (7, 1, 1)])
def test_a_png_holds_the_pixels(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png(pixels))) as image:
        assert image.format == "PNG"
        assert image.mode == ("RGB" if shape[2] == 3 else "L")
        assert np.array_equal(np.asarray(image).reshape(shape), pixels)


def test_a_view_of_an_array_is_written_too() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (24, 62, 3), dtype=np.uint8)[:, ::2]
    with Image.open(io.BytesIO(png(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_picture_is_its_png_and_its_size() -> None:
    pixels = np.zeros((24, 31, 3), np.uint8)
    picture = Picture.of(pixels)
    assert picture.size == "31 x 24 px"
    kind, _, encoded = picture.url.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(encoded) == png(pixels)
