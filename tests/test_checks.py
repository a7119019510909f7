"""What a caller passes in: images, and the numbers that name a sample."""

from __future__ import annotations

import numpy as np
import pytest

from augreg.checks import as_uint32, check_images
from augreg.errors import ImageError


@pytest.mark.parametrize(
    "value", [0, 2**32 - 1, np.int64(7), [0, 5], np.arange(3), np.array([], int)]
)
def test_integers_of_32_bits_are_taken(value):
    found = as_uint32(value, "index")

    assert found.dtype == np.uint32
    assert found.tolist() == np.asarray(value).tolist()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "seed has to be in 0 to 4294967295, found -1"),
        (2**32, "seed has to be in 0 to 4294967295, found 4294967296"),
        (2**64, "seed has to be an integer, found 18446744073709551616"),
        ([0, -1], r"seed has to be in 0 to 4294967295, found \[0, -1\]"),
        (1.0, "seed has to be an integer, found 1.0"),
        (True, "seed has to be an integer, found True"),
        ("1", "seed has to be an integer, found '1'"),
        (None, "seed has to be an integer, found None"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_wrapped(value, message):
    with pytest.raises(ValueError, match=message):
        as_uint32(value, "seed")


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 4, 5, 1), (None, None, None, 3), (0, 4, 5, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32", "float64"])
def test_images_are_taken(shape, dtype):
    check_images(shape, dtype)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        (
            (4, 5),
            "uint8",
            r"images of the shape \(4, 5\); allowed are \[H, W, C\] and \[B, H, W, C\]",
        ),
        (
            (1, 2, 4, 5, 3),
            "uint8",
            'images of the shape .* of a sample are "frames"',
        ),
        (
            (32, 28, 28),
            "uint8",
            r"images of the shape \(32, 28, 28\): a batch of grey images, which",
        ),
        ((9, 13, 7), "uint8", r"one image of 7 channels, which is written \[1, H, W, C\]"),
        ((4, 5, None), "uint8", "images whose number of channels is not known; state it"),
        ((4, 5, 3), "int32", "images of dtype int32; allowed are uint8, uint16 and floats"),
        ((0, 5, 3), "uint8", r"an image of the shape \(0, 5, 3\) has no pixels"),
    ],
)
def test_what_is_no_image_is_refused(shape, dtype, message):
    with pytest.raises(ImageError, match=message):
        check_images(shape, dtype)
