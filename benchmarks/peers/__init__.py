"""The contestants: one module a library, each turning a case into a runner."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Runner, Skipped
from benchmarks.race import Contestant, named
from benchmarks.work import Case


@dataclass(frozen=True)
class Source:
    """What is worked on. images: uint8 [N,H,W,3], shared by the contestants in this process."""

    case: Case
    images: np.ndarray


def _by(module: str, function: str = "in_data", **options: Any) -> Callable[[Source], Runner]:
    """`function(source, **options)` of a module here, which is imported only when that is called.

    So a library that is missing is reported as skipped, and costs the others nothing.
    """

    def build(source: Source) -> Runner:
        try:
            found = importlib.import_module(f"benchmarks.peers.{module}")
        except ModuleNotFoundError as error:
            raise Skipped(f"not installed: {error}") from error
        return getattr(found, function)(source, **options)

    return build


_crew = partial(_by, "processes", "start")
_cv, _torch = (partial(_crew, library=library) for library in ("albumentations", "pytorch"))
TWO = "Albumentations, 2 processes"
CONTESTANTS = (
    Contestant("augreg", "augreg, augment_dataset", _by("ours")),
    Contestant("augreg_eager", "augreg, map_fn called", _by("ours", "map_fn_called")),
    Contestant("floor", "floor: cast only, in tf.data", _by("placement", "floor_in_data")),
    Contestant("floor_eager", "floor: cast only, called (XLA)", _by("placement", "floor_called")),
    Contestant("keras_data", "Keras layers in tf.data", _by("keras_layers")),
    Contestant("keras_model", "Keras layers in a model", _by("keras_layers", "in_model")),
    Contestant("tf_image", "tf.image in tf.data", _by("tf_image")),
    Contestant("albumentations_data", "Albumentations in tf.data", _by("albumentations")),
    # One process with OpenCV's own threads, as it comes. Two have one thread each: OpenCV's own
    # would fight over the same cores.
    Contestant("albumentations_alone", "Albumentations, 1 process", _cv(workers=1, threads=-1)),
    Contestant("albumentations_2p", TWO, _cv()),
    Contestant("albumentations_2p_lut", f"{TWO}, cheaper contrast", _cv(lut=True)),
    Contestant("keras_aug", "KerasAug in tf.data", _by("keras_aug")),
    Contestant("torchvision_2p", "torchvision v2, 2 processes", _torch(batched=False)),
    Contestant("kornia", "Kornia, 1 process", _torch(batched=True, workers=1)),
)

# Who is measured where a policy's size is not the one that the goals are for.
MAIN = ("floor", "augreg", "keras_data", "keras_model", "tf_image", "albumentations_2p")


def contestants(only: Sequence[str] = ()) -> list[Contestant]:
    """The contestants in the order of the tables: those in `only`, or all."""
    return named(CONTESTANTS, only)
