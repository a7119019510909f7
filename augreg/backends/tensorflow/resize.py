"""Resizing: TensorFlow's own kernels where they run; reads or products of matrices under XLA."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batch import UNIT, Pixels, size_of, to_float
from augreg.families import Resize, resampling


def resize(pixels: Pixels, element: Resize, *, xla: bool, portable: bool) -> tf.Tensor:
    """Float32 [B,H,W,C] of the element's size, in 0..1.

    xla: it is compiled here. portable: a model around it may be, so that XLA has to have its ops.
    """
    images = pixels if ops.is_array(pixels) else to_float(pixels)
    reads_few = element.method in ("bilinear", "nearest") and not element.antialias
    if not xla and (not portable or (reads_few and element.box is None)):
        return _resize_each(images, element)
    if reads_few:
        made = _unit(resampling.read(TENSORFLOW, images, element, size_of(pixels)), images.dtype)
        return resampling.filled(TENSORFLOW, made, element)
    return resampling.resize(TENSORFLOW, to_float(images), element, size_of(pixels))


def _resize_each(images: tf.Tensor, element: Resize) -> tf.Tensor:
    """Outside of XLA, TensorFlow's own kernels are the fastest; boxes are cut image by image."""
    target = element.inner or element.size

    def one(image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
        cut = image[box[0] : box[0] + box[2], box[1] : box[1] + box[3]]
        return _resized(cut[tf.newaxis], target, element)[0]

    if element.box is None:
        result = _resized(images, target, element)
    else:
        boxes = tf.broadcast_to(tf.convert_to_tensor(element.box), (tf.shape(images)[0], 4))
        spec = tf.TensorSpec((None, None, images.shape[-1]), tf.float32)
        result = tf.map_fn(lambda pair: one(*pair), (images, boxes), fn_output_signature=spec)
    if element.inner is not None:
        padded = tf.image.pad_to_bounding_box(result, *element.margins, *element.size)
        result = resampling.filled(TENSORFLOW, padded, element)
    result.set_shape((None, *element.size, images.shape[-1]))
    return result


def _resized(images: tf.Tensor, target: Any, element: Resize) -> tf.Tensor:
    levels = tf.cast(images, tf.float32)
    resized = tf.image.resize(levels, target, element.method, antialias=element.antialias)
    return _unit(resized, images.dtype)


def _unit(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """In 0..1, where they were made of levels."""
    return values * UNIT if dtype == tf.uint8 else values
