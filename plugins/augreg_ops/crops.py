"""Ops that move whole pixels (lattice maps): flips, transposing, turns, crops and padding."""

from __future__ import annotations

from typing import Any

import augreg
from augreg_ops.windows import drawn_start, span_of, starts_of

Array = Any
_SIDE = augreg.Integer(1, 16384, static=True, doc="of the result, in pixels")


def _constant(xp: Any, rows: Any) -> Array:
    return xp.array([rows], "int32")


@augreg.op(
    "flip",
    gray=True,
    axis=augreg.Option("horizontal", "vertical", "both"),
    example={"axis": "horizontal", "p": 0.5},
)
def flip(xp: Any, size: Any, axis: str) -> augreg.LatticeMap:
    """Flips the image: horizontally, vertically or both.

    axis: horizontal swaps left and right, vertical top and bottom; both rotates by 180 degrees. For
    independent axes write two steps. As `tf.image.flip_left_right` and `flip_up_down`
    (https://www.tensorflow.org/api_docs/python/tf/image/flip_left_right).
    """
    height, width = size
    x, y = axis in ("horizontal", "both"), axis in ("vertical", "both")
    linear = _constant(xp, [[-1 if x else 1, 0], [0, -1 if y else 1]])
    starts = (width - 1 if x else 0, height - 1 if y else 0)
    offset = xp.stack([xp.array(start, "int32") for start in starts])
    return augreg.LatticeMap(linear, offset, cuts=False, pads=False)


@augreg.op("transpose", gray=True, output_size=lambda h, w, /: (w, h), example={})
def transpose(xp: Any) -> augreg.LatticeMap:
    """Transposes the image: mirrors it along its main diagonal, so that rows become columns.

    A 20x30 image becomes 30x20, so `p` below 1 needs square images. With `flip` and `rot90`, it
    makes all eight symmetries of the square. As `numpy.transpose` of height and width
    (https://numpy.org/doc/stable/reference/generated/numpy.transpose.html).
    """
    linear = _constant(xp, [[0, 1], [1, 0]])
    return augreg.LatticeMap(linear, xp.array([[0, 0]], "int32"), cuts=False, pads=False)


def _turned(height: Any, width: Any, k: Any) -> tuple[Any, Any]:
    lo, hi = k.support
    if lo == hi:
        return (width, height) if lo % 2 else (height, width)
    odd = not hasattr(k, "values") or any(value % 2 for value in k.values)
    if odd and height != width:
        raise augreg.ParameterError(
            f"a quarter turn drawn at random needs a square image, found {_sides(height, width)}; "
            'crop or resize to a square before, or draw k from {"choice": [0, 2]}',
            "/k",
        )
    return height, width


@augreg.op(
    "rot90",
    gray=True,
    output_size=_turned,
    k=augreg.Integer(0, 3, default=1),
    example={"k": 1},
    strengths=[{"k": k} for k in (1, 2, 3)],
)
def rot90(xp: Any, size: Any, k: Array) -> augreg.LatticeMap:
    """Rotates by k quarter turns (90 degrees each), counter-clockwise.

    k: int32, the number of turns, 0 to 3; 0 is the identity. As `tf.image.rot90`
    (https://www.tensorflow.org/api_docs/python/tf/image/rot90).
    """
    height, width = (xp.array(side, "int32") for side in size)
    # of k = 0, 1, 2 and 3
    turns = [[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]]
    linear = xp.take(xp.array(turns, "int32"), k)
    # k=1: in=(W-1-y, x); k=2: in=(W-1-x, H-1-y); k=3: in=(y, H-1-x)
    x = (width - 1) * xp.take(xp.array([0, 1, 1, 0], "int32"), k)
    y = (height - 1) * xp.take(xp.array([0, 0, 1, 1], "int32"), k)
    return augreg.LatticeMap(linear, xp.stack([x, y], axis=-1), cuts=False, pads=False)


def _crop_size(
    h: Any, w: Any, /, height: int, width: int, position: str, keep: str | None = None
) -> tuple[int, int]:
    if position == "center" and keep is not None:
        raise augreg.ParameterError("a crop in the centre can't keep boxes; leave one out", "/keep")
    for name, wanted, found in (("height", height, h), ("width", width, w)):
        # of a side that is not known nothing is said: nan at plan time, a tensor inside a graph
        if isinstance(found, int | float) and wanted > found:
            raise augreg.ParameterError(
                f"a crop {name} of {wanted} is larger than the image, which is "
                f"{_sides(h, w)} here; use pad_or_crop, or resize before",
                f"/{name}",
            )
    return height, width


