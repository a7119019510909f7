"""What a training run is asked to do. Nothing here imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from augreg.errors import RunError
from augreg.paths import check_here, holds
from augreg.sources.openers import without_kind

PLACEMENTS = ("data", "model")
TUTORIAL = "tutorial"
_SEEDS = 2**32


@dataclass(frozen=True)
class TrainOptions:
    """The options of `augreg train`.

    Attributes:
        policy: a policy's path (or the policy as a dict); None: images are not augmented, only
            resized to `size` if given.
        data: as `open_source` takes it: `digits`, `folder:PATH` or a TFDS name.
        placement: `data`: the dataset augments; `model`: a layer in front of the model does. Both
            train on the same pixels.
        model: `tutorial`, or a name in `keras.applications`, built without trained weights.
        epochs, batch_size: 1 or more.
        seed: 0 to 2**32-1: of the model's initial weights, the order and the augmentation.
        output: the run's folder.
        resume: continue from the newest complete checkpoint in `output`.
        data_dir, manual_dir: TFDS's data directory, and the folder of manual downloads.
        max_bad: the fraction of images, 0 to 1, that may be unreadable before a run fails.
        size: (height, width) of the images, if neither the data nor the policy fixes it.
        deterministic: deterministic TensorFlow ops only, which turns XLA off in this process.
        slices: each batch is computed in so many slices, whose gradients are added; the number of
            workers, where TF_CONFIG names several.
        augment: False skips the policy's `augment`; `prepare` and `output` still run.
        input_service: the dispatcher of a tf.data service that prepares training batches, as
            grpc://HOST:PORT; the batches are the same. See `augment_dataset`.
        checkpoint_seconds: the time between two checkpoints within an epoch; each epoch also ends
            with one.

    Raises:
        RunError: a value is not allowed. PathError: a path is not on this machine.
    """

    policy: str | PathLike[str] | Mapping[str, Any] | None
    data: str = "digits"
    placement: str = "data"
    model: str = TUTORIAL
    epochs: int = 5
    batch_size: int = 32
    seed: int = 0
    output: Path = Path("runs/latest")
    resume: bool = False
    data_dir: Path | None = None
    manual_dir: Path | None = None
    max_bad: float = 0.01
    size: tuple[int, int] | None = None
    deterministic: bool = False
    augment: bool = True
    input_service: str | None = None
    slices: int = 1
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        tfds = (one for one in (self.data_dir, self.manual_dir) if isinstance(one, Path))
        check_here(self.output, without_kind(self.data), *tfds)  # TFDS reads "gs://..."
        object.__setattr__(self, "output", Path(self.output))
        if self.placement not in PLACEMENTS:
            raise RunError(f'placement "{self.placement}"; allowed are {" and ".join(PLACEMENTS)}')
        for name in ("epochs", "batch_size", "slices"):
            if getattr(self, name) < 1:
                raise RunError(f"{name} is {getattr(self, name)}; it has to be 1 or more")
        if not 0 <= self.seed < _SEEDS:
            raise RunError(f"seed is {self.seed}; allowed are 0 to {_SEEDS - 1}")
        if not 0 <= self.max_bad <= 1:
            raise RunError(f"max_bad is {self.max_bad}; it is a share, 0 to 1")
        if self.size is not None and min(self.size) < 1:
            raise RunError(f"size is {self.size}; a height and a width of 1 or more are allowed")

    def check_places(self) -> None:
        """Raises `RunError` where the run's own files would be read as data by the next one."""
        kind, _, root = self.data.partition(":")
        if kind == "folder" and root and Path(root).is_dir() and holds(root, self.output):
            raise RunError(
                f"{self.output}: the output folder is the data folder or is inside it, where "
                "the next run would read it as a class; name one outside of it"
            )
