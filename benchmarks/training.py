"""Where to put the augmentation: one training step of the tutorial's CNN, placed every way."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import layers

import augreg
from benchmarks import work
from benchmarks.measure import Runner
from benchmarks.peers import Source
from benchmarks.peers.keras_layers import stack
from benchmarks.peers.ours import SEED, load
from benchmarks.peers.placement import dataset, parallel, stepped
from benchmarks.race import Contestant, race, spread

CASE = work.Case("full", 180)
CLASSES = 5


def _labelled(source: Source) -> Any:
    """(uint8 [H,W,3], int64 label) from memory; labels are made up, as only time counts here."""
    counted = tf.data.Dataset.zip((dataset(source), tf.data.Dataset.counter()))
    return counted.map(lambda image, at: (image, at % CLASSES))


def _batched(source: Source) -> Any:
    return _labelled(source).batch(CASE.batch, drop_remainder=True)


def model(first: Sequence[Any] = (), xla: bool = False) -> Any:
    """The tutorial's CNN, on floats; or behind the layers `first`, on uint8 images."""
    dtype = "uint8" if first else "float32"
    made = keras.Sequential([keras.Input((180, 180, 3), dtype=dtype), *first])
    for filters in (16, 32, 64):
        made.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        made.add(layers.MaxPooling2D())
    made.add(layers.Flatten())
    made.add(layers.Dense(128, activation="relu"))
    made.add(layers.Dense(CLASSES))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(optimizer="adam", loss=loss, metrics=["accuracy"], jit_compile=xla)
    return made


def _steps(trained: Any, batched: Any) -> Runner:
    """A runner of training steps, the ones that `fit` would take."""
    iterator = iter(batched.prefetch(2))
    trained.make_train_function()
    return stepped(lambda: trained.train_function(iterator))


def _none(source: Source, xla: bool = False) -> Runner:
    """No augmentation: only the rescaling that the model needs anyway."""
    scaled = parallel(_batched(source), lambda x, y: (tf.cast(x, tf.float32) * (1 / 255), y))
    return _steps(model(xla=xla), scaled)


def _in_data(source: Source, xla: bool = False) -> Runner:
    made = augreg.augment_dataset(_labelled(source), load(CASE), batch_size=CASE.batch, seed=SEED)
    return _steps(model(xla=xla), made)


def _in_model(source: Source, xla: bool = False) -> Runner:
    layer = augreg.AugmentationLayer(load(CASE), seed=SEED)
    return _steps(model([layer], xla), _batched(source))


def _keras_in_data(source: Source) -> Runner:
    augmentation = stack(CASE.policy)
    augmented = parallel(_batched(source), lambda x, y: (augmentation(x, training=True), y))
    return _steps(model(), augmented)


def _keras_in_model(source: Source) -> Runner:
    """Keras turns XLA off for a model with such a layer, so there is no entry with it."""
    return _steps(model(stack(CASE.policy).layers), _batched(source))


CONTESTANTS = (
    Contestant("none", "no augmentation", _none),
    Contestant("none_xla", "no augmentation, XLA model", partial(_none, xla=True)),
    Contestant("augreg", "augreg in tf.data", _in_data),
    Contestant("augreg_data_xla", "augreg in tf.data, XLA model", partial(_in_data, xla=True)),
    Contestant("augreg_model", "augreg layer in the model", _in_model),
    Contestant("augreg_model_xla", "augreg layer in an XLA model", partial(_in_model, xla=True)),
    Contestant("keras_data", "Keras layers in tf.data", _keras_in_data),
    Contestant("keras_model", "Keras layers in the model", _keras_in_model),
)


def run(settings: work.Settings) -> dict[str, Any]:
    """All placements of `full`, interleaved; a step is long, so turns are twice as long."""
    source = Source(CASE, work.images(CASE))
    longer = replace(settings, seconds=2 * settings.seconds)
    turns, entries = race(CONTESTANTS, source, longer, CASE.batch, floor="none")
    for entry in entries:
        if entry["name"] in turns:
            steps = [1e3 * CASE.batch / turn.rate for turn in turns[entry["name"]]]
            entry["step_ms"] = spread(steps)
    return {"contestants": entries}
