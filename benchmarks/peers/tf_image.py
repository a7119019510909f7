"""`tf.image` in a tf.data map, one image at a time, the way the tutorial writes it.

tf.image has neither rotation by an angle nor zoom nor translation, so the geometric policies
have no entry here.
"""

from typing import Any

import tensorflow as tf

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Source
from benchmarks.peers.placement import dataset, parallel, pulled, seeded


def tutorial(image: Any, seed: Any, size: int) -> Any:
    """The tutorial's `augment`: float32 [H,W,3] in 0..1 padded, cropped, brightened, clipped."""
    image = tf.image.resize_with_crop_or_pad(image, size + 6, size + 6)
    second = tf.random.split(seed, num=1)[0, :]
    image = tf.image.stateless_random_crop(image, size=[size, size, 3], seed=seed)
    image = tf.image.stateless_random_brightness(image, max_delta=0.5, seed=second)
    return tf.clip_by_value(image, 0, 1)


def colour(image: Any, seed: Any) -> Any:
    """`colour` in the same style: float32 [H,W,3] in 0..1, one seed a step."""
    seeds = tf.random.split(seed, num=4)
    image = tf.image.stateless_random_brightness(image, max_delta=0.2, seed=seeds[0])
    image = tf.image.stateless_random_contrast(image, 0.7, 1.3, seed=seeds[1])
    image = tf.image.stateless_random_saturation(image, 0.5, 1.5, seed=seeds[2])
    gray = tf.random.stateless_uniform([], seed=seeds[3]) < 0.2
    image = tf.cond(
        gray,
        lambda: tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(image)),
        lambda: image,
    )
    return tf.clip_by_value(image, 0, 1)


def in_data(source: Source) -> Runner:
    name, size = source.case.policy, source.case.size
    if name not in ("tutorial_tf_image", "colour"):
        raise Skipped("tf.image has no rotation by an angle, no zoom, no translation")

    def augment(image: Any, seed: Any) -> Any:
        scaled = tf.cast(image, tf.float32) / 255.0
        return colour(scaled, seed) if name == "colour" else tutorial(scaled, seed, size)

    mapped = parallel(seeded(dataset(source)), augment)
    return pulled(mapped.batch(source.case.batch).prefetch(2))
