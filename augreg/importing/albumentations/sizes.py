"""Albumentations' transforms that change the size: resizing, cropping, padding."""

from __future__ import annotations

from augreg.importing.conversion import Given, NotSayableError, Table
from augreg.importing.nodes import Step
from augreg.importing.numbers import drawn

# OpenCV's interpolations: nearest, linear, cubic, area, Lanczos, exact linear, exact nearest
_METHODS = {
    **{0: "nearest", 1: "bilinear", 2: "bicubic", 3: "area", 4: "bicubic"},
    **{5: "bilinear", 6: "nearest"},
}
_METHOD_DIFFERS = {
    0: "OpenCV's nearest takes the pixel up and to the left",
    2: "OpenCV's cubic is steeper (a = -0.75, here -0.5)",
    4: "Lanczos becomes bicubic",
}
_BORDER = ("border_mode", "pad_mode")
_PADDED_WITH = ("fill", "value", "pad_val")
_PADDING = ("pad_position", "border_mode", "pad_mode", "fill", "pad_val")


def method(given: Given) -> Step:
    """The method of a resize; nothing where it is bilinear."""
    given.only("area_for_downscale", why="which method is used would depend on the image's size")
    number = given.raw("interpolation", default=1)
    found = given.option(("interpolation",), _METHODS, 1)
    if number in _METHOD_DIFFERS:
        given.differs(_METHOD_DIFFERS[number])
    return {} if found == "bilinear" else {"method": found}


def side(given: Given, *names: str) -> int:
    """A side in pixels."""
    value = given.number(*names)
    if value != int(value) or value < 1:
        raise NotSayableError(f"{names[0]} is {value!r}, where a number of pixels is expected")
    return int(value)


def _sides(given: Given) -> tuple[int, int]:
    """Height and width; the newer versions have both in `size`."""
    if given.has("size"):
        height, width = given.pair("size")
        return int(height), int(width)
    return side(given, "height"), side(given, "width")


def _sized(op: str, height: int, width: int, **more: object) -> Step:
    return {"op": op, "height": height, "width": width, **more}


def _resize(given: Given) -> list[Step]:
    return [_sized("resize", *_sides(given), **method(given))]


def _position(given: Given) -> str:
    """Where the image lies in what is padded; old versions wrote a member of an enumeration."""
    return str(given.raw("position", "pad_position", default="center")).rpartition(".")[2].lower()


def black_centred(given: Given) -> None:
    """Notes what padding does that `pad_or_crop` does not."""
    place = _position(given)
    if place != "center":
        given.differs(f"pads at {place}, here around the centre")
    fill = given.raw(*_PADDED_WITH, default=0)
    if given.raw(*_BORDER, default=0) != 0 or given.level(fill) != 0:
        given.differs("padding is black here")


def _center_crop(given: Given) -> list[Step]:
    if given.raw("pad_if_needed", default=False):
        black_centred(given)
        return [_sized("pad_or_crop", *_sides(given))]
    given.ignore(*_PADDING)
    return [_sized("crop", *_sides(given), position="center")]


def _random_crop(given: Given) -> list[Step]:
    given.only("pad_if_needed", False, why="write PadIfNeeded before it")
    given.ignore(*_PADDING)
    return [_sized("crop", *_sides(given))]


def _resized_crop(given: Given) -> list[Step]:
    if method(given):
        given.differs("interpolation is bilinear")
    height, width = _sides(given)
    area = drawn(*given.pair("scale", default=[0.08, 1.0]))
    low, high = given.pair("ratio", default=[3 / 4, 4 / 3])
    ratio = {"log_uniform": [low, high]} if low < high else low
    return [_sized("resized_crop", height, width, area=area, ratio=ratio)]


def _crop_near_a_box(given: Given) -> list[Step]:
    given.ignore("erosion_factor")
    given.differs("a box of the image, drawn for each sample, is whole in the crop if it fits")
    return [_sized("crop", *_sides(given), keep="any")]


def _crop_with_all_boxes(given: Given) -> list[Step]:
    if method(given):
        given.differs("interpolation is bilinear")
    given.ignore("erosion_rate")
    given.differs("the crop has 0.08 to 1 of the image's area, or more where the boxes need it")
    return [_sized("resized_crop", *_sides(given), keep="all")]


