"""The floor: nothing but the cast to float32, which every contestant has to do as well."""

from typing import Any

from benchmarks.measure import Runner
from benchmarks.peers import Contestant, Source
from benchmarks.peers.placement import batches, called, pulled


def _in_data(source: Source) -> Runner:
    import tensorflow as tf

    def cast(images: Any) -> Any:
        return tf.cast(images, tf.float32)

    mapped = batches(source).map(cast, num_parallel_calls=tf.data.AUTOTUNE)
    return pulled(mapped.prefetch(2))


def _eager(source: Source) -> Runner:
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def cast(images: Any) -> Any:
        return tf.cast(images, tf.float32)

    return called(source, lambda index, images: cast(images))


CONTESTANTS = (
    Contestant("floor", "floor: cast only, in tf.data", _in_data),
    Contestant("floor_eager", "floor: cast only, called (XLA)", _eager),
)
