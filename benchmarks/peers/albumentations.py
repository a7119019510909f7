"""Albumentations inside tf.data, through `tf.numpy_function`."""

from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from benchmarks.measure import Runner
from benchmarks.peers import Source
from benchmarks.peers.albumentations_recipes import batch_through, compose
from benchmarks.peers.placement import batches, parallel, pulled


def in_data(source: Source) -> Runner:
    """A batch a call: a third faster than an image a call, with OpenCV's own threads off.

    They are turned off before anything runs, and no one else in this process uses OpenCV:
    `setNumThreads` beside a warp in another thread ended in a division by zero (OpenCV 5.0).
    """
    case = source.case
    pipeline = compose(case.policy, case.size, 7)
    cv2.setNumThreads(0)

    def batch(images: np.ndarray) -> np.ndarray:
        into = np.empty(images.shape, np.float32)
        batch_through(pipeline, images, into)
        return into

    def augment(images: Any) -> Any:
        shape = [case.batch, case.size, case.size, 3]
        return tf.ensure_shape(tf.numpy_function(batch, [images], tf.float32), shape)

    return pulled(parallel(batches(source), augment).prefetch(2))
