"""Box formats: Keras 3's names (`keras.utils.bounding_boxes.convert_format`), over `xp`.

Boxes are edges: a box that covers the one pixel (0, 0) is left 0, top 0, right 1, bottom 1. An edge
`e` lies at the pixel coordinate `e - 0.5`, because pixel centres are at integers.

An oriented box is four corners beside the box, [..., 4, 2]: x and y, in the same coordinates.
"""

from __future__ import annotations

from typing import Any

from augreg.errors import DataError
from augreg.xp import Array, Namespace

FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
_RELATIVE = "rel_"
CORNERS = "corners"  # the key of oriented boxes, beside "boxes" and "labels"


def check_format(name: Any) -> str:
    """The format in small letters, as Keras takes either; raises `DataError` for another."""
    if isinstance(name, str) and name.lower() in FORMATS:
        return name.lower()
    found = f"bounding_box_format={name!r} is no format of boxes"
    if name is None:
        found = 'an element with boxes needs "bounding_box_format"'
    raise DataError(f"{found}; allowed are {', '.join(FORMATS)}")


def to_edges(xp: Namespace, boxes: Array, name: str, size: tuple[Any, Any]) -> Array:
    """float64 [..., 4] left, top, right, bottom in pixels; `boxes` in the format `name`."""
    a, b, c, d = (xp.cast(boxes[..., i], "float64") for i in range(4))
    plain = name.removeprefix(_RELATIVE)
    if plain in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    if plain == "xywh":
        c, d = a + c, b + d
    if plain.startswith("center"):
        a, b, c, d = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    if name.startswith(_RELATIVE):
        height, width = (xp.cast(xp.array(side, "int32"), "float64") for side in size)
        a, b, c, d = a * width, b * height, c * width, d * height
    return xp.stack([a, b, c, d], axis=-1)


def from_edges(xp: Namespace, edges: Array, name: str, size: tuple[Any, Any]) -> Array:
    """float32 [..., 4] in the format `name`, of left, top, right, bottom in pixels."""
    a, b, c, d = xp.unstack(edges, axis=-1)
    plain = name.removeprefix(_RELATIVE)
    if name.startswith(_RELATIVE):
        height, width = (xp.cast(xp.array(side, "int32"), "float64") for side in size)
        a, b, c, d = a / width, b / height, c / width, d / height
    if plain.startswith("center"):
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    if plain == "xywh":
        c, d = c - a, d - b
    if plain in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    return xp.cast(xp.stack([a, b, c, d], axis=-1), "float32")


# --- corners ------------------------------------------------------------------------------------


def check_corners(key: str, shape: tuple[Any, ...], oriented: bool, leading: int) -> None:
    """Raises `DataError` where corners, [..., N, 4, 2] of the boxes in `key`, can't be moved.

    leading: how many dimensions stand in front of a sample's, or a frame's, own.
    """
    if not oriented:
        raise DataError(
            f'"{key}" with "{CORNERS}", which would stay behind while the image moves: '
            "oriented=True moves them; or give them another key"
        )
    if len(shape) != leading + 3 or shape[-2] not in (4, None) or shape[-1] not in (2, None):
        raise DataError(
            f'"{key}" with "{CORNERS}" of the shape {shape}; allowed is [N, 4, 2], x and y of four '
            "corners of each box, with a batch's dimension in front where images have one"
        )


def corners_of(xp: Namespace, edges: Array) -> Array:
    """float64 [..., 4, 2] of edges [..., 4]: top left, top right, bottom right, bottom left."""
    left, top, right, bottom = xp.unstack(edges, axis=-1)
    points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return xp.stack([xp.stack([x, y], axis=-1) for x, y in points], axis=-2)


def corners_in_pixels(xp: Namespace, corners: Array, name: str, size: tuple[Any, Any]) -> Array:
    """float64 [..., 4, 2] in pixels; `corners` as they stand beside boxes in the format `name`."""
    corners = xp.cast(corners, "float64")
    return corners * _sides(xp, size) if name.startswith(_RELATIVE) else corners


def corners_beside(xp: Namespace, corners: Array, name: str, size: tuple[Any, Any]) -> Array:
    """float32 [..., 4, 2] as they stand beside boxes in the format `name`, of corners in pixels."""
    if name.startswith(_RELATIVE):
        corners = corners / _sides(xp, size)
    return xp.cast(corners, "float32")


def _sides(xp: Namespace, size: tuple[Any, Any]) -> Array:
    """float64 [2]: width and height."""
    height, width = size
    return xp.stack([xp.cast(xp.array(side, "int32"), "float64") for side in (width, height)])
