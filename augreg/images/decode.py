"""Encoded images to pixels, in graph operations only.

So it runs in parallel in tf.data, across a tf.data service worker in another process, in a
SavedModel, and through a checkpoint of the iterator; `tf.py_function` does none of the last three.

The content decides what a file is. What these functions give is RGB, uint8, `[H, W, 3]`: alpha is
dropped, 16 bits are cut to 8, a GIF gives its first frame on its canvas, a JPEG's EXIF orientation
is honoured. `augreg.images.inspect` says beforehand, without TensorFlow, whether a file can be
read; here a file that can't be is a `tf.errors.InvalidArgumentError`. An animated WebP never
reaches TensorFlow's decoder, which has died of one.

JPEGs are decoded with the accurate integer DCT: it gave the very pixels that Pillow gives, and
TensorFlow's default (up to 23 of 255 away from them) was not faster.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from augreg.images.exif import orientation_of, split_at_exif, stored_corner, swap, turn
from augreg.images.gif import first_frame
from augreg.images.lazy import seldom
from augreg.images.signatures import UNKNOWN, kind_of, refuse

Tensor = Any

_JPEG = b"\xff\xd8\xff"
_DCT = "INTEGER_ACCURATE"
# The decoder upsamples chroma without the columns outside a crop, so the outermost columns of a
# crop of a chroma-subsampled JPEG differ from the full decode: seen on 928 of 1440 crops, and on
# none of them with one column to spare.
_MARGIN = 2
# How a JPEG begins that says it was written by Adobe: CMYK, inverted.
_ADOBE = b"\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


def decode(contents: Tensor) -> Tensor:
    """Decodes an image.

    Args:
        contents: string [], a JPEG, PNG, GIF, BMP or static WebP file.

    Returns:
        uint8 [H, W, 3], 0..255, turned as its EXIF orientation says.

    Raises:
        tf.errors.InvalidArgumentError: the file is damaged or of another kind.
    """
    image = tf.cond(
        _is_jpeg(contents), lambda: _decode_jpeg(contents), lambda: _decode_other(contents)
    )
    return tf.ensure_shape(image, [None, None, 3])


def shape(contents: Tensor) -> Tensor:
    """Height and width after decoding; a JPEG is not decoded for it.

    Args:
        contents: string [], as for `decode`.

    Returns:
        int32 [2], pixels.
    """

    def jpeg() -> Tensor:
        return swap(tf.io.extract_jpeg_shape(contents)[:2], orientation_of(contents))

    size = tf.cond(_is_jpeg(contents), jpeg, lambda: tf.shape(_decode_other(contents))[:2])
    return tf.ensure_shape(size, [2])


def decode_window(
    contents: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor
) -> Tensor:
    """Decodes one window of an image: bit for bit what cutting it from `decode` gives.

    Of a JPEG only the window's rows and columns are decoded.

    Args:
        contents: string [], as for `decode`.
        top, left, height, width: int32 [], pixels of the decoded (turned) image; the window lies
            inside it.

    Returns:
        uint8 [height, width, 3].

    Raises:
        tf.errors.InvalidArgumentError: as for `decode`, or the window is not inside the image.
    """
    corner, size = tf.stack([top, left]), tf.stack([height, width])
    window = tf.cond(
        _is_jpeg(contents),
        lambda: _decode_jpeg_window(contents, corner, size),
        lambda: _cut(_decode_other(contents), corner, size),
    )
    return tf.ensure_shape(window, [tf.get_static_value(height), tf.get_static_value(width), 3])


def decode_scaled(contents: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Decodes a JPEG at 1/1, 1/2, 1/4 or 1/8 of its size, the smallest that is not below a target.

    The scaling happens on the DCT's coefficients: it costs less than decoding in full, and gives
    other pixels (up to 60 of 255 were seen). Files that are no JPEG are decoded in full.

    Args:
        contents: string [], as for `decode`.
        height, width: int32 [], pixels of the decoded (turned) image that are wanted at least.

    Returns:
        uint8 [H, W, 3].
    """

    def jpeg() -> Tensor:
        orientation = orientation_of(contents)
        stored = tf.io.extract_jpeg_shape(contents)[:2]
        spare = tf.reduce_min(stored // swap(tf.stack([height, width]), orientation))
        step = tf.reduce_sum(tf.cast(spare >= tf.constant([2, 4, 8]), tf.int32))
        marked = _mark_cmyk(contents)
        image = tf.switch_case(step, [partial(_pixels, marked, ratio) for ratio in (1, 2, 4, 8)])
        return turn(image, orientation)

    image = tf.cond(_is_jpeg(contents), jpeg, lambda: _decode_other(contents))
    return tf.ensure_shape(image, [None, None, 3])


def _is_jpeg(contents: Tensor) -> Tensor:
    return tf.strings.substr(contents, 0, len(_JPEG)) == _JPEG


def _cut(image: Tensor, corner: Tensor, size: Tensor) -> Tensor:
    return tf.slice(image, tf.concat([corner, [0]], 0), tf.concat([size, [3]], 0))


# --- JPEG ------------------------------------------------------------------------------------


def _decode_jpeg(contents: Tensor) -> Tensor:
    # Most files hold neither EXIF nor CMYK; seeing that costs 30 µs for 60 KB.
    without_exif = tf.size(split_at_exif(contents)) == 1
    plain = without_exif & (tf.io.extract_jpeg_shape(contents)[2] != 4)
    return tf.cond(plain, lambda: _pixels(contents), lambda: _turned(contents))


@seldom
def _turned(contents: Tensor) -> Tensor:
    return turn(_pixels(_mark_cmyk(contents)), orientation_of(contents))


def _pixels(contents: Tensor, ratio: int = 1) -> Tensor:
    return tf.io.decode_jpeg(contents, channels=3, ratio=ratio, dct_method=_DCT)


def _decode_jpeg_window(contents: Tensor, corner: Tensor, size: Tensor) -> Tensor:
    orientation = orientation_of(contents)
    stored = tf.io.extract_jpeg_shape(contents)[:2]
    corner = stored_corner(corner, size, swap(stored, orientation), orientation)
    size = swap(size, orientation)
    first = tf.maximum(corner - _MARGIN, 0)
    last = tf.minimum(corner + size + _MARGIN, stored)
    image = tf.io.decode_and_crop_jpeg(
        _mark_cmyk(contents), tf.concat([first, last - first], 0), channels=3, dct_method=_DCT
    )
    return turn(_cut(image, corner - first, size), orientation)


def _mark_cmyk(contents: Tensor) -> Tensor:
    """Puts Adobe's marker before a CMYK JPEG; where it has one already, the later one counts.

    The marker says that the values are inverted. Practically all are, and Pillow and the browsers
    read all of them so; TensorFlow, without the marker, shows them in negative or black.
    """
    rest = tf.strings.substr(contents, 2, tf.strings.length(contents))
    cmyk = tf.io.extract_jpeg_shape(contents)[2] == 4
    return tf.cond(cmyk, lambda: tf.strings.join([_ADOBE, rest]), lambda: contents)


# --- PNG, GIF, BMP, WebP ---------------------------------------------------------------------


def _decode_other(contents: Tensor) -> Tensor:
    def any_of_them() -> Tensor:
        return tf.io.decode_image(contents, channels=3, expand_animations=False)

    def webp() -> Tensor:  # with channels=3 TensorFlow refuses one that has alpha
        return tf.io.decode_image(contents, channels=0, expand_animations=False)[:, :, :3]

    kind = kind_of(contents)
    # Not a branch of the switch: with an Assert in it, tf.data calls the Case op stateful, and the
    # iterator can't be checkpointed. An If may hold one.
    return tf.cond(
        kind == UNKNOWN,
        lambda: refuse(contents),
        lambda: tf.switch_case(
            kind,
            [any_of_them, lambda: _decode_palette(contents), lambda: first_frame(contents), webp],
        ),
    )


@seldom
def _decode_palette(contents: Tensor) -> Tensor:
    """A BMP of 8 bits: TensorFlow takes its indices for grey levels; here they look up colours."""
    indices = tf.cast(tf.io.decode_bmp(contents, channels=0)[:, :, 0], tf.int32)
    header = tf.io.decode_raw(tf.strings.substr(contents, 14, 4), tf.int32)[0]
    table = tf.strings.substr(contents, 14 + header, 4 * 256)
    colours = tf.reshape(tf.io.decode_raw(table, tf.uint8, fixed_length=4 * 256), [256, 4])
    return tf.gather(colours[:, 2::-1], indices)