@augreg.op(
    "crop",
    gray=True,
    output_size=_crop_size,
    height=_SIDE,
    width=_SIDE,
    position=augreg.Option("random", "center"),
    keep=augreg.KeepBoxes(),
    x=augreg.Uniform01(),
    y=augreg.Uniform01(),
    example={"height": 150, "width": 150},
    strengths=[{"height": h, "width": h * 3 // 2} for h in (180, 140, 80)],
)
def crop(
    xp: Any, size: Any, height: int, width: int, position: str, keep: Array, x: Array, y: Array
) -> augreg.LatticeMap:
    """Crops to a fixed size, at a random position or in the centre.

    position: random gives each sample its own, all positions equally likely; center is that of
    every sample. keep: of the positions, only those that hold "all" boxes, or one drawn box
    ("any"), newly drawn for each sample. Where these are larger than the crop, it lies
    within them. As `tf.image.random_crop`
    (https://www.tensorflow.org/api_docs/python/tf/image/random_crop).
    """
    free = [xp.array(size[1] - width, "int32"), xp.array(size[0] - height, "int32")]
    if position == "center":
        offset = xp.stack([side // 2 for side in free])
    else:
        starts = []
        for axis, (u, side, length) in enumerate(zip((x, y), free, (width, height), strict=True)):
            span = None if keep is None else span_of(keep, axis)
            places = starts_of(xp, xp.cast(side, "float32"), length, span)
            starts.append(drawn_start(xp, u, places))
        offset = xp.cast(xp.stack(starts, axis=-1), "int32")
    return augreg.LatticeMap(_constant(xp, [[1, 0], [0, 1]]), offset, pads=False)


def _central(side: Any, fraction: float) -> Any:
    """`tf.image.central_crop` starts at int((n - n * fraction) / 2)."""
    return (side - side * fraction) / 2 // 1


def _central_size(height: Any, width: Any, fraction: float) -> tuple[Any, Any]:
    return height - 2 * _central(height, fraction), width - 2 * _central(width, fraction)


@augreg.op(
    "central_crop",
    gray=True,
    output_size=_central_size,
    fraction=augreg.Range(0.01, 1.0, static=True),
    example={"fraction": 0.5},
    strengths=[{"fraction": f} for f in (0.9, 0.6, 0.3)],
)
def central_crop(xp: Any, size: Any, fraction: float) -> augreg.LatticeMap:
    """Center crop: keeps the central `fraction` of each side.

    fraction: of each side that is kept; 1 is the identity. As `tf.image.central_crop`
    (https://www.tensorflow.org/api_docs/python/tf/image/central_crop).
    """
    sides = [xp.array(side, "float64") for side in (size[1], size[0])]
    offset = xp.stack([xp.cast(_central(side, fraction), "int32") for side in sides])
    identity = _constant(xp, [[1, 0], [0, 1]])
    return augreg.LatticeMap(identity, offset, cuts=fraction < 1, pads=False)


@augreg.op(
    "pad_or_crop",
    gray=True,
    version=2,
    output_size=lambda h, w, /, height, width: (height, width),
    height=_SIDE,
    width=_SIDE,
    example={"height": 200, "width": 200},
    strengths=[{"height": h, "width": w} for h, w in ((220, 320), (240, 200), (100, 100))],
)
def pad_or_crop(xp: Any, size: Any, height: int, width: int) -> augreg.LatticeMap:
    """Pads with zeros or crops to a size, about the centre.

    As `tf.image.resize_with_crop_or_pad`
    (https://www.tensorflow.org/api_docs/python/tf/image/resize_with_crop_or_pad).
    """
    offsets = []
    for target, side in ((width, size[1]), (height, size[0])):
        surplus = xp.array(side, "int32") - target
        missing = -surplus
        cut, padded = surplus // 2, -(missing // 2)
        offsets.append(xp.where(surplus > 0, cut, padded))
    fixed = all(isinstance(side, int) for side in size)
    inside = fixed and size[0] >= height and size[1] >= width
    # cuts, also where this image has the size already: a resample after it must not depend on that
    return augreg.LatticeMap(_constant(xp, [[1, 0], [0, 1]]), xp.stack(offsets), pads=not inside)


def _sides(height: Any, width: Any) -> str:
    return "x".join("?" if side != side else str(side) for side in (height, width))
