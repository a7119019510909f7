"""What a training run is asked to do. Nothing here imports TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from augreg.errors import RunError
from augreg.paths import check_here, holds
from augreg.sources.openers import without_kind

if TYPE_CHECKING:
    from augreg.policy import Policy

PLACEMENTS = ("data", "model")
TUTORIAL = "tutorial"
IMAGENET = "imagenet"
SCHEDULES = ("constant", "cosine", "exponential")
BALANCED = "balanced"
PRECISIONS = ("float16", "bfloat16")
_SEEDS = 2**32


@dataclass(frozen=True)
class TrainOptions:
    """The options of `augreg train`.

    Attributes:
        policy: a policy's path, or the policy, also as a dict; None: images are not augmented, only
            resized to `size` if given.
        data: as `open_source` takes it: `digits`, `folder:PATH` or a TFDS name.
        placement: `data`: the dataset augments; `model`: a layer in front of the model does. Both
            train on the same pixels.
        model: `tutorial`, or a name in `keras.applications`.
        weights: of a network of `keras.applications`: `imagenet` (downloaded by Keras), or the path
            of a file (.weights.h5, .h5 or .keras). Its preprocessing is built in. None: random.
        freeze_epochs: the first epochs, which train the head alone; after them the optimizer
            starts anew, on all weights. The backbone stays in inference mode throughout.
        learning_rate: above 0; None: 0.001, or that of a model which is compiled.
        fine_tune_rate: the learning rate after `freeze_epochs`; None: a hundredth of the first.
        schedule: of the learning rate: `constant`; `cosine`, to 0 at the end of the run;
            `exponential`, times `decay` each epoch. It starts anew after `freeze_epochs`.
        warmup_epochs: in which the rate rises linearly, before the schedule starts.
        decay: 0 to 1, of `exponential`; None: 0.95.
        early_stopping: the run ends after so many epochs (1 or more) without a lower validation
            loss, not counting `freeze_epochs`, and keeps the best weights. None: it does not.
        class_weights: `balanced`: the loss of a sample is weighted by n / (classes * images of its
            class), of n training images; None: all weigh the same.
        mixed_precision: `float16` (with loss scaling) or `bfloat16`: layers compute in it, weights
            stay float32. None: the precision that Keras is set to.
        tensorboard: write logs for TensorBoard to `output/logs`.
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
        limit_train: train on so many of the training images (1 or more), which the seed draws;
            validation and test are whole. None: on all.
        augment: False skips the policy's `augment`; `prepare` and `output` still run.
        input_service: the dispatcher of a tf.data service that prepares training batches, as
            grpc://HOST:PORT; the batches are the same. See `augment_dataset`.
        checkpoint_seconds: the time between two checkpoints within an epoch; each epoch also ends
            with one.

    Raises:
        RunError: a value is not allowed, or options do not go together.
        PathError: a path is not on this machine.
    """

    policy: str | PathLike[str] | Mapping[str, Any] | Policy | None
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
    limit_train: int | None = None
    checkpoint_seconds: float = 60.0
    weights: str | PathLike[str] | None = None
    freeze_epochs: int = 0
    learning_rate: float | None = None
    fine_tune_rate: float | None = None
    schedule: str = "constant"
    warmup_epochs: int = 0
    decay: float | None = None
    early_stopping: int | None = None
    class_weights: str | None = None
    mixed_precision: str | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        tfds = (one for one in (self.data_dir, self.manual_dir) if isinstance(one, Path))
        check_here(
            self.output, self.weights, without_kind(self.data), *tfds
        )  # TFDS reads "gs://..."
        object.__setattr__(self, "output", Path(self.output))
        self._check_values()
        self._check_together()

    def _check_values(self) -> None:
        allowed = {
            "placement": PLACEMENTS,
            "schedule": SCHEDULES,
            "class_weights": (None, BALANCED),
            "mixed_precision": (None, *PRECISIONS),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                words = " and ".join(value for value in values if value is not None)
                raise RunError(f'{name} "{getattr(self, name)}"; allowed are {words}')
        for name in ("epochs", "batch_size", "slices", "early_stopping", "limit_train"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise RunError(f"{name} is {value}; it has to be 1 or more")
        for name in ("freeze_epochs", "warmup_epochs"):
            if getattr(self, name) < 0:
                raise RunError(f"{name} is {getattr(self, name)}; it has to be 0 or more")
        for name in ("learning_rate", "fine_tune_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise RunError(f"{name} is {value}; it has to be above 0")
        if self.decay is not None and not 0 < self.decay <= 1:
            raise RunError(f"decay is {self.decay}; it has to be above 0, and 1 or less")
        if not 0 <= self.seed < _SEEDS:
            raise RunError(f"seed is {self.seed}; allowed are 0 to {_SEEDS - 1}")
        if not 0 <= self.max_bad <= 1:
            raise RunError(f"max_bad is {self.max_bad}; it is a fraction, 0 to 1")
        if self.size is not None and min(self.size) < 1:
            raise RunError(f"size is {self.size}; a height and a width of 1 or more are allowed")

    def _check_together(self) -> None:
        if self.weights is not None and self.model == TUTORIAL:
            raise RunError(
                f"weights and model {TUTORIAL} don't go together: nobody published weights of it; "
                "name a model of keras.applications, such as MobileNetV2"
            )
        if self.freeze_epochs and self.weights is None:
            raise RunError(
                "freeze_epochs without weights would freeze a network that has learned nothing; "
                "give weights (imagenet or a file), or leave freeze_epochs out"
            )
        if self.freeze_epochs > self.epochs:
            raise RunError(
                f"freeze_epochs is {self.freeze_epochs}, of {self.epochs} epochs; raise epochs, "
                "which counts all of them"
            )
        if self.fine_tune_rate is not None and not self.freeze_epochs:
            raise RunError(
                "fine_tune_rate is the learning rate after freeze_epochs, which is 0; set that, or "
                "use learning_rate"
            )
        if self.decay is not None and self.schedule != "exponential":
            raise RunError(f"decay goes with schedule exponential, and schedule is {self.schedule}")
        shortest = min(filter(None, (self.freeze_epochs, self.epochs - self.freeze_epochs)))
        if self.warmup_epochs >= shortest and self.warmup_epochs:
            raise RunError(
                f"warmup_epochs is {self.warmup_epochs}; it has to be below {shortest}, the epochs "
                "between two changes of what is trained"
            )
        if self.mixed_precision is not None and self.slices > 1:
            raise RunError(
                f"mixed_precision and slices {self.slices} don't go together: sums of rounded "
                "gradients would differ with the number of slices; leave one of them out (workers "
                "compute a slice each)"
            )

    def check_places(self) -> None:
        """Raises `RunError` where the run's own files would be read as data by the next one."""
        kind, _, root = self.data.partition(":")
        if kind == "folder" and root and Path(root).is_dir() and holds(root, self.output):
            raise RunError(
                f"{self.output}: the output folder is the data folder or is inside it, where "
                "the next run would read it as a class; name one outside of it"
            )
