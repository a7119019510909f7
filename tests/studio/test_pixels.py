"""Pixels in a browser."""

from __future__ import annotations

import base64

import numpy as np

from augreg.images.png import encode_png
from augreg.studio.elements.pixels import Picture


def test_a_picture_is_its_png_and_its_size() -> None:
    pixels = np.zeros((24, 31, 3), np.uint8)
    picture = Picture.of(pixels)
    assert picture.size == "31 x 24 px"
    kind, _, encoded = picture.url.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(encoded) == encode_png(pixels)
