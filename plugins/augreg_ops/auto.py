"""Automatic policies, as macros: each expands to choices among ordinary steps.

Choices are drawn per sample. Shears and rotations are about the image's centre, nothing is rounded
to 8 bits between two operations, and values are clipped only if an operation requires it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import augreg
from augreg_ops.affine import FILL, OUTSIDE
from augreg_ops.auto_tables import POLICIES

Node = dict[str, Any]
_LEAST = 0.1  # the least level that AugMix draws
GREY = 128 / 255  # what the published code fills with
_FILL: dict[str, Any] = {
    **FILL,
    "fill": augreg.Option("constant", "reflect", "nearest", "wrap", doc=OUTSIDE),
    "fill_value": replace(FILL["fill_value"], default=GREY),
}
_SIGNED = {
    **dict.fromkeys(("ShearX", "ShearY"), 0.3),
    **dict.fromkeys(("TranslateX", "TranslateY"), 150 / 331),
    **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.9),
    "Rotate": 30.0,
}
# TrivialAugment's whole numbers: an operation's value at strength 0, and what strength 30 adds
_WIDE = {
    "TranslateX": (0, 32),
    "TranslateY": (0, 32),
    "Rotate": (0, 135),
    "Posterize": (8, -6),
    "Solarize": (256, -256),
}
# identity, the first of the 14, is the p of the choice among these
_RAND = (
    *("AutoContrast", "Equalize", "Rotate", "Solarize", "Color", "Posterize", "Contrast"),
    *("Brightness", "Sharpness", "ShearX", "ShearY", "TranslateX", "TranslateY"),
)
_MIX = (
    *("AutoContrast", "Equalize", "Posterize", "Rotate", "Solarize"),
    *("ShearX", "ShearY", "TranslateX", "TranslateY"),
)
_PLAIN = {"AutoContrast": "autocontrast", "Equalize": "equalize", "Invert": "invert"}
_BLENDS: dict[str, Node] = {
    "Sharpness": {"op": "sharpness"},
    **{
        kind: {"op": "enhance", "kind": kind.lower()}
        for kind in ("Brightness", "Color", "Contrast")
    },
}


def _drawn(values: Sequence[float]) -> Any:
    return values[0] if len(set(values)) == 1 else {"choice": list(values)}


def _step(name: str, values: Sequence[float], modes: Node, translate: str = "translate") -> Node:
    """The step of a published operation; it draws among `values`, in the operation's own unit."""
    if name in _PLAIN:
        return {"op": _PLAIN[name]}
    if name == "Posterize":
        return {"op": "posterize", "bits": _drawn([max(1, round(v)) for v in values])}
    if name == "Solarize":
        return {"op": "solarize", "threshold": _drawn([v / 255 for v in values])}
    if name in _BLENDS:
        return {**_BLENDS[name], "factor": _drawn([max(0.0, 1 + v) for v in values])}
    if name == "Rotate":
        return {"op": "rotate", "degrees": _drawn(values), **modes}
    axis = name[-1].lower()
    if name.startswith("Shear"):
        degrees = [math.degrees(math.atan(v)) for v in values]
        return {"op": "shear", f"{axis}_degrees": _drawn(degrees), **modes}
    return {"op": translate, axis: _drawn(values), **modes}


def _as_json(modes: Node) -> Node:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in modes.items()}


def _at(name: str, part: float) -> list[float]:
    """An operation's values at `part` (0..1) of its published range, both signs."""
    if name in _SIGNED:
        return [-part * _SIGNED[name], part * _SIGNED[name]]
    if name == "Posterize":
        return [8 - 4 * part]
    return [255 * (1 - part)]


