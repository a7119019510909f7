"""The weights of a resize, over `xp`: how much each input row or column gives to each output one.

They follow `tf.image.resize` (https://www.tensorflow.org/api_docs/python/tf/image/resize):
half-pixel centres; bilinear and bicubic (Keys, https://doi.org/10.1109/TASSP.1981.1163711, with
a = -0.5) interpolate at `(i + 0.5) * scale - 0.5`, area averages what an output pixel covers,
nearest picks, and antialiasing widens the kernel by the scale when shrinking. Matrices, because XLA
has no kernel for bicubic, area and antialiased resizing, and a box per sample is a matrix each.
"""

from __future__ import annotations

from typing import Any

from augreg.xp import Array, Namespace

_TABLE = 1024.0  # TensorFlow's bicubic reads its kernel from a table of 1024 offsets


def resize(xp: Namespace, images: Array, transform: Any, size: tuple[Any, Any]) -> Array:
    """float32 [B,H,W,C] of `size` to float32 [B,height,width,C], static sizes."""
    box = box_of(xp, transform, size)
    top, left, rows, columns = (xp.cast(box[:, i], "float32") for i in range(4))
    height, width = transform.inner or transform.size
    modes = (transform.method, transform.antialias)
    down = weights(xp, top, rows, size[0], height, *modes)  # [B,h,H]
    across = weights(xp, left, columns, size[1], width, *modes)  # [B,w,W]
    if transform.inner is not None:
        before = transform.margins
        down = _padded(xp, down, before[0], transform.size[0])
        across = _padded(xp, across, before[1], transform.size[1])
    height, width = transform.size
    batch, *_, channels = xp.shape(images)
    flat = xp.reshape(images, (batch, size[0], size[1] * channels))
    lowered = xp.reshape(xp.matmul(down, flat), (batch, height, size[1], channels))
    turned = xp.reshape(xp.transpose(lowered, (0, 2, 1, 3)), (batch, size[1], height * channels))
    result = xp.reshape(xp.matmul(across, turned), (batch, width, height, channels))
    return filled(xp, xp.transpose(result, (0, 2, 1, 3)), transform)


def filled(xp: Namespace, images: Array, transform: Any) -> Array:
    """[B,height,width,C] with the transform's fill around the inner size."""
    if transform.inner is None:
        return images
    level = transform.fill_value

    def inside(axis: int) -> Array:
        place = xp.arange(transform.size[axis]) - transform.margins[axis]
        return (place >= 0) & (place < transform.inner[axis])

    rows, columns = xp.reshape(inside(0), (1, -1, 1, 1)), xp.reshape(inside(1), (1, 1, -1, 1))
    levels = xp.array(level if isinstance(level, tuple) else (level,))
    return xp.where(rows & columns, images, levels)


def read(xp: Namespace, images: Array, transform: Any, size: tuple[Any, Any]) -> Array:
    """`resize`, bilinear or nearest, without antialiasing: reads the pixels that have a weight.

    images: uint8 or float32 [B,H,W,C]. Returns float32 of their scale, not yet `filled`. Columns
    first, as TensorFlow does it, and as rows of the transposed image, whose values lie together:
    85 us where the products took 327 (180x180 to 150x150, XLA, one core).
    """
    box = box_of(xp, transform, size)
    for axis in (1, 0):
        images = _rows(xp, xp.transpose(images, (0, 2, 1, 3)), transform, box, axis)
    return xp.cast(images, "float32")


def _rows(xp: Namespace, images: Array, transform: Any, box: Array, axis: int) -> Array:
    """The target's places along its `axis` from the images' rows."""
    outer, inner = transform.size[axis], (transform.inner or transform.size)[axis]
    place = xp.reshape(xp.clip(xp.arange(outer) - transform.margins[axis], 0, inner - 1), (1, -1))
    start, length = (xp.reshape(box[:, i], (-1, 1)) for i in (axis, axis + 2))

    def row(number: Array) -> Array:
        rows = xp.broadcast_to(start + number, (xp.shape(images)[0], outer))
        return xp.lookup(images, rows)

    if transform.method == "nearest":
        return row(nearest(xp, place, length, inner))
    last = xp.cast(length - 1, "float32")
    scale = (last + 1.0) / xp.cast(xp.array(inner, "int32"), "float32")
    centre = xp.clip((xp.cast(place, "float32") + 0.5) * scale - 0.5, 0.0, last)
    low = xp.floor(centre)
    share = xp.reshape(centre - low, (-1, outer, 1, 1))
    ends = (xp.cast(xp.minimum(low + i, last), "int32") for i in (0.0, 1.0))
    first, second = (xp.cast(row(end), "float32") for end in ends)
    return first + (second - first) * share


