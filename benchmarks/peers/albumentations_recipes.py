"""The policies as Albumentations pipelines: uint8 [H,W,3] in, float32 in 0..1 out.

No TensorFlow here: the worker processes import this module and stay light.

`ColorJitter` is the nearest to `colour`: it too takes the contrast about the image's mean and
blends towards gray, one after the other, in random order. Its brightness multiplies where ours
adds. `lut=True` has `RandomBrightnessContrast` instead, one multiplication and addition without
the mean: less work, other pixels, and what many people write.
"""

import os
from typing import Any

import numpy as np

from benchmarks.measure import Skipped

# It asks the package index for a newer version at every import otherwise.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")


def _flips() -> list[Any]:
    import albumentations as A

    return [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]


def _tutorial() -> list[Any]:
    import albumentations as A
    import cv2

    turn = A.Rotate((-72, 72), cv2.INTER_LINEAR, border_mode=cv2.BORDER_REFLECT, p=1)
    return [*_flips(), turn]


def _geometry() -> list[Any]:
    """Rotation, zoom and translation are one `Affine`: a single warp, as in augreg."""
    import albumentations as A
    import cv2

    warp = A.Affine(
        scale=(0.8, 1.2),
        translate_percent=(-0.2, 0.2),
        rotate=(-72, 72),
        keep_ratio=True,
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_REFLECT,
        p=1,
    )
    return [*_flips(), warp]


def _colour(lut: bool) -> list[Any]:
    import albumentations as A

    none, saturation = (1, 1), (0.5, 1.5)
    if lut:
        jitter = [
            A.RandomBrightnessContrast(0.2, 0.3, p=1),
            A.ColorJitter(none, none, saturation, (0, 0), p=1),
        ]
    else:
        jitter = [A.ColorJitter((0.8, 1.2), (0.7, 1.3), saturation, (0, 0), p=1)]
    return [*jitter, A.ToGray(p=0.2)]


def _pad_and_crop(size: int) -> list[Any]:
    import albumentations as A
    import cv2

    return [
        A.PadIfNeeded(size + 6, size + 6, border_mode=cv2.BORDER_CONSTANT, p=1),
        A.RandomCrop(size, size, p=1),
        A.RandomBrightnessContrast(0.5, (0, 0), p=1),
    ]


def compose(policy: str, size: int, seed: int, lut: bool = False) -> Any:
    """An `albumentations.Compose` that does the policy; `Skipped` where there is none."""
    try:
        import albumentations as A
    except ImportError as error:
        raise Skipped(f"not installed: {error}") from error
    if lut and policy not in ("colour", "full"):
        raise Skipped("the same as the entry without look-up tables")
    recipes = {
        "tutorial_keras": _tutorial,
        "tutorial_tf_image": lambda: _pad_and_crop(size),
        "geometry": _geometry,
        "colour": lambda: _colour(lut),
        "full": lambda: _geometry() + _colour(lut),
    }
    if policy not in recipes:
        raise Skipped(f"no equivalent of {policy} was written for Albumentations")
    # Not Normalize: ToFloat is the cheaper way to 0..1.
    return A.Compose([*recipes[policy](), A.ToFloat(max_value=255, p=1)], seed=seed)


def batch_through(pipeline: Any, images: np.ndarray, into: np.ndarray) -> None:
    """Fill `into`, float32 [B,H,W,3], one image after the other, as a loader's collate does."""
    for i, image in enumerate(images):
        into[i] = pipeline(image=image)["image"]