@augreg.macro(
    "auto_augment",
    dataset=augreg.Option("imagenet", "cifar10", "svhn"),
    **_FILL,
    example={"dataset": "imagenet"},
)
def auto_augment(dataset: str, **modes: Any) -> list[Node]:
    """AutoAugment: one of 25 learned pairs of operations, each with its own p.

    dataset: which of the published policies. Magnitudes are ten equal steps through the ranges of
    the paper's table 6: shear 0 to 0.3, translation 0 to 150/331 of the side, rotation 0 to 30
    degrees, blends 1 ± 0 to 0.9, posterize 8 to 4 bits, solarize 255 to 0; signs are drawn. Cubuk
    et al., https://arxiv.org/abs/1805.09501.
    """
    modes = _as_json(modes)

    def step(name: str, p: float, magnitude: int | None) -> Node:
        return {**_step(name, _at(name, (magnitude or 0) / 9), modes), "p": p}

    pairs = POLICIES[dataset]
    return [{"one_of": [{"sequence": [step(*a), step(*b)]} for a, b in pairs]}]


@augreg.macro(
    "rand_augment",
    n=augreg.Integer(1, 16, default=2, static=True),
    magnitude=augreg.Range(0.0, 100.0, default=9, static=True),
    levels=augreg.Integer(1, 100, default=10, static=True),
    **_FILL,
    example={"n": 2, "magnitude": 9},
    strengths=[{"n": 2, "magnitude": m} for m in (3, 6, 10)],
)
def rand_augment(n: int, magnitude: float, levels: int, **modes: Any) -> list[Node]:
    """RandAugment: `n` of 14 operations, one after another, all at one magnitude.

    n: how many operations each sample gets. magnitude: their strength, 0 to `levels`, where it is
    the maximum of AutoAugment's ranges. levels: the scale of `magnitude`; 10 is the paper's, 30
    torchvision's. Each time, all operations including the identity are equally likely; signs are
    drawn. Cubuk et al., https://arxiv.org/abs/1909.13719.
    """
    if magnitude > levels:
        raise augreg.ParameterError(
            f"{magnitude:g} is above {levels}, the last level", "/magnitude"
        )
    modes = _as_json(modes)
    steps = [_step(name, _at(name, magnitude / levels), modes) for name in _RAND]
    return [{"one_of": steps, "p": 13 / 14} for _ in range(n)]


