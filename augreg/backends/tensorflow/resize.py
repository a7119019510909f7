"""Resizing: TensorFlow's own kernels where they run; reads or products of matrices under XLA."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import UNIT, Pixels, interleaved, size_of, to_float
from augreg.families import Resize, resampling


def resize(pixels: Pixels, transform: Resize, *, xla: bool, portable: bool) -> tf.Tensor:
    """Float32 [B,H,W,C] of the transform's size, in 0..1.

    xla: it is compiled here. portable: a model around it may be, so that XLA has to have its ops.
    """
    images = interleaved(pixels)
    reads_few = transform.method in ("bilinear", "nearest") and not transform.antialias
    if not xla and (not portable or (reads_few and transform.box is None)):
        return _resize_each(images, transform)
    if reads_few:
        made = _unit(resampling.read(TENSORFLOW, images, transform, size_of(pixels)), images.dtype)
        return resampling.filled(TENSORFLOW, made, transform)
    return resampling.resize(TENSORFLOW, to_float(images), transform, size_of(pixels))


def _resize_each(images: tf.Tensor, transform: Resize) -> tf.Tensor:
    """Outside of XLA, TensorFlow's own kernels are the fastest; boxes are cut image by image."""
    target = transform.inner or transform.size

    def one(image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
        cut = image[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
        return _resized(cut[tf.newaxis], target, transform)[0]

    if transform.box is None:
        result = _resized(images, target, transform)
    else:
        boxes = tf.broadcast_to(tf.convert_to_tensor(transform.box), (tf.shape(images)[0], 4))
        spec = tf.TensorSpec((None, None, images.shape[-1]), tf.float32)
        result = tf.map_fn(lambda pair: one(*pair), (images, boxes), fn_output_signature=spec)
    if transform.inner is not None:
        padded = tf.image.pad_to_bounding_box(result, *transform.margins, *transform.size)
        result = resampling.filled(TENSORFLOW, padded, transform)
    result.set_shape((None, *transform.size, images.shape[-1]))
    return result


def _resized(images: tf.Tensor, target: Any, transform: Resize) -> tf.Tensor:
    """TensorFlow's kernels read bytes, for the same sums; as floats they would be written first."""
    made = tf.image.resize(images, target, transform.method, antialias=transform.antialias)
    return _unit(tf.cast(made, tf.float32), images.dtype)


def _unit(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """In 0..1, where they were made of levels."""
    return values * UNIT if dtype == tf.uint8 else values
