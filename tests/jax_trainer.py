"""A process of several that train one model on Keras's JAX backend; `test_jax` starts them.

python jax_trainer.py PROCESS COUNT HOST:PORT
"""

from __future__ import annotations

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import tensorflow as tf

import augreg

DRAWN = [{"op": "flip"}, {"op": "brightness", "delta": [-0.2, 0.2]}]


def main(process: int, count: int, address: str) -> None:
    """Trains on the rows of each batch that are this process's, and prints what came of it."""
    if count > 1:
        keras.distribution.initialize(address, count, process)
        parallel = keras.distribution.DataParallel(
            devices=keras.distribution.list_devices(), auto_shard_dataset=False
        )
        keras.distribution.set_distribution(parallel)
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (100, 16, 16, 3)).astype("uint8")
    train = augreg.augment_dataset(
        tf.data.Dataset.from_tensor_slices((images, np.arange(100) % 3)),
        {"version": 1, "augment": DRAWN},
        batch_size=32,
        seed=1,
        shuffle=True,
        drop_remainder=True,
        shard=(process, count),
    )
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    history = model.fit(train, epochs=2, shuffle=False, verbose=0)
    rows = train.element_spec[0].shape[0]
    print(json.dumps({"rows": rows, "steps": len(train), "losses": history.history["loss"]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
