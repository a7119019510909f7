"""Records what Albumentations makes of an image, for tests that run without it.

    python -m venv alb && alb/bin/pip install albumentations==2.0.8 opencv-python-headless
    alb/bin/python tests/record_albumentations.py

It writes `tests/data/albumentations.npz`: three images, and for each case the document of `to_dict`
as JSON and the image that came out. All parameters are constants, and `p` is 1;
only the place of the dropout is drawn. Of rectangles whose sides are drawn, it writes those of 600
draws, of elastic transforms how far pixels move.
"""

from __future__ import annotations

import json
from pathlib import Path

import albumentations as A
import numpy as np

FILE = Path(__file__).parent / "data" / "albumentations.npz"
CONSTANT, REPLICATE, REFLECT, WRAP, REFLECT_101 = range(5)


def images() -> dict[str, np.ndarray]:
    """A smooth image and a noisy one, 24x31x3 uint8; the noisy one has no 255, nor has its part."""
    y, x = np.mgrid[:24, :31]
    waves = np.stack([np.sin(x / 7), np.cos(y / 5), np.sin((x + 2 * y) / 9)], -1)
    smooth = np.round(waves * 90 + 128).astype(np.uint8)
    noisy = np.random.default_rng(0).integers(0, 255, (24, 31, 3)).astype(np.uint8)
    return {"smooth": smooth, "noisy": noisy, "even": noisy[:, :30]}


def affine(**given: object) -> A.Affine:
    return A.Affine(p=1, border_mode=REPLICATE, **given)


def downscaled(interpolation: int) -> dict[str, int]:
    return {"downscale": interpolation, "upscale": interpolation}


SMOOTH = {
    "rotate": A.Rotate((20, 20), border_mode=REPLICATE, p=1),
    "rotate-back": A.Rotate((-35, -35), border_mode=REFLECT, p=1),
    "rotate-fill": A.Rotate((20, 20), fill=(10, 200, 90), p=1),
    "rotate-wrap": A.Rotate((20, 20), border_mode=WRAP, p=1),
    "rotate-101": A.Rotate((20, 20), border_mode=REFLECT_101, p=1),
    "rotate-nearest": A.Rotate((20, 20), border_mode=REPLICATE, interpolation=0, p=1),
    "affine-scale": affine(scale={"x": (0.8, 0.8), "y": (1.3, 1.3)}),
    "affine-shear-x": affine(shear={"x": (12, 12), "y": (0, 0)}),
    "affine-shear-y": affine(shear={"x": (0, 0), "y": (-9, -9)}),
    "affine-shear-both": affine(shear={"x": (12, 12), "y": (-9, -9)}),
    "affine-px": affine(translate_px={"x": (4, 4), "y": (-3, -3)}),
    "affine-percent": affine(translate_percent={"x": (0.1, 0.1), "y": (-0.2, -0.2)}),
    "affine-all": affine(
        scale=(1.2, 1.2), rotate=25, shear={"x": (10, 10), "y": (0, 0)}, translate_px=2
    ),
    "shift-scale-rotate": A.ShiftScaleRotate(
        shift_limit=(0, 0), scale_limit=(0.2, 0.2), rotate_limit=(15, 15), border_mode=1, p=1
    ),
    "resize": A.Resize(17, 40, p=1),
    "resize-nearest": A.Resize(17, 40, interpolation=0, p=1),
    "resize-nearest-exact": A.Resize(17, 40, interpolation=6, p=1),
    "resize-cubic": A.Resize(17, 40, interpolation=2, p=1),
    "resize-area": A.Resize(12, 15, interpolation=3, p=1),
    "letterbox": A.Compose([A.LongestMaxSize(40, p=1), A.PadIfNeeded(40, 40, p=1)]),
    "letterbox-corner": A.Compose(
        [
            A.LongestMaxSize(max_size_hw=(20, 40), p=1),
            A.PadIfNeeded(20, 40, position="top_left", fill=(114, 114, 114), p=1),
        ]
    ),
    "cover": A.Compose([A.SmallestMaxSize(20, p=1), A.CenterCrop(20, 20, p=1)]),
    "gaussian-blur": A.GaussianBlur(blur_limit=(0, 0), sigma_limit=(1.3, 1.3), p=1),
    "gaussian-blur-kernel": A.GaussianBlur(blur_limit=(5, 5), sigma_limit=(1.3, 1.3), p=1),
    "blur": A.Blur((5, 5), p=1),
    "motion-blur": A.MotionBlur(
        (7, 7), allow_shifted=False, angle_range=(30, 30), direction_range=(0, 0), p=1
    ),
    "clahe": A.CLAHE((3, 3), (4, 4), p=1),
    "compression": A.ImageCompression(quality_range=(75, 75), p=1),
    "optical-camera": A.OpticalDistortion((0.3, 0.3), border_mode=REPLICATE, p=1),
    "optical-fisheye": A.OpticalDistortion((0.3, 0.3), mode="fisheye", border_mode=REPLICATE, p=1),
    "grid-distortion": A.GridDistortion(4, (0, 0), border_mode=REPLICATE, p=1),
    "sharpen": A.Sharpen(alpha=(0.2, 0.2), lightness=(1, 1), p=1),
}
NOISY = {
    "horizontal-flip": A.HorizontalFlip(p=1),
    "vertical-flip": A.VerticalFlip(p=1),
    "transpose": A.Transpose(p=1),
    "center-crop": A.CenterCrop(11, 14, p=1),
    "center-crop-padded": A.CenterCrop(30, 20, pad_if_needed=True, p=1),
    "pad": A.PadIfNeeded(31, 40, p=1),
    "brightness-contrast": A.RandomBrightnessContrast((0.1, 0.1), (-0.3, -0.3), p=1),
    "jitter-brightness": A.ColorJitter((1.3, 1.3), (1, 1), (1, 1), (0, 0), p=1),
    "jitter-contrast": A.ColorJitter((1, 1), (1.4, 1.4), (1, 1), (0, 0), p=1),
    "jitter-saturation": A.ColorJitter((1, 1), (1, 1), (0.5, 0.5), (0, 0), p=1),
    "jitter-hue": A.ColorJitter((1, 1), (1, 1), (1, 1), (0.2, 0.2), p=1),
    "hue": A.HueSaturationValue((30, 30), (0, 0), (0, 0), p=1),
    "hsv": A.HueSaturationValue((0, 0), (20, 20), (10, 10), p=1),
    "sepia": A.ToSepia(p=1),
    "tone-curve": A.RandomToneCurve(0, p=1),
    "median-blur": A.MedianBlur((3, 3), p=1),
    "median-blur-5": A.MedianBlur((5, 5), p=1),
    "pixel-dropout": A.PixelDropout(1.0, drop_value=255, p=1),
    "downscale-odd": A.Downscale((0.5, 0.5), downscaled(1), p=1),
    "gamma": A.RandomGamma((150, 150), p=1),
    "posterize": A.Posterize((3, 3), p=1),
    "solarize": A.Solarize((0.4, 0.4), p=1),
    "equalize-cv": A.Equalize(mode="cv", p=1),
    "equalize-pil": A.Equalize(mode="pil", p=1),
    "auto-contrast-pil": A.AutoContrast(method="pil", p=1),
    "auto-contrast-cdf": A.AutoContrast(method="cdf", p=1),
    "gray": A.ToGray(p=1),
    "gray-max": A.ToGray(method="max", p=1),
    "gray-average": A.ToGray(method="average", p=1),
    "invert": A.InvertImg(p=1),
    "rgb-shift": A.RGBShift((30, 30), (-20, -20), (0.1, 0.1), p=1),
    "multiply": A.MultiplicativeNoise((0.7, 0.7), p=1),
    "normalize": A.Normalize(p=1),
    "normalize-half": A.Normalize(mean=0.5, std=0.5, p=1),
    "to-float": A.ToFloat(p=1),
    "no-op": A.NoOp(p=1),
    "dropout": A.CoarseDropout((1, 1), (0.4, 0.4), (0.3, 0.3), fill=255, p=1),
}
EVEN = {
    "downscale": A.Downscale((0.5, 0.5), downscaled(1), p=1),
    "downscale-nearest-exact": A.Downscale((0.5, 0.5), downscaled(6), p=1),
    "downscale-nearest": A.Downscale((0.5, 0.5), downscaled(0), p=1),
}
SIDES = {
    "dropout-fractions": A.CoarseDropout((1, 1), (0.2, 0.5), (0.1, 0.3), fill=255, p=1),
    "dropout-pixels": A.CoarseDropout((1, 1), (3, 7), (5, 9), fill=255, p=1),
}


