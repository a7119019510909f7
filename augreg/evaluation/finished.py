"""A finished run: what its folder says, and the data that it is evaluated on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from augreg.errors import RunError
from augreg.layer import AugmentationLayer
from augreg.policy import Policy
from augreg.sources import Source
from augreg.train import TrainOptions, config
from augreg.train.data import Feed
from augreg.train.models import load_model


@dataclass(frozen=True)
class Finished:
    """What a run's folder holds.

    Attributes:
        network: a Keras model that takes what the policy gives.
        from_logits: whether the network gives logits; else probabilities.
        epochs: how many there were.
    """

    folder: Path
    options: TrainOptions
    policy: Policy
    network: Any
    class_names: tuple[str, ...]
    from_logits: bool
    epochs: int

    def feed(self, source: Source, policy: Policy, augment: bool = False) -> Feed:
        """The batches of a source under a policy, for this network.

        Raises:
            RunError: the images leave the policy in another size than the network takes.
        """
        options = replace(
            self.options, policy=policy, data=source.name, augment=augment, placement="data"
        )
        feed = Feed(source, policy, options)
        takes = tuple(self.network.input_shape[1:])
        if feed.fed != takes:
            found, wanted = ("x".join(map(str, shape)) for shape in (feed.fed, takes))
            raise RunError(
                f"{source.name}: images leave the policy as {found}, and the model of "
                f"{self.folder} takes {wanted}; evaluate it on images of the size that it was "
                "trained on"
            )
        return feed

    def numbers_in(self, source: Source) -> list[int]:
        """The run's class number for each of the source's, which may have another order.

        Raises:
            RunError: the classes are not the same.
        """
        lacking = _listed(name for name in self.class_names if name not in source.class_names)
        others = _listed(name for name in source.class_names if name not in self.class_names)
        if lacking or others:
            said = [f"has no {lacking}"] * bool(lacking) + [f"has {others}"] * bool(others)
            raise RunError(
                f"{source.name}: {' and '.join(said)}; the classes of {self.folder} are "
                f"{_listed(self.class_names)}: rename the classes, or evaluate on other data"
            )
        return [self.class_names.index(name) for name in source.class_names]


def open_run(folder: Path) -> Finished:
    """Reads a run's folder.

    Raises:
        RunError: it is not the folder of a finished run.
        PluginError: an op of its policy is not installed.
    """
    summary = folder / "summary.json"
    try:
        said = json.loads(summary.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(
            f"{summary}: it can't be read: {error.strerror}; name the folder of a finished run of "
            "augreg train, which writes this file last"
        ) from error
    except ValueError as error:
        raise RunError(f"{summary}: not JSON: {error}") from error
    model = load_model(folder / "model.keras")
    layer, network = _parts(folder, model)
    return Finished(
        folder,
        TrainOptions(**config.read_config(folder / config.NAME)),
        layer.policy,
        network,
        tuple(said["class_names"]),
        said.get("from_logits", True),  # a run of an earlier release, which made only such
        said["epochs"],
    )


def _parts(folder: Path, model: Any) -> tuple[AugmentationLayer, Any]:
    """The policy's layer, and the network behind it."""
    layers = [layer for layer in model.layers if isinstance(layer, AugmentationLayer)]
    if len(layers) != 1:
        raise RunError(f"{folder / 'model.keras'}: not a model that augreg train wrote")
    return layers[0], model.layers[-1]


def _listed(names: Iterable[str], most: int = 10) -> str:
    found: Sequence[str] = [f'"{name}"' for name in names]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