def box_of(xp: Namespace, transform: Any, size: tuple[Any, Any]) -> Array:
    """int32 [B,4]: the (top, left, height, width) that a resize reads of images of `size`."""
    if transform.box is not None:
        return transform.box
    height, width = (xp.array(side, "int32") for side in size)
    zero = xp.zeros_like(height)
    return xp.reshape(xp.stack([zero, zero, height, width]), (1, 4))


def weights(
    xp: Namespace,
    start: Array,
    length: Array,
    side: int,
    target: int,
    method: str,
    antialias: bool,
) -> Array:
    """float32 [B, target, side] for boxes of `length` (float [B]) from `start` on."""
    start, length = (xp.reshape(value, (-1, 1, 1)) for value in (start, length))
    i = xp.reshape(xp.cast(xp.arange(target), "float32"), (1, -1, 1))
    j = xp.reshape(xp.cast(xp.arange(side), "float32"), (1, 1, -1)) - start
    inside = xp.cast((j >= 0.0) & (j < length), "float32")
    scale = length / float(target)
    if method == "nearest":
        pick = nearest(xp, xp.arange(target)[None, :, None], xp.cast(length, "int32"), target)
        return xp.cast(j == xp.cast(pick, "float32"), "float32")
    if method == "area":
        covered = xp.minimum((i + 1.0) * scale, j + 1.0) - xp.maximum(i * scale, j)
        return _normalized(xp, xp.maximum(covered, 0.0) * inside)
    if antialias:
        distance = (j + 0.5 - (i + 0.5) * scale) / xp.maximum(scale, 1.0)
        kernel = _triangle if method == "bilinear" else _keys
        return _normalized(xp, kernel(xp, distance) * inside)
    centre = (i + 0.5) * scale - 0.5
    if method == "bilinear":
        return _triangle(xp, xp.clip(centre, 0.0, length - 1.0) - j) * inside
    low = xp.floor(centre)
    centre = low + xp.floor((centre - low) * _TABLE + 0.5) / _TABLE
    return _normalized(xp, _keys(xp, centre - j) * inside)


def nearest(xp: Namespace, place: Array, length: Array, target: Any) -> Array:
    """int32: the pixel, of `length` (int32), that each `place` of `target` is read from.

    As `tf.image.resize` works it out, in float32: floor((place + 1/2) * (length / target)). So
    where the exact product is whole, rounding may take the pixel below. The quotient is divided in
    float64 and then rounded, which gives the same float32 and stays so where a graph turns the
    division into a product.
    """
    exact = xp.cast(length, "float64") / xp.cast(xp.array(target, "int32"), "float64")
    read = (xp.cast(place, "float32") + 0.5) * xp.cast(exact, "float32")
    return xp.clip(xp.cast(xp.floor(read), "int32"), 0, length - 1)


def _normalized(xp: Namespace, value: Array) -> Array:
    return value / xp.sum(value, axis=2, keepdims=True)


def _triangle(xp: Namespace, x: Array) -> Array:
    return xp.maximum(1.0 - xp.abs(x), 0.0)


def _keys(xp: Namespace, x: Array) -> Array:
    x = xp.abs(x)
    near = (x * 1.5 - 2.5) * x * x + 1.0
    far = ((x * -0.5 + 2.5) * x - 4.0) * x + 2.0
    return xp.where(x <= 1.0, near, xp.where(x < 2.0, far, xp.zeros_like(x)))


def _padded(xp: Namespace, matrix: Array, before: int, outer: int) -> Array:
    """[B, inner, side] as rows of [B, outer, side], zeros before and after them."""
    batch, inner, side = xp.shape(matrix)
    above, below = (
        xp.broadcast_to(xp.array([[[0.0]]]), (batch, n, side))
        for n in (before, outer - inner - before)
    )
    return xp.concat([above, matrix, below], axis=1)
