"""Keras's automatic policies, and the layers that no policy can say."""

from __future__ import annotations

from collections.abc import Mapping

from augreg.importing.conversion import Entry, Given
from augreg.importing.keras.ranges import factor, ranged
from augreg.importing.nodes import Step
from augreg.importing.numbers import tidy

_CLASSES = 'it needs the number of classes: write {"op": "%s", "alpha": ..., "classes": ...}'


def _rand_augment(given: Given) -> list[Step]:
    ranged(given)
    given.ignore("interpolation")
    given.differs("operations and ranges are the paper's, and drawn for each image, not each batch")
    magnitude = tidy(10 * factor(given, low=0)[1])
    count = int(given.number("num_ops", default=2))
    return [{"op": "rand_augment", "n": count, "magnitude": magnitude}]


def _aug_mix(given: Given) -> list[Step]:
    ranged(given)
    given.ignore("chain_depth", "alpha", "all_ops", "interpolation")
    given.differs("operations and ranges are the paper's, chains of one to three")
    severity = tidy(max(0.1, 10 * factor(given, low=0)[1]))
    count = int(given.number("num_chains", default=3))
    return [{"op": "aug_mix", "severity": severity, "width": count}]


TABLE: Mapping[str, Entry | str] = {
    "RandAugment": _rand_augment,
    "AugMix": _aug_mix,
    "MixUp": _CLASSES % "mixup",
    "CutMix": _CLASSES % "cutmix",
    "RandomPerspective": "Keras moves three of the corners; write perspective",
    "MaxNumBoundingBoxes": "boxes are padded where augment_dataset batches them",
}
