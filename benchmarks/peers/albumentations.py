"""Albumentations: inside tf.data through `tf.numpy_function`, alone, and in two processes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Runner
from benchmarks.peers import Contestant, Source
from benchmarks.peers.albumentations_recipes import batch_through, compose
from benchmarks.peers.albumentations_workers import Crew, start
from benchmarks.peers.placement import batches, pulled


def _in_data(source: Source) -> Runner:
    """A batch a call: a third faster than an image a call, with OpenCV's own threads off.

    They are turned off before anything runs, and no one else in this process uses OpenCV:
    `setNumThreads` beside a warp in another thread ended in a division by zero (OpenCV 5.0).
    """
    import tensorflow as tf

    case = source.case
    pipeline = compose(case.policy, case.size, 7)
    import cv2

    cv2.setNumThreads(0)

    def batch(images: np.ndarray) -> np.ndarray:
        into = np.empty(images.shape, np.float32)
        batch_through(pipeline, images, into)
        return into

    def augment(images: Any) -> Any:
        shape = [case.batch, case.size, case.size, 3]
        return tf.ensure_shape(tf.numpy_function(batch, [images], tf.float32), shape)

    mapped = batches(source).map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return pulled(mapped.prefetch(2))


def _alone(source: Source) -> Runner:
    """One process with OpenCV's own threads, as it comes."""
    return start(source.case, Crew(workers=1, threads=-1))


def _two(lut: bool = False, send: bool = False) -> Callable[[Source], Runner]:
    """Two processes of one thread each: OpenCV's own threads would fight over the same cores."""
    return lambda source: start(source.case, Crew(workers=2, threads=0, lut=lut, send=send))


TWO = "Albumentations, 2 processes"
CONTESTANTS = (
    Contestant("albumentations_data", "Albumentations in tf.data", _in_data),
    Contestant("albumentations_alone", "Albumentations, 1 process", _alone),
    Contestant("albumentations_2p", TWO, _two()),
    Contestant("albumentations_2p_lut", f"{TWO}, cheaper contrast", _two(lut=True)),
    Contestant("albumentations_2p_sent", f"{TWO}, sent on", _two(send=True), extra=True),
)
