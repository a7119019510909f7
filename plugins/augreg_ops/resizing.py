"""Ops that change an image's size by resampling."""

from __future__ import annotations

from typing import Any

import augreg
from augreg_ops.windows import drawn_start, span_of, starts_of

Array = Any
_SIDE = augreg.Integer(1, 16384, static=True, doc="of the result, in pixels")
_MODES: dict[str, Any] = {
    "method": augreg.Option(
        *("bilinear", "nearest", "bicubic", "area"),
        doc="how values between pixels are computed; area takes the mean of what a pixel covers",
    ),
    "antialias": augreg.Option(
        *(False, True), doc="true averages where the result is smaller, so that fine lines stay"
    ),
    "decode": augreg.Option(
        *("full", "scaled"),
        doc="scaled allows decoding a JPEG at 1/2, 1/4 or 1/8, never below the target, if this is "
        "its first step; it is faster and changes pixels; arrays and other formats are unaffected",
    ),
}


def _target(h: Any, w: Any, /, height: int, width: int, **rest: Any) -> tuple[int, int]:
    return height, width


@augreg.op(
    "resize",
    gray=True,
    output_size=_target,
    height=_SIDE,
    width=_SIDE,
    fit=augreg.Option("stretch", "crop", "pad"),
    **_MODES,
    example={"height": 96, "width": 96},
    strengths=[{"height": h, "width": h} for h in (150, 96, 40)],
)
def resize(xp: Any, size: Any, height: int, width: int, fit: str, **modes: Any) -> augreg.Resize:
    """Resizes the image.

    fit: stretch ignores the aspect ratio; crop first cuts the largest central box of the target's
    aspect ratio (as Keras's `Resizing(crop_to_aspect_ratio=True)`); pad keeps the whole image,
    centred in zeros (as `tf.image.resize_with_pad`, which rounds the position down and may differ
    by one pixel). Pixels as `tf.image.resize`
    (https://www.tensorflow.org/api_docs/python/tf/image/resize).
    """
    h, w = (xp.array(side, "float64") for side in size)
    if fit == "crop":
        box_h = xp.clip(w * height / width // 1, 1.0, h)
        box_w = xp.clip(h * width / height // 1, 1.0, w)
        sides = [(h - box_h) // 2, (w - box_w) // 2, box_h, box_w]
        box = xp.stack([xp.cast(side, "int32") for side in sides])
        return augreg.Resize((height, width), box, **modes)
    if fit == "pad":
        inner = _inner(xp, size, height, width, xp.floor)
        return augreg.Resize((height, width), inner=inner, **modes)
    return augreg.Resize((height, width), **modes)


def _inner(xp: Any, size: Any, height: int, width: int, whole: Any) -> tuple[Any, Any]:
    """The largest size within the target that keeps the aspect ratio; `whole` rounds its sides."""
    h, w = (xp.array(side, "float64") for side in size)
    # products of whole numbers: h / (h / height) falls below height for one size in twenty
    sides = (
        xp.clip(whole(h * width / w), 1.0, float(height)),
        xp.clip(whole(w * height / h), 1.0, float(width)),
    )
    inner_h, inner_w = (xp.cast(side, "int32") for side in sides)
    if all(isinstance(side, int) for side in size):
        return int(inner_h), int(inner_w)
    return inner_h, inner_w


@augreg.op(
    "letterbox",
    gray=True,
    output_size=_target,
    height=_SIDE,
    width=_SIDE,
    position=augreg.Option("center", "top_left"),
    fill_value=augreg.Fill(),
    **_MODES,
    example={"height": 150, "width": 150, "fill_value": 0.447},
    strengths=[{"height": h, "width": 200, "fill_value": 0.447} for h in (180, 120, 60)],
)
def letterbox(
    xp: Any, size: Any, height: int, width: int, position: str, **modes: Any
) -> augreg.Resize:
    """Letterbox: resizes to fit into a size, keeping the aspect ratio, and pads the rest.

    The image is scaled by min(height / H, width / W); its sides are rounded, halves to even.
    position: center leaves equal margins (an odd pixel goes below or to the right); top_left leaves
    margins below and to the right only. fill_value: the margins' level, 0..1, or one per channel;
    114/255 (0.447) is usual for YOLO. Masks are 0 there. `resize` with `"fit": "pad"` rounds sides
    down, as TensorFlow does. Sides and place as in `LetterBox` of Ultralytics YOLO
    (https://docs.ultralytics.com/reference/data/augment/#ultralytics.data.augment.LetterBox).
    """
    inner = _inner(xp, size, height, width, xp.round)
    return augreg.Resize((height, width), inner=inner, place=position, **modes)


_ATTEMPTS = 10


def _first_fit(xp: Any, size: Any, area: Any, ratio: Any) -> tuple[Array, Array, Array]:
    """Height and width (float32 [B]) of the first box that fits, and whether there is one."""
    h, w = size
    pixels = area.draws * h * w
    high, wide = xp.round(xp.sqrt(pixels / ratio.draws)), xp.round(xp.sqrt(pixels * ratio.draws))
    fits = (wide > 0.0) & (wide <= w) & (high > 0.0) & (high <= h)
    first = xp.cast(fits, "int32")
    first = first * xp.cast(xp.cumsum(first) == 1, "int32")
    high, wide = (xp.sum(side * xp.cast(first, "float32"), axis=1) for side in (high, wide))
    return high, wide, high > 0.0


def _central(xp: Any, size: Any, ratio: Any) -> tuple[Array, Array]:
    """Height and width of the largest central box whose ratio is one that may be drawn."""
    h, w = size
    narrow, broad = w < ratio.low * h, w > ratio.high * h
    high = xp.where(narrow, xp.clip(xp.round(w / ratio.low), 1.0, h), h)
    wide = xp.where(broad, xp.clip(xp.round(h * ratio.high), 1.0, w), w)
    return high, wide


def _placed(
    xp: Any, sides: tuple[Array, Array], u: Array, keep: Array, axis: int, found: Array
) -> tuple[Array, Array]:
    """Where a box begins along an axis, and its length, which grows to hold what is kept.

    sides: the image's, and the box's. found: the place is drawn; else in the centre, if it may be.
    """
    side, length = sides
    span = None
    if keep is not None:
        span = span_of(keep, axis)
        length = xp.maximum(length, xp.clip(span[1] - span[0], 0.0, side))
    free = side - length
    low, high = starts_of(xp, free, length, span)
    central = xp.minimum(xp.maximum(xp.floor(free * 0.5), low), high)
    return xp.where(found, drawn_start(xp, u, (low, high)), central), length


@augreg.op(
    "resized_crop",
    gray=True,
    version=2,
    output_size=_target,
    height=_SIDE,
    width=_SIDE,
    area=augreg.Range(0.001, 1.0, default=[0.08, 1.0], count=_ATTEMPTS),
    ratio=augreg.Range(0.1, 10.0, default={"log_uniform": [3 / 4, 4 / 3]}, count=_ATTEMPTS),
    keep=augreg.KeepBoxes(),
    x=augreg.Uniform01(),
    y=augreg.Uniform01(),
    example={"height": 96, "width": 96},
    strengths=[{"height": 200, "width": 200, "area": a, "ratio": 1} for a in (0.6, 0.3, 0.08)],
)
def resized_crop(
    xp: Any,
    size: Any,
    height: int,
    width: int,
    area: Any,
    ratio: Any,
    keep: Array,
    x: Array,
    y: Array,
) -> augreg.Resize:
    """Random resized crop: the standard crop for training on ImageNet.

    area: the box's fraction of the image, uniform by default. ratio: width over height, log-uniform
    by default. Ten pairs are drawn, and the first whose box fits into the image is used; its sides
    are sqrt(area*H*W*ratio) and sqrt(area*H*W/ratio), rounded, its position is uniform over whole
    pixels. If none fits, it is the whole image; if the image's own ratio is outside of the range,
    the largest central box of the nearest ratio. keep: the box grows until it can hold "all" boxes
    of the sample, or one of them, drawn ("any"), and lies where it does. Szegedy et al., "Going
    deeper with convolutions" (https://arxiv.org/abs/1409.4842), as torchvision's
    `RandomResizedCrop`
    (https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomResizedCrop.html).
    """
    h, w = map(xp.array, size)
    high, wide, found = _first_fit(xp, (h, w), area, ratio)
    central_h, central_w = _central(xp, (h, w), ratio)
    box_h, box_w = xp.where(found, high, central_h), xp.where(found, wide, central_w)
    top, box_h = _placed(xp, (h, box_h), y, keep, 1, found)
    left, box_w = _placed(xp, (w, box_w), x, keep, 0, found)
    box = xp.stack([xp.cast(side, "int32") for side in (top, left, box_h, box_w)], axis=-1)
    return augreg.Resize((height, width), box)
