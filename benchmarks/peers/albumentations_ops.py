"""Single ops as Albumentations has them, with the parameters of `policies/ops.json`."""

from collections.abc import Callable
from typing import Any

import albumentations as A
import cv2

REFLECT = {"border_mode": cv2.BORDER_REFLECT, "p": 1}


def _scaled(down: int, up: int) -> Any:
    return A.Downscale((0.25, 0.75), {"downscale": down, "upscale": up}, p=1)


OPS: dict[str, Callable[[], Any]] = {
    "elastic": lambda: A.ElasticTransform(50, 10, **REFLECT),
    "elastic approximate": lambda: A.ElasticTransform(50, 10, approximate=True, **REFLECT),
    "grid_distortion": lambda: A.GridDistortion(4, (-0.3, 0.3), **REFLECT),
    "optical_distortion": lambda: A.OpticalDistortion((-0.3, 0.3), **REFLECT),
    "transpose": lambda: A.Transpose(p=1),
    "letterbox": lambda: A.Sequential(
        [A.LongestMaxSize(150, p=1), A.PadIfNeeded(180, 180, fill=114, p=1)], p=1
    ),
    "coarse_dropout": lambda: A.CoarseDropout((3, 3), (0.1, 0.3), (0.1, 0.3), p=1),
    "grid_mask": lambda: A.GridDropout(0.5, unit_size_range=(40, 41), p=1),
    "motion_blur 3": lambda: A.MotionBlur((3, 3), p=1),
    "motion_blur 9": lambda: A.MotionBlur((9, 9), p=1),
    "motion_blur 15": lambda: A.MotionBlur((15, 15), p=1),
    "median_blur 3": lambda: A.MedianBlur((3, 3), p=1),
    "median_blur 5": lambda: A.MedianBlur((5, 5), p=1),
    "jpeg": lambda: A.ImageCompression(quality_range=(30, 95), p=1),
    "clahe": lambda: A.CLAHE((1, 4), p=1),
    "downscale nearest": lambda: _scaled(cv2.INTER_NEAREST, cv2.INTER_NEAREST),
    "downscale bilinear": lambda: _scaled(cv2.INTER_LINEAR, cv2.INTER_LINEAR),
    "iso_noise": lambda: A.ISONoise(p=1),
    "shot_noise": lambda: A.ShotNoise(p=1),
    "salt_and_pepper": lambda: A.SaltAndPepper(p=1),
    "tone_curve": lambda: A.RandomToneCurve(p=1),
    "sepia": lambda: A.ToSepia(p=1),
    "fog": lambda: A.RandomFog(p=1),
    "rain": lambda: A.RandomRain(p=1),
    "shadow": lambda: A.RandomShadow(p=1),
}
