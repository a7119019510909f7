"""Albumentations' transforms that lose detail, as sending images does."""

from __future__ import annotations

from typing import Any

from augreg.errors import show
from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn

# OpenCV's interpolations: nearest, exact nearest, linear and exact linear
_METHODS = {0: "nearest", 6: "nearest", 1: "bilinear", 5: "bilinear"}
_JPEG = ("jpeg", 0)  # version 1 had numbers


def _downscale(given: Given) -> list[Step]:
    """Version 1 had `scale_min` and `scale_max`, and one interpolation for both."""
    least = given.number("scale_min", default=0.25)
    most = given.number("scale_max", default=0.25)
    low, high = given.pair("scale_range", default=[least, most])
    if low != high or not _whole(given, low):
        given.differs("pixels are as large as the rounded size says, there as the scale")
    pair = given.raw("interpolation_pair", "interpolation", default=0)
    down, up = (
        _method(given, pair.get(way) if isinstance(pair, dict) else pair)
        for way in ("downscale", "upscale")
    )
    return [{"op": "downscale", "scale": drawn(low, high), "down": down, "up": up}]


def _method(given: Given, number: Any) -> str:
    if not isinstance(number, int):
        raise NotSayableError(f"an interpolation is {show(number)}, where a number is expected")
    if number == 0:
        given.differs("OpenCV's nearest takes the pixel up and to the left")
    if number not in _METHODS:
        given.differs("interpolation is bilinear")
    return _METHODS.get(number, "bilinear")


def _whole(given: Given, scale: float) -> bool:
    """Whether the scaled sides are whole numbers of pixels."""
    size = given.state.size
    return size is not None and all(float(side * scale).is_integer() for side in size)


def _jpeg(given: Given) -> list[Step]:
    """Version 1 had `quality_lower` and `quality_upper`."""
    given.only("compression_type", *_JPEG, why="no op compresses as WebP does")
    given.differs("OpenCV takes red for blue, and rounds colours before and after")
    low = given.number("quality_lower", default=99)
    high = given.number("quality_upper", default=100)
    low, high = given.pair("quality_range", default=[low, high])
    return [{"op": "jpeg", "quality": drawn(max(1, low), max(1, high))}]


TABLE: Table = {"Downscale": _downscale, "ImageCompression": _jpeg, "JpegCompression": _jpeg}
