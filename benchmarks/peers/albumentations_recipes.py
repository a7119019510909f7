"""The policies as Albumentations pipelines: uint8 [H,W,3] in, float32 in 0..1 out.

No TensorFlow here: the worker processes import this module and stay light.

`ColorJitter` is the nearest to `colour`: it too takes the contrast about the image's mean and
blends towards gray, one after the other, in random order. Its brightness multiplies where ours
adds. `lut=True` has `RandomBrightnessContrast` instead, one multiplication and addition without
the mean: less work, other pixels, and what many people write.
"""

from typing import Any

import albumentations as A
import cv2
import numpy as np

from benchmarks.measure import Skipped


def recipe(policy: str, size: int, lut: bool) -> list[Any]:
    """The policy's transforms; rotation, zoom and translation are one `Affine`, as in augreg."""
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    unchanged, saturation = (1, 1), (0.5, 1.5)
    match policy:
        case "tutorial_keras":
            turn = A.Rotate((-72, 72), cv2.INTER_LINEAR, border_mode=cv2.BORDER_REFLECT, p=1)
            return [*flips, turn]
        case "tutorial_tf_image":
            return [
                A.PadIfNeeded(size + 6, size + 6, border_mode=cv2.BORDER_CONSTANT, p=1),
                A.RandomCrop(size, size, p=1),
                A.RandomBrightnessContrast(0.5, (0, 0), p=1),
            ]
        case "geometry":
            warp = A.Affine(
                scale=(0.8, 1.2),
                translate_percent=(-0.2, 0.2),
                rotate=(-72, 72),
                keep_ratio=True,
                interpolation=cv2.INTER_LINEAR,
                border_mode=cv2.BORDER_REFLECT,
                p=1,
            )
            return [*flips, warp]
        case "colour" if lut:
            return [
                A.RandomBrightnessContrast(0.2, 0.3, p=1),
                A.ColorJitter(unchanged, unchanged, saturation, (0, 0), p=1),
                A.ToGray(p=0.2),
            ]
        case "colour":
            jitter = A.ColorJitter((0.8, 1.2), (0.7, 1.3), saturation, (0, 0), p=1)
            return [jitter, A.ToGray(p=0.2)]
        case "full":
            return recipe("geometry", size, lut) + recipe("colour", size, lut)
    raise Skipped(f"no equivalent of {policy} was written for Albumentations")


def compose(policy: str, size: int, seed: int, lut: bool = False) -> Any:
    """An `albumentations.Compose` that does the policy; `Skipped` where there is none."""
    if lut and policy not in ("colour", "full"):
        raise Skipped("the same as the entry without look-up tables")
    # Not Normalize: ToFloat is the cheaper way to 0..1.
    return A.Compose([*recipe(policy, size, lut), A.ToFloat(max_value=255, p=1)], seed=seed)


def batch_through(pipeline: Any, images: np.ndarray, into: np.ndarray) -> None:
    """Fill `into`, float32 [B,H,W,3], one image after the other, as a loader's collate does."""
    for i, image in enumerate(images):
        into[i] = pipeline(image=image)["image"]
