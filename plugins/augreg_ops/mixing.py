"""Ops that mix the samples of a batch and what comes with them: they depend on the batch."""

from __future__ import annotations

from typing import Any

import augreg

Array = Any
_COMMON: dict[str, Any] = {
    "classes": augreg.Integer(2, 1_000_000, static=True, doc="the number of classes of the data"),
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
    alpha: a small one changes most samples only slightly, 1 draws w uniformly. Labels become
    float32 [B, classes]; the boxes of both are kept, [B, 2N]; masks are refused. Zhang et al.,
    "mixup: Beyond Empirical Risk Minimization" (https://arxiv.org/abs/1710.09412).
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
    is uniform over the image, and it is clipped to the image. alpha: a small one makes most boxes
    tiny or nearly as large as the image, 1 draws w uniformly. Labels become probabilities, float32
    [B, classes], in proportion to the pixels; boxes become those of both that are seen, [B, 2N].
    Yun et al., "CutMix" (https://arxiv.org/abs/1905.04899).
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


@augreg.op(
    "mosaic",
    gray=True,
    x=augreg.Range(0.1, 1.0, default=[0.25, 0.75]),
    y=augreg.Range(0.1, 1.0, default=[0.25, 0.75]),
    first=augreg.Uniform01(),
    second=augreg.Uniform01(),
    third=augreg.Uniform01(),
    example={"p": 0.5},
    strengths=[{"x": s, "y": s} for s in (0.8, 0.6, 0.4)],
)
def mosaic(xp: Any, x: Array, y: Array, first: Array, second: Array, third: Array) -> augreg.Mosaic:
    """Mosaic: four samples of the batch in one image, with their masks and boxes.

    The sample itself is top left, three drawn from its batch are in the other quadrants, and their
    corners meet at (x, y). x, y: fractions of the width and of the height, from the left and from
    the top. Nothing is scaled. Where x and y are 1, the image does not change. Boxes become those
    that are seen, [B, 4N]; labels of images are refused. Bochkovskiy et al., "YOLOv4"
    (https://arxiv.org/abs/2004.10934).
    """
    return augreg.Mosaic(xp.stack([first, second, third], axis=-1), xp.stack([x, y], axis=-1))


@augreg.op(
    "copy_paste",
    gray=True,
    share=augreg.Range(0.0, 1.0, default=0.5),
    partner=augreg.Uniform01(),
    key=augreg.Key(),
    example={"share": 0.5},
    strengths=[{"share": s} for s in (0.25, 0.5, 1.0)],
)
def copy_paste(xp: Any, share: Array, partner: Array, key: Array) -> augreg.Paste:
    """Copy-paste: pastes objects of another sample of the batch, cut out by their masks.

    share: the probability that an object is pasted, decided for each one. Objects stay where they
    are in their own image: move images before, by `resized_crop` or `affine`. Needs boxes, masks
    that say which pixels are each box's own, and `box_from="mask"`; boxes become those of both that
    are seen, [B, 2N]. Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for
    Instance Segmentation" (https://arxiv.org/abs/2012.07177).
    """
    return augreg.Paste(partner, share, key)
