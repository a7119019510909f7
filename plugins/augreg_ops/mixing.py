"""Ops that mix the samples of a batch and their labels: they depend on the batch."""

from __future__ import annotations

from typing import Any

import augreg

Array = Any
_COMMON: dict[str, Any] = {
    "classes": augreg.Integer(2, 1_000_000, static=True),
    "partner": augreg.Uniform01(),
    "share": augreg.Uniform01(),
}


@augreg.op(
    "mixup",
    gray=True,
    alpha=augreg.Range(0.01, 20.0, default=0.2, static=True),
    **_COMMON,
    example={"alpha": 0.2, "classes": 10},
    strengths=[{"alpha": a, "classes": 10} for a in (0.2, 1.0, 20.0)],
)
def mixup(xp: Any, alpha: float, classes: int, partner: Array, share: Array) -> augreg.Mix:
    """MixUp: blends each sample and its label with another of the batch.

    x' = w x + (1 - w) x_j and y' = w y + (1 - w) y_j, w drawn per sample from Beta(alpha, alpha).
    A small alpha changes most samples only slightly. Labels become float32 [B, classes]. Zhang et
    al., "mixup: Beyond Empirical Risk Minimization" (https://arxiv.org/abs/1710.09412).
    """
    return augreg.Mix(partner, augreg.symmetric_beta(xp, share, alpha), classes)


@augreg.op(
    "cutmix",
    gray=True,
    alpha=augreg.Range(0.01, 20.0, default=1.0, static=True),
    **_COMMON,
    x=augreg.Uniform01(),
    y=augreg.Uniform01(),
    example={"alpha": 1.0, "classes": 10},
    strengths=[{"alpha": a, "classes": 10} for a in (0.2, 1.0, 20.0)],
)
def cutmix(
    xp: Any, size: Any, alpha: float, classes: int, partner: Array, share: Array, x: Array, y: Array
) -> augreg.Mix:
    """CutMix: pastes a box from another sample of the batch, and mixes the labels by its area.

    The box has the image's aspect ratio and the area 1 - w, w from Beta(alpha, alpha); its centre
    is uniform over the image, and it is clipped to the image. Labels become probabilities, float32
    [B, classes], in proportion to the pixels. Yun et al., "CutMix"
    (https://arxiv.org/abs/1905.04899).
    """
    h, w = map(xp.array, size)
    side = xp.sqrt(1.0 - augreg.symmetric_beta(xp, share, alpha))
    edges = []
    for u, length in ((y, h), (x, w)):
        centre, reach = xp.floor(u * length), xp.floor(side * length * 0.5)
        edges.append((xp.clip(centre - reach, 0.0, length), xp.clip(centre + reach, 0.0, length)))
    (top, bottom), (left, right) = edges
    kept = 1.0 - (bottom - top) * (right - left) / (h * w)
    parts = (top, left, bottom - top, right - left)
    box = xp.stack([xp.cast(part, "int32") for part in parts], axis=-1)
    return augreg.Mix(partner, kept, classes, box)