ELASTIC = {
    "elastic": A.ElasticTransform(200, 10, border_mode=REPLICATE, p=1),
    "elastic-uniform": A.ElasticTransform(
        80, 10, border_mode=REPLICATE, noise_distribution="uniform", p=1
    ),
}


def moved(transform: A.ElasticTransform) -> np.ndarray:
    """Standard deviation, in pixels, of what pixels of 128x128 move by, without the outer 32."""
    transform.set_random_seed(0)
    y, x = np.mgrid[:128, :128].astype(np.float32) / 127
    ramps = np.stack([x, y, x], -1)
    found = [transform(image=ramps.copy())["image"] - ramps for _ in range(60)]
    return np.std(np.array(found)[:, 32:-32, 32:-32, :2]) * 127


def sides(transform: A.CoarseDropout) -> np.ndarray:
    """Height and width of the rectangle in each of 600 draws: [600,2]."""
    transform.set_random_seed(0)
    black = np.zeros((24, 31, 3), np.uint8)
    drawn = [transform(image=black.copy())["image"] > 0 for _ in range(600)]
    return np.array([(one.any((1, 2)).sum(), one.any((0, 2)).sum()) for one in drawn])


def main() -> None:
    arrays: dict[str, np.ndarray] = dict(images())
    documents = {}
    for image, cases in (("smooth", SMOOTH), ("noisy", NOISY), ("even", EVEN)):
        for name, transform in cases.items():
            arrays[f"out/{name}"] = transform(image=arrays[image].copy())["image"]
            documents[name] = {"image": image, "document": A.to_dict(transform)}
    for name, transform in SIDES.items():
        arrays[f"sides/{name}"] = sides(transform)
        documents[name] = {"image": "noisy", "document": A.to_dict(transform)}
    for name, transform in ELASTIC.items():
        arrays[f"moved/{name}"] = moved(transform)
        documents[name] = {"image": "noisy", "document": A.to_dict(transform)}
    arrays["documents"] = np.array(json.dumps(documents))
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main()
