"""Checkpoints of a run: everything that decides its next step, in one file, the last two kept.

A file is NumPy's `.npz`, whose every member carries a CRC, so a damaged one is known by reading it.
Where the run was is part of it (epoch and batch): samples are drawn by (seed, epoch, index), so the
data needs no state of its own.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augreg import files
from augreg.errors import RunError
from augreg.train.options import TrainOptions

if TYPE_CHECKING:
    from augreg.train.data import Feed

FORMAT = 1
KEPT = 2
FOLDER = "checkpoints"


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        epoch, batch: the next to train on; `batch` equal to the epoch's batches: validate next.
        step: batches trained on in all.
        seconds: spent training in this epoch.
        history: a row for each epoch that is done.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        output: the run's folder.
        identity: what a run has to have in common with a checkpoint to continue from it.
        variables: what is kept, Keras or TensorFlow variables, by group ("model", "optimizer" ...).
    """

    def __init__(
        self, output: Path, identity: Mapping[str, Any], variables: Mapping[str, Sequence[Any]]
    ) -> None:
        self.folder, self.identity = output / FOLDER, dict(identity)
        self.variables = {
            f"{group}/{i}": variable
            for group, some in variables.items()
            for i, variable in enumerate(some)
        }

    def save(self, progress: Progress) -> Path:
        """Writes a checkpoint, then removes those before the one before it."""
        meta = {"format": FORMAT, "identity": self.identity, "progress": asdict(progress)}
        arrays = {name: np.asarray(v.numpy()) for name, v in self.variables.items()}
        place = (progress.step, progress.epoch, progress.batch)
        path = self.folder / "step-{:09d}-epoch-{:05d}-batch-{:06d}.npz".format(*place)
        with files.replacing(path) as temporary, temporary.open("wb") as file:
            text = json.dumps(meta).encode()
            np.savez(file, meta=np.frombuffer(text, np.uint8), **arrays)  # type: ignore[arg-type]  # no name is `allow_pickle`
        for old in self.paths()[KEPT:]:
            old.unlink(missing_ok=True)
        return path

    def paths(self) -> list[Path]:
        """The checkpoints that there are, the newest first."""
        return sorted(self.folder.glob("step-*.npz"), reverse=True)

    def restore(self) -> tuple[Progress | None, list[str]]:
        """Loads the newest whole checkpoint into the variables.

        Returns:
            Where the run was (None: there is no checkpoint), and a note on each that was damaged.

        Raises:
            RunError: it is another run's, or all of them are damaged.
        """
        notes: list[str] = []
        paths = self.paths()
        for path in paths:
            try:
                with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                    arrays = {name: file[name] for name in file.files}
                meta = json.loads(arrays.pop("meta").tobytes())
                progress = Progress(**meta["progress"])
            except (OSError, ValueError, KeyError, TypeError, *_DAMAGE) as error:
                notes.append(f"{path}: damaged ({error}); the one before it is used")
                continue
            _check_identity(path, meta, self.identity)
            self._assign(path, arrays)
            return progress, notes
        if paths:
            raise RunError(
                f"{self.folder}: all {len(paths)} checkpoints are damaged ({notes[0]}); remove the "
                "folder to start anew"
            )
        return None, notes

    def _assign(self, path: Path, arrays: Mapping[str, Any]) -> None:
        # Keras names a dtype by a string, TensorFlow by an object that has a name.
        wanted = {
            name: f"{getattr(v.dtype, 'name', v.dtype)} {list(v.shape)}"
            for name, v in self.variables.items()
        }
        found = {name: f"{array.dtype} {list(array.shape)}" for name, array in arrays.items()}
        for name in sorted({*wanted, *found}):
            kept, made = found.get(name, "missing"), wanted.get(name, "missing")
            if kept != made:
                raise RunError(
                    f"{path}: the variable {name} is {kept} there and {made} in the model; it was "
                    "made by another version of Keras: install that, or start anew"
                )
        for name, variable in self.variables.items():
            variable.assign(arrays[name])


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


# Options that an identity names only where they are something else than the default.
_ONLY_CHANGED = (
    *("slices", "weights", "freeze_epochs", "learning_rate", "fine_tune_rate", "schedule"),
    *("warmup_epochs", "decay", "early_stopping", "class_weights", "mixed_precision"),
    "limit_train",
)


def identity(feed: Feed) -> dict[str, Any]:
    """What decides the weights: a checkpoint of a run that differs here is refused."""
    options, source = feed.options, feed.source
    return {
        "class_names": list(source.class_names),
        "policy hash": feed.policy.hash,  # over steps, output, op versions and draws
        "augment": options.augment,
        "seed": options.seed,
        "batch size": options.batch_size,
        "placement": options.placement,
        "model": options.model,
        "data": options.data,
        "training images": source.splits["train"].size,
        "image size": list(feed.fed),
        "deterministic": options.deterministic,
        **_changed(options),
    }


def _changed(options: TrainOptions) -> dict[str, Any]:
    defaults = _defaults()
    found = {name: getattr(options, name) for name in _ONLY_CHANGED}
    if options.schedule == "cosine":
        found["epochs"] = options.epochs  # the rate of each step depends on where the run ends
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in found.items()
        if value != defaults[name]
    }


def _defaults() -> dict[str, Any]:
    """What an identity says where it does not name an option."""
    values = {field.name: field.default for field in fields(TrainOptions)}
    return {**{name: values[name] for name in _ONLY_CHANGED}, "epochs": None}


def refuse_to_overwrite(options: TrainOptions) -> None:
    """Raises `RunError` where there is a run in the output folder that is not to be resumed."""
    output = options.output
    used = [name for name in ("summary.json", FOLDER) if (output / name).exists()]
    if used and not options.resume:
        raise RunError(
            f"{output}: there is a run in it already ({used[0]}); continue it with --resume, "
            "remove it, or name another --output"
        )


def _check_identity(path: Path, meta: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    if meta["format"] != FORMAT:
        raise RunError(f"{path}: format {meta['format']}; this release reads {FORMAT}")
    kept = {**_defaults(), **meta["identity"]}
    then, now = kept.get("class_names"), identity["class_names"]
    if then != now:
        raise RunError(
            f"{path}: the model's classes are {_listed(then)}; the data's are {_listed(now)}; "
            "name the data that it was trained on, or another --output"
        )
    differing = [
        f"{name} was {kept.get(name)!r} and is now {value!r}"
        for name, value in {**_defaults(), **identity}.items()
        if kept.get(name) != value
    ]
    if differing:
        raise RunError(
            f"{path}: the run can't continue as another: {'; '.join(differing)}. Give the same "
            "again, or name another --output"
        )


def _listed(names: Any) -> str:
    return "[" + ", ".join(names or ()) + "]"
