"""Albumentations: the policies as pipelines of it, in processes and in tf.data.

`ColorJitter` is the nearest to `colour`: it too takes the contrast about the image's mean and
blends towards gray, one after the other, in random order. Its brightness multiplies where ours
adds. `lut=True` has `RandomBrightnessContrast` instead, one multiplication and addition without
the mean: less work, other pixels, and what many people write.
"""

from typing import Any

import albumentations as A
import cv2
import numpy as np

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Source
from benchmarks.peers.albumentations_ops import OPS
from benchmarks.peers.processes import Fill


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
        case name if name in OPS:
            return [OPS[name]()]
    raise Skipped(f"no equivalent of {policy} was written for Albumentations")


def filler(policy: str, size: int, seed: int, threads: int = 0, lut: bool = False) -> Fill:
    """Fills a batch, one image after the other, as a loader's collate does.

    threads: OpenCV's, -1 for as many as it likes; lut: the cheaper contrast.
    """
    if lut and policy not in ("colour", "full"):
        raise Skipped("the same as the entry without look-up tables")
    # Not Normalize: ToFloat is the cheaper way to 0..1.
    steps = [*recipe(policy, size, lut), A.ToFloat(max_value=255, p=1)]
    pipeline = A.Compose(steps, seed=seed)
    cv2.setNumThreads(threads)

    def fill(images: np.ndarray, into: np.ndarray) -> None:
        for i, image in enumerate(images):
            into[i] = pipeline(image=image)["image"]

    return fill


def in_data(source: Source) -> Runner:
    """In tf.data, a batch a call: a third faster than an image a call, without OpenCV's threads.

    They are turned off before anything runs, and no one else in this process uses OpenCV:
    `setNumThreads` beside a warp in another thread ended in a division by zero (OpenCV 5.0).
    """
    import tensorflow as tf  # here, because workers do without

    from benchmarks.peers.placement import batches, parallel, pulled

    case = source.case
    fill = filler(case.policy, case.size, 7)

    def batch(images: np.ndarray) -> np.ndarray:
        into = np.empty(images.shape, np.float32)
        fill(images, into)
        return into

    def augment(images: Any) -> Any:
        shape = [case.batch, case.size, case.size, 3]
        return tf.ensure_shape(tf.numpy_function(batch, [images], tf.float32), shape)

    return pulled(parallel(batches(source), augment).prefetch(2))
