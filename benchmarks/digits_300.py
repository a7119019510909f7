"""Does augmentation help where images are few? The digits policy on 300 images, five seeds.

    python -m benchmarks.digits_300 [--epochs 60] [--seeds 5] [--output results.json]

For each seed: 300 of the 1,297 training images, drawn by that seed, and two runs of the tutorial's
network that differ in one thing only, whether the policy's `augment` runs. Both begin with the same
weights and see the images in the same order. What counts is the difference of each pair.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import machine
from benchmarks.report import show_plain

POLICY = Path(__file__).parents[1] / "policies" / "digits.json"
IMAGES = 300


def subset(seed: int) -> Any:
    """The digits with `IMAGES` training images."""
    from augreg.sources import Source, Split, open_source

    full = open_source("digits")
    train = full.splits["train"]
    order = np.random.default_rng(seed).permutation(train.size)[:IMAGES]
    images, labels = (np.stack(part) for part in zip(*train.dataset, strict=True))
    import tensorflow as tf

    few = tf.data.Dataset.from_tensor_slices((images[order], labels[order]))
    splits = {**full.splits, "train": Split(IMAGES, few)}
    return Source(full.name, full.class_names, splits, notes=full.notes)


def accuracy(seed: int, augment: bool, epochs: int) -> float:
    """Of one run, on the 250 test images."""
    from augreg.train import TrainOptions, train

    with tempfile.TemporaryDirectory() as folder:
        options = TrainOptions(
            policy=POLICY, epochs=epochs, seed=seed, augment=augment, output=Path(folder) / "run"
        )
        return train(options, source=subset(seed), console=Console(quiet=True)).test_accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    pairs = []
    for seed in range(given.seeds):
        without, with_ = (accuracy(seed, augment, given.epochs) for augment in (False, True))
        pairs.append({"seed": seed, "without": without, "with": with_, "gain": with_ - without})
    gains = [pair["gain"] for pair in pairs]
    mean, spread = statistics.mean(gains), statistics.stdev(gains) if len(gains) > 1 else 0.0
    rows = [[str(p["seed"]), *(f"{p[k]:.3f}" for k in ("without", "with", "gain"))] for p in pairs]
    title = f"digits, {IMAGES} images, {given.epochs} epochs: test accuracy"
    console = Console()
    show_plain(title, ("seed", "without", "with augment", "difference"), rows, console)
    console.print(f"mean difference {mean:+.4f}, standard deviation {spread:.4f}")
    if given.output:
        found = {"epochs": given.epochs, "machine": machine.describe(), "pairs": pairs}
        given.output.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