def _pad_if_needed(given: Given) -> list[Step]:
    for name in ("pad_height_divisor", "pad_width_divisor"):
        given.only(name, why="the output's size would depend on the image")
    wanted = side(given, "min_height"), side(given, "min_width")
    given.ignore("padding")
    black_centred(given)
    size = given.state.size
    if size is None:
        given.differs(f"larger images are cropped to {wanted[0]}x{wanted[1]}")
        return [_sized("pad_or_crop", *wanted)]
    padded = (max(size[0], wanted[0]), max(size[1], wanted[1]))
    if padded == size:
        given.differences.clear()
        return []
    return [_sized("pad_or_crop", *padded)]


def _pad(given: Given) -> list[Step]:
    padding = given.raw("padding", default=0)
    left, top, *others = padding if isinstance(padding, list) else [padding, padding]
    if given.state.size is None or others not in ([], [left, top]):
        raise NotSayableError(
            "it needs equal padding at opposite sides, and a size that is known before"
        )
    black_centred(given)
    height, width = given.state.size
    return [_sized("pad_or_crop", height + 2 * int(top), width + 2 * int(left))]


def letterbox(longest: Given, padded: Given) -> list[Step]:
    """LongestMaxSize and then PadIfNeeded to the size that it fits the image into."""
    fitted = _fitted(longest)
    if fitted != (side(padded, "min_height"), side(padded, "min_width")):
        raise NotSayableError(
            "LongestMaxSize goes with PadIfNeeded to the size that it fits images into"
        )
    padded.ignore("pad_height_divisor", "pad_width_divisor", "padding")
    step = _sized("letterbox", *fitted, **method(longest))
    place = _position(padded)
    if place == "top_left":
        step["position"] = place
    elif place != "center":
        padded.differs(f"pads at {place}, here around the centre")
    if padded.raw(*_BORDER, default=0) != 0:
        padded.differs("padding has one colour")
    if (level := padded.level(padded.raw(*_PADDED_WITH, default=0))) != 0:
        step["fill_value"] = level
    return [step]


def _fitted(longest: Given) -> tuple[int, int]:
    """Height and width that the image is scaled to fit into."""
    if not longest.has("max_size_hw"):
        return (side(longest, "max_size"),) * 2
    longest.ignore("max_size")
    high, wide = longest.pair("max_size_hw")
    return int(high), int(wide)


def cover(smallest: Given, cropped: Given) -> list[Step]:
    """SmallestMaxSize and then CenterCrop to a square of that size."""
    sides = {_max_size(smallest), *_sides(cropped)}
    if len(sides) > 1 or method(smallest):
        raise NotSayableError(
            "SmallestMaxSize goes with CenterCrop to a square of its size, bilinear"
        )
    _center_crop(cropped)
    smallest.differs("is cropped before it is resized")
    return [_sized("resize", *(2 * list(sides)), fit="crop")]


def _max_size(given: Given) -> int:
    given.only("max_size_hw", why="only max_size can be said")
    return side(given, "max_size")


_VARIES = "the output's size would differ from image to image"
# Why these are not imported; the first two are where `PAIRS` has them.
REASONS = {
    "LongestMaxSize": f"{_VARIES}; put PadIfNeeded to the same size after it",
    "SmallestMaxSize": f"{_VARIES}; put CenterCrop to a square of its size after it",
    "RandomScale": f"{_VARIES}; write zoom, which keeps the size",
    "RandomSizedCrop": "crops by pixels of the image's height; write resized_crop",
    "CropAndPad": "each side is cropped or padded alone; write crop, or pad_or_crop",
    "Crop": "a box at a fixed place can't be cropped; crop is at a random place or in the centre",
}

# Two transforms that are one step here.
PAIRS = {("LongestMaxSize", "PadIfNeeded"): letterbox, ("SmallestMaxSize", "CenterCrop"): cover}

TABLE: Table = {
    "Resize": _resize,
    "CenterCrop": _center_crop,
    "RandomCrop": _random_crop,
    "RandomResizedCrop": _resized_crop,
    "AtLeastOneBBoxRandomCrop": _crop_near_a_box,
    "RandomSizedBBoxSafeCrop": _crop_with_all_boxes,
    "PadIfNeeded": _pad_if_needed,
    "Pad": _pad,
}
