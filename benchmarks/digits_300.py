"""Does augmentation help where images are few? The digits policy on 300 images, five seeds.

    python -m benchmarks.digits_300 [--epochs 60] [--seeds 5] [--output results.json]

For each seed: 300 of the 1,297 training images, drawn by that seed, and two runs of the tutorial's
network that differ in one thing only, whether the policy's `augment` runs. Both begin with the same
weights and see the images in the same order. What counts is the difference of each pair.
"""

import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import typer
from rich.console import Console

from augreg.sources import Source, Split, open_source
from augreg.train import TrainOptions, train
from benchmarks import machine
from benchmarks.page import show, table

POLICY = Path(__file__).parents[1] / "policies" / "digits.json"
IMAGES = 300
COLUMNS = {
    "seed": "{seed}",
    "without": "{without:.3f}",
    "with augment": "{with:.3f}",
    "difference": "{gain:.3f}",
}


def subset(seed: int) -> Source:
    """The digits with `IMAGES` training images."""
    full = open_source("digits")
    train = full.splits["train"]
    order = np.random.default_rng(seed).permutation(train.size)[:IMAGES]
    images, labels = (np.stack(part) for part in zip(*train.dataset, strict=True))
    few = tf.data.Dataset.from_tensor_slices((images[order], labels[order]))
    splits = {**full.splits, "train": Split(IMAGES, few)}
    return Source(full.name, full.class_names, splits, notes=full.notes)


def accuracy(seed: int, augment: bool, epochs: int) -> float:
    """Of one run, on the 250 test images."""
    with tempfile.TemporaryDirectory() as folder:
        options = TrainOptions(
            policy=POLICY, epochs=epochs, seed=seed, augment=augment, output=Path(folder) / "run"
        )
        return train(options, source=subset(seed), console=Console(quiet=True)).test_accuracy


def main(epochs: int = 60, seeds: int = 5, output: Path | None = None) -> None:
    """Does augmentation help where images are few? The digits policy on 300 images."""
    pairs = []
    for seed in range(seeds):
        without, with_ = (accuracy(seed, augment, epochs) for augment in (False, True))
        pairs.append({"seed": seed, "without": without, "with": with_, "gain": with_ - without})
    gains = [pair["gain"] for pair in pairs]
    mean, spread = statistics.mean(gains), statistics.stdev(gains) if len(gains) > 1 else 0.0
    print(f"digits, {IMAGES} images, {epochs} epochs: test accuracy")
    show(table(COLUMNS, pairs))
    print(f"mean difference {mean:+.4f}, standard deviation {spread:.4f}")
    if output:
        found = {"epochs": epochs, "machine": machine.describe(), "pairs": pairs}
        output.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