def _wide(name: str) -> list[float]:
    """An operation's values at TrivialAugment's 31 strengths, both signs where it has them."""
    strengths = range(31)
    if name in _WIDE:
        least, most = _WIDE[name]
        values: list[float] = [least + math.copysign(i * abs(most) // 30, most) for i in strengths]
    elif name in _BLENDS:
        return [-0.99 + 1.99 * i / 30 for i in strengths]  # factors 0.01 to 2
    else:
        values = [0.99 * i / 30 for i in strengths]
    return [-value for value in values] + values if name in _SIGNED else values


@augreg.macro("trivial_augment_wide", version=2, **_FILL)
def trivial_augment_wide(**modes: Any) -> list[Node]:
    """TrivialAugment (Wide): one of 14 operations at one of 31 strengths, both drawn uniformly.

    The paper's wide ranges: shear up to 0.99, translation up to 32 pixels, rotation up to 135
    degrees, blends 0.01 to 2, posterize 8 to 2 bits, solarize 256 to 0; signs of geometric
    operations are drawn. As in the published code, pixels, degrees, bits and thresholds are
    truncated to whole numbers. Müller and Hutter, https://arxiv.org/abs/2103.10158.
    """
    modes = _as_json(modes)
    steps = [_step(name, _wide(name), modes, "shift") for name in _RAND]
    return [{"one_of": steps, "p": 13 / 14}]


@augreg.macro(
    "aug_mix",
    severity=augreg.Range(0.1, 10.0, default=3, static=True),
    width=augreg.Integer(1, 8, default=3, static=True),
    **_FILL,
    example={"severity": 3},
    strengths=[{"severity": s} for s in (1, 4, 10)],
)
def aug_mix(severity: float, width: int, **modes: Any) -> list[Node]:
    """AugMix: a convex mixture of the image and `width` chains of one to three operations.

    severity: an operation's level is uniform in 0.1 to `severity`, in tenths of its range: rotation
    30 degrees, shear 0.3, translation a third of the side, with random signs; posterize from 4 bits
    down; solarize from 256 down. As in the published code, degrees, bits and thresholds are
    truncated to whole numbers (at severity 3, 83 % of posterize's draws keep 4 bits, 17 % keep 3).
    width: the number of chains. Their weights are Dirichlet(1, ..., 1), the mixture's weight is
    Beta(1, 1). The consistency loss is not included. Hendrycks et al.,
    https://arxiv.org/abs/1912.02781.
    """
    modes = _as_json(modes)
    steps = [_mixed(name, severity, modes) for name in _MIX]
    chain = {
        "sequence": [
            {"one_of": steps},
            # two or three with 2/3, then three with 1/2: each length equally likely
            {
                "sequence": [{"one_of": steps}, {"sequence": [{"one_of": steps}], "p": 0.5}],
                "p": 2 / 3,
            },
        ]
    }
    return [{"mixture": [chain for _ in range(width)]}]


def _mixed(name: str, severity: float, modes: Node) -> Node:
    """A step at a level that is uniform in 0.1 to `severity`, tenths of AugMix's ranges."""
    if name == "Rotate":
        return {"op": "rotate", "degrees": _truncated(severity, 30, lambda n: (n, -n)), **modes}
    if name == "Posterize":
        return {"op": "posterize", "bits": _truncated(severity, 4, lambda n: (4 - n,))}
    if name == "Solarize":
        levels = _truncated(severity, 256, lambda n: ((256 - n) / 255,))
        return {"op": "solarize", "threshold": levels}
    if name in _PLAIN:
        return {"op": _PLAIN[name]}
    axis, ends = name[-1].lower(), [_LEAST / 10, severity / 10]
    if name.startswith("Translate"):
        op, parameter, ends = "translate", axis, [end / 3 for end in ends]
    else:
        op, parameter = "shear", f"{axis}_degrees"
        ends = [math.degrees(math.atan(0.3 * end)) for end in ends]
    ways = (ends, [-end for end in ends[::-1]])
    return {"one_of": [{"op": op, parameter: way, **modes} for way in ways]}


def _truncated(severity: float, most: int, values: Callable[[int], Sequence[float]]) -> Node:
    """What int(level * most / 10) leads to, of a level that is uniform in 0.1 to `severity`.

    A weighted choice is exact: each integer weighs as much as the levels that are cut down to it.
    """
    low, high = (level * most / 10 for level in (_LEAST, severity))
    drawn: dict[float, float] = {}
    for n in range(int(low), math.ceil(high) or 1):
        weight = min(n + 1, high) - max(n, low) if high > low else 1.0
        for value in values(n):
            drawn[value] = drawn.get(value, 0.0) + weight
    return {"choice": list(drawn), "weights": list(drawn.values())}


_STRENGTH = augreg.Range(0.0, 1.0, default=0.0, static=True)


@augreg.macro(
    "color_jitter",
    brightness=_STRENGTH,
    contrast=_STRENGTH,
    saturation=_STRENGTH,
    hue=augreg.Range(0.0, 0.5, default=0.0, static=True),
    example={"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    strengths=[
        {"brightness": s, "contrast": s, "saturation": s, "hue": s / 4} for s in (0.2, 0.4, 0.8)
    ],
)
def color_jitter(brightness: float, contrast: float, saturation: float, hue: float) -> list[Node]:
    """Color jitter: brightness, contrast, saturation and hue, in random order.

    brightness, contrast, saturation: the factor of `enhance` is uniform in 1 ± this value; hue: the
    delta of `hue` is uniform in ± this value; 0 leaves a step out. As torchvision's `ColorJitter`
    (https://pytorch.org/vision/stable/generated/torchvision.transforms.ColorJitter.html).
    """
    kinds = (("brightness", brightness), ("contrast", contrast), ("color", saturation))
    steps: list[Node] = [
        {"op": "enhance", "kind": kind, "factor": [1 - part, 1 + part]}
        for kind, part in kinds
        if part
    ]
    steps += [{"op": "hue", "delta": [-hue, hue]}] if hue else []
    if not steps:
        raise augreg.ParameterError("all of its strengths are 0; give one above 0")
    return [{"random_order": steps}]
