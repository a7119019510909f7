"""Pixels as PNG files, read again by Pillow, OpenCV and TensorFlow."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from augreg.images import photo_paths, png
from augreg.images.png import encode_png

RNG = np.random.default_rng(1)
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
SHAPES = [(1, 1, 3), (24, 31, 3), (31, 24, 1), (1, 300, 3), (7, 1, 1), (9, 5, 2), (6, 11, 4)]


def photographs() -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(path).convert("RGB")) for path in photo_paths()]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_holds_the_pixels(shape: tuple[int, int, int]) -> None:
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    made = encode_png(pixels)
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "PNG"
        assert image.mode == MODES[shape[2]]
        assert np.array_equal(np.asarray(image).reshape(shape), pixels)
    if shape[2] != 2:  # for which these have no place
        read = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_UNCHANGED)
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[shape[2]]
        assert np.array_equal(read.reshape(shape)[..., order], pixels)
        assert np.array_equal(tf.io.decode_png(made, channels=shape[2]), pixels)


@pytest.mark.parametrize("band", [1, 100, 2**17])
def test_lines_at_the_borders_of_bands_are_those_of_the_image(
    monkeypatch: pytest.MonkeyPatch, band: int
) -> None:
    monkeypatch.setattr(png, "_BAND", band)
    for pixels in (photographs()[0], RNG.integers(0, 256, (7, 13, 3), dtype=np.uint8)):
        assert np.array_equal(tf.io.decode_png(encode_png(pixels)), pixels)


def test_views_and_read_only_arrays_are_written_too() -> None:
    pixels = RNG.integers(0, 256, (24, 62, 3), dtype=np.uint8)
    pixels.flags.writeable = False
    for view in (pixels, pixels[:, ::2], pixels[::-1], pixels.transpose(1, 0, 2)):
        assert np.array_equal(tf.io.decode_png(encode_png(view)), view)


def test_photographs_take_no_more_room_than_tensorflows_files_of_level_1() -> None:
    ours = sum(len(encode_png(one)) for one in photographs())
    theirs = sum(len(tf.io.encode_png(one, compression=1).numpy()) for one in photographs())
    assert 0.9 < ours / theirs < 1.03


def means() -> NDArray[np.uint8]:
    """Below a random line, each pixel is the mean of those to the left and above."""
    made = np.zeros((10, 80), int)
    made[0] = RNG.integers(100, 256, 80)
    for y in range(1, 10):
        for x in range(80):
            made[y, x] = ((made[y, x - 1] if x else 0) + made[y - 1, x]) // 2
    return made.astype(np.uint8)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (np.tile((np.arange(10, dtype=np.uint8) * 97)[:, None], (1, 80)), 1),
        (np.tile(RNG.integers(0, 256, 80, dtype=np.uint8), (10, 1)), 2),
        (means(), 3),
    ],
)
def test_each_line_has_the_filter_that_leaves_least(lines: NDArray[np.uint8], kind: int) -> None:
    made = encode_png(lines[..., None])
    (data,) = [body for name, body in chunks_of(made) if name == b"IDAT"]
    filtered = np.frombuffer(zlib.decompress(data), np.uint8).reshape(10, 81)
    assert set(filtered[1:, 0]) == {kind}
    assert not filtered[1:, 2:].any()  # which leaves nothing behind the first pixel


def chunks_of(file: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, whose checks hold."""
    at, found = 8, []
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        name, body = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", file, at + 8 + length)
        assert check == zlib.crc32(name + body)
        found.append((name, body))
        at += 12 + length
    return found


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((3, 4), np.uint8), np.zeros((3, 4, 5), np.uint8), np.zeros((3, 4, 3), np.float32)],
)
def test_what_is_no_image_is_refused(pixels: Any) -> None:
    with pytest.raises(ValueError, match=r"an image is uint8 \[H, W, 1 to 4\]"):
        encode_png(pixels)
    with pytest.raises(ValueError, match="4x0 pixels; a PNG has at least 1x1"):
        encode_png(np.zeros((0, 4, 3), np.uint8))
