"""Writes the pipelines of `tests/data/pipelines`, each in the shape of public ones.

It needs Albumentations, which the tests do not: see `record_albumentations.py`.
"""

from __future__ import annotations

from pathlib import Path

import albumentations as A

FOLDER = Path(__file__).parent / "data" / "pipelines"
BOXES = A.BboxParams(format="coco", label_fields=["labels"])

PIPELINES = {
    "basic.json": A.Compose(
        [A.RandomCrop(256, 256), A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(p=0.2)]
    ),
    "imagenet.json": A.Compose(
        [
            A.RandomResizedCrop((224, 224)),
            A.HorizontalFlip(p=0.5),
            A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (0, 0), p=0.8),
            A.Normalize(),
        ]
    ),
    "evaluation.json": A.Compose([A.Resize(256, 256), A.CenterCrop(224, 224), A.Normalize()]),
    "salt.json": A.Compose(
        [
            A.PadIfNeeded(128, 128),
            A.VerticalFlip(p=0.5),
            A.RandomRotate90(p=0.5),
            A.OneOf(
                [
                    A.ElasticTransform(alpha=120, sigma=6, p=0.5),
                    A.GridDistortion(p=0.5),
                    A.OpticalDistortion(distort_limit=1, p=1),
                ],
                p=0.8,
            ),
            A.CLAHE(p=0.8),
            A.RandomBrightnessContrast(p=0.8),
            A.RandomGamma(p=0.8),
        ]
    ),
    "detection.yaml": A.Compose(
        [
            A.LongestMaxSize(640),
            A.PadIfNeeded(640, 640),
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(p=0.3),
            A.HueSaturationValue(p=0.3),
        ],
        bbox_params=BOXES,
    ),
    "strong.json": A.Compose(
        [
            A.Resize(256, 256),
            A.RandomRotate90(p=0.5),
            A.Transpose(p=0.5),
            A.GaussNoise(p=0.2),
            A.OneOf([A.MotionBlur(p=0.2), A.MedianBlur(p=0.1), A.Blur(p=0.1)], p=0.2),
            A.ShiftScaleRotate(p=0.2),
            A.OneOf([A.OpticalDistortion(p=0.3), A.GridDistortion(p=0.1)], p=0.2),
            A.OneOf(
                [A.CLAHE(p=0.5), A.Sharpen(p=0.5), A.Emboss(p=0.5), A.RandomBrightnessContrast()],
                p=0.3,
            ),
            A.HueSaturationValue(p=0.3),
        ]
    ),
    "leaves.json": A.Compose(
        [
            A.RandomResizedCrop((512, 512)),
            A.Transpose(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.ShiftScaleRotate(p=0.5),
            A.HueSaturationValue(20, 20, 20, p=0.5),
            A.RandomBrightnessContrast((-0.1, 0.1), (-0.1, 0.1), p=0.5),
            A.Normalize(),
            A.CoarseDropout(p=0.5),
        ]
    ),
    "skin.json": A.Compose(
        [
            A.Resize(512, 512),
            A.Transpose(p=0.5),
            A.VerticalFlip(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(p=0.75),
            A.OneOf([A.MotionBlur(), A.MedianBlur(), A.GaussianBlur(), A.GaussNoise()], p=0.7),
            A.CLAHE(p=0.7),
            A.HueSaturationValue(10, 20, 10, p=0.5),
            A.ShiftScaleRotate(0.1, 0.1, 15, border_mode=0, p=0.85),
            A.CoarseDropout((1, 1), (0.375, 0.375), (0.375, 0.375), p=0.7),
            A.Normalize(),
        ]
    ),
    "detector-extras.json": A.Compose(
        [
            A.Blur(p=0.01),
            A.MedianBlur(p=0.01),
            A.ToGray(p=0.01),
            A.CLAHE(p=0.01),
            A.RandomBrightnessContrast(p=0.01),
            A.RandomGamma(p=0.01),
            A.ImageCompression(quality_range=(75, 100), p=0.01),
        ],
        bbox_params=BOXES,
    ),
    "satellite.json": A.Compose(
        [
            A.RandomCrop(256, 256),
            A.D4(p=1),
            A.RGBShift(p=0.3),
            A.GaussNoise(std_range=(0.02, 0.05), p=0.3),
            A.RandomShadow(p=0.1),
            A.ToFloat(),
        ]
    ),
    "medical.json": A.Compose(
        [
            A.Resize(256, 256),
            A.Rotate(15, border_mode=1, p=0.5),
            A.Affine(scale=(0.9, 1.1), keep_ratio=True, shear={"x": (-5, 5), "y": (0, 0)}, p=0.5),
            A.GaussianBlur(p=0.2),
            A.RandomGamma(p=0.3),
            A.Normalize(mean=0.5, std=0.5),
        ]
    ),
    "faces.json": A.Compose(
        [
            A.Resize(112, 112),
            A.HorizontalFlip(p=0.5),
            A.Affine(translate_px={"x": (-6, 6), "y": (-6, 6)}, rotate=(-10, 10), p=0.5),
            A.ToGray(p=0.1),
            A.CoarseDropout((1, 1), (40, 40), (40, 40), fill="random", p=0.3),
        ]
    ),
    "documents.json": A.Compose(
        [
            A.Resize(64, 256),
            A.Perspective(scale=(0.01, 0.03), p=0.3),
            A.Rotate(2, fill=255, p=0.5),
            A.GaussNoise(p=0.2),
            A.InvertImg(p=0.1),
            A.ImageCompression(quality_range=(40, 90), p=0.3),
            A.ToGray(p=1),
        ]
    ),
    "two-views.yaml": A.Compose(
        [
            A.RandomResizedCrop((224, 224), scale=(0.2, 1)),
            A.HorizontalFlip(p=0.5),
            A.Sequential([A.ColorJitter(0.4, 0.4, 0.2, 0.1, p=1)], p=0.8),
            A.ToGray(p=0.2),
            A.GaussianBlur(sigma_limit=(0.1, 2), p=0.5),
            A.Solarize(p=0.2),
            A.Normalize(),
        ]
    ),
    "picks.json": A.Compose(
        [
            A.Resize(96, 96),
            A.SomeOf(
                [
                    A.Rotate(30, p=1),
                    A.Posterize((4, 7), p=1),
                    A.Solarize(p=1),
                    A.Equalize(p=1),
                    A.AutoContrast(method="pil", p=1),
                    A.NoOp(p=1),
                ],
                n=2,
            ),
            A.OneOrOther(A.HorizontalFlip(p=1), A.VerticalFlip(p=1), p=0.7),
            A.RandomOrder([A.InvertImg(p=0.1), A.ChannelShuffle(p=0.1)], n=2),
        ]
    ),
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, pipeline in PIPELINES.items():
        A.save(pipeline, str(FOLDER / name), data_format=name.rpartition(".")[2])


if __name__ == "__main__":
    main()
