"""Policies that once came out wrong in some way of running: kept, and run in all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import augreg
from net.case import Case, make

_CONTRAST = {"op": "contrast", "factor": [0.2, 3]}
_BRIGHT = {"op": "brightness", "delta": [0.1, 0.4]}
_FLIP, _INVERT = {"op": "flip"}, {"op": "invert"}
_AUTOCONTRAST, _EQUALIZE = {"op": "autocontrast"}, {"op": "equalize"}
_MIXUP, _CUTMIX = ({"op": name, "alpha": 1, "classes": 5} for name in ("mixup", "cutmix"))
_HALF = {"op": "zoom", "factor": 0.5, "interpolation": "nearest"}


def _resized_crop(height: int, width: int, **rest: Any) -> dict[str, Any]:
    return {"op": "resized_crop", "height": height, "width": width, **rest}


# What was wrong: (the steps, height and width)
KNOWN: dict[str, tuple[list[Any], tuple[int, int]]] = {
    "p on a resized crop": ([_resized_crop(16, 16, p=0.3)], (16, 16)),
    "p 0 on a resized crop": ([_resized_crop(16, 16, p=0)], (16, 16)),
    "p on a branch that crops": (
        [{"one_of": [_resized_crop(16, 16, p=0.3), {"op": "resize", "height": 16, "width": 16}]}],
        (16, 16),
    ),
    "labels behind a crop": ([{"op": "crop", "height": 7, "width": 7}, _CUTMIX], (20, 20)),
    "a statistic behind a colour": (
        [_BRIGHT, {"one_of": [_CONTRAST, _AUTOCONTRAST]}],
        (12, 12),
    ),
    "a histogram beside a colour": ([_BRIGHT, {"one_of": [_INVERT, _EQUALIZE]}], (20, 18)),
    "a colour behind a function on one channel": (
        [{"op": "grayscale", "channels": 1}, {"op": "gamma", "gamma": [0.5, 2]}, _BRIGHT],
        (12, 12),
    ),
    "mixup beside colours": ([{"one_of": [_MIXUP, _INVERT, _BRIGHT]}], (12, 12)),
    "cutmix beside moves": ([{"one_of": [_CUTMIX, _FLIP, {"op": "rot90"}]}], (12, 12)),
    "a turn before a colour in a branch": (
        [
            {
                "one_of": [
                    {"sequence": [{"op": "rot90", "k": 1}, _INVERT, _FLIP]},
                    {"op": "flip", "axis": "vertical"},
                ]
            }
        ],
        (12, 12),
    ),
    "an order in a branch": (
        [{"one_of": [{"random_order": [_FLIP, _BRIGHT]}, {"op": "rot90"}]}],
        (12, 12),
    ),
    "half pixels, reflected": ([_HALF], (12, 12)),
    "half pixels, wrapped": ([{**_HALF, "fill": "wrap"}], (12, 14)),
    "near half pixels": ([{**_HALF, "factor": 1.5}], (13, 22)),
    "a kernel larger than the image": (
        [{"op": "gaussian_blur", "kernel_size": 13, "sigma": [1, 3]}],
        (5, 8),
    ),
    "sharpness of a line": ([{"op": "sharpness", "factor": [0, 3]}], (9, 1)),
    "what lies behind the horizon": (
        [{"op": "perspective", "distortion": 0.75}, {"op": "translate", "x": 0.9, "y": 0.9}],
        (20, 24),
    ),
    "a window that became empty": (
        [
            {"op": "pad_or_crop", "height": 4, "width": 24},
            {"op": "pad_or_crop", "height": 24, "width": 4},
            {"op": "crop", "height": 10, "width": 2},
            {"op": "pad_or_crop", "height": 12, "width": 12},
        ],
        (6, 6),
    ),
    "a mask beside a nearest resize": (
        [{"op": "resize", "height": 29, "width": 29, "method": "nearest"}],
        (30, 30),
    ),
    "a mask at the size that stays": (
        [_resized_crop(13, 24, area={"normal": [0.3, 0.2], "min": 0.1, "max": 0.6}, p=0.25)],
        (13, 24),
    ),
}


def known(name: str) -> Case:
    """The case of a name: noise, with all parts that can come with it."""
    steps, size = KNOWN[name]
    mixes = any("mixup" in str(step) or "cutmix" in str(step) for step in steps)
    return replace(
        make(0),
        number=list(KNOWN).index(name),
        policy=augreg.load_policy({"version": 1, "augment": steps}),
        size=size,
        channels=3,
        batch=6,
        dtype="uint8",
        input_range=(0, 1),
        kind="noise",
        seed=7,
        epoch=1,
        first=0,
        backwards=False,
        training=True,
        parts=() if mixes else ("masks", "boxes", "keypoints"),
    )
