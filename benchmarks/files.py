"""End to end: JPEG files at their own sizes, read, decoded, resized to 180, augmented, batched."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import augreg
from benchmarks import work
from benchmarks.goals import Goal
from benchmarks.measure import Runner
from benchmarks.peers.keras_layers import stack
from benchmarks.peers.placement import parallel, pulled, seeded
from benchmarks.peers.tf_image import tutorial as tutorial_tf_image
from benchmarks.race import Contestant, named, race, ratio

SIDE, BATCH = work.BASE, 32
RESIZE = {"op": "resize", "height": SIDE, "width": SIDE}
FLOOR, TF_IMAGE = "decode_resize", "tutorial_tf_image"


def listed(folder: Path) -> Any:
    """Paths and labels of `folder/**/label/*.jpg`, shuffled once, without end in practice."""
    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        raise SystemExit(f"{folder}: no .jpg files there; name a folder of them with --data")
    order = np.random.default_rng(0).permutation(len(paths))
    names = sorted({path.parent.name for path in paths})
    labels = [names.index(paths[i].parent.name) for i in order]
    shuffled = [str(paths[i]) for i in order]
    return tf.data.Dataset.from_tensor_slices((shuffled, labels)).repeat(1_000_000)


def decoded(folder: Path) -> Any:
    """uint8 [H,W,3] at its own size, label."""

    def decode(path: Any, label: Any) -> Any:
        return tf.io.decode_jpeg(tf.io.read_file(path), channels=3), label

    return parallel(listed(folder), decode)


def _resize_and_rescale(image: Any, label: Any) -> Any:
    """The tutorial's function of this name."""
    image = tf.image.resize(tf.cast(image, tf.float32), [SIDE, SIDE])
    return image / 255.0, label


def plain(folder: Path) -> Any:
    """Read, decode, resize, rescale, batch: what is there without augmentation."""
    images = parallel(decoded(folder), _resize_and_rescale)
    return images.batch(BATCH, drop_remainder=True)


def _keras(policy: str, folder: Path) -> Runner:
    """The tutorial's `prepare`: its Keras layers, or more of them, on batches."""
    # `_resize_and_rescale` has rescaled already, so without the stack's own Rescaling.
    augmentation = keras.Sequential(stack(policy).layers[1:])
    augmented = parallel(plain(folder), lambda x, y: (augmentation(x, training=True), y))
    return pulled(augmented.prefetch(2))


def _tf_image(folder: Path) -> Runner:
    def augment(sample: Any, seed: Any) -> Any:
        image, label = _resize_and_rescale(*sample)
        return tutorial_tf_image(image, seed, SIDE), label

    images = parallel(seeded(decoded(folder)), augment)
    return pulled(images.batch(BATCH, drop_remainder=True).prefetch(2))


def dataset(policy: str | None, folder: Path) -> Any:
    """Encoded bytes into `augment_dataset`: decoding and resizing are part of the plan."""
    steps = work.policy(policy)["augment"] if policy else []
    loaded = augreg.load_policy({"version": 1, "prepare": [RESIZE], "augment": steps})
    encoded = parallel(listed(folder), lambda path, label: (tf.io.read_file(path), label))
    return augreg.augment_dataset(encoded, loaded, batch_size=BATCH, seed=7, training=True)


def _ours(policy: str | None, folder: Path) -> Runner:
    return pulled(dataset(policy, folder))


CONTESTANTS = (
    Contestant(FLOOR, "read, decode, resize only", lambda at: pulled(plain(at).prefetch(2))),
    Contestant("augreg_resize", "augreg, resize only", partial(_ours, None)),
    Contestant("augreg_tutorial", "augreg, tutorial (Keras)", partial(_ours, "tutorial_keras")),
    Contestant("tutorial", "the tutorial's own code, Keras", partial(_keras, "tutorial_keras")),
    Contestant("augreg_tf_image", "augreg, tutorial (tf.image)", partial(_ours, TF_IMAGE)),
    Contestant(TF_IMAGE, "the tutorial's own code, tf.image", _tf_image),
    Contestant("augreg_full", "augreg, full", partial(_ours, "full")),
    Contestant("keras_full", "Keras layers, full", partial(_keras, "full")),
)

# How many times the rate of another augreg reaches.
GOALS = (
    Goal("augreg_tutorial", "decode_resize", 0.75),
    Goal("augreg_full", "decode_resize", 0.65),
    Goal("augreg_tutorial", "tutorial", 1.6),
)


def run(settings: work.Settings) -> dict[str, Any]:
    """All of them, interleaved; `share` is the rate over that of reading and resizing alone."""
    folder = settings.data
    chosen = named(CONTESTANTS, settings.peers)
    turns, entries = race(chosen, folder, settings, BATCH, floor=FLOOR)
    for entry in entries:
        if share := ratio(turns, entry["name"], FLOOR):
            entry["share"] = share
    pairs = [(goal, ratio(turns, goal.policy, goal.peer)) for goal in GOALS]
    return {
        "files": len(list(folder.rglob("*.jpg"))),
        "contestants": entries,
        "goals": [goal.entry(goal.peer, pair["median"]) for goal, pair in pairs if pair],
    }
