"""`augreg.train(...)`: a run from Python, of a named network or of any Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from rich.console import Console

from augreg.policy import Policy
from augreg.sources import Source
from augreg.train.given import described
from augreg.train.options import TrainOptions
from augreg.train.report import Summary
from augreg.train.start import train


def fit(
    model: Any,
    policy: str | PathLike[str] | Mapping[str, Any] | Policy | None,
    data: str | Source = "digits",
    *,
    console: Console | None = None,
    **options: Any,
) -> Summary:
    """Trains an image classifier under a policy; `augreg.train` is this function.

    It writes what `augreg train` writes, and resumes and stops as that does.

    Args:
        model: `tutorial`, a name in `keras.applications`, or a Keras model that takes what the
            policy gives, float32 [B,H,W,C], and gives [B,classes]. A model is trained in place.
            Where it is compiled, its optimizer (begun anew) and its cross-entropy are used; else
            Adam, and its output is taken as probabilities if it ends in a softmax, as logits if
            not.
        policy: as `augreg.load_policy` takes it or gives it; None: images are not augmented.
        data: as `augreg.open_source` takes it, or what that returns.
        console: where progress goes; `Console(quiet=True)` for nowhere.
        options: all others of `TrainOptions`, such as `epochs` and `output`.

    Returns:
        What `summary.json` holds, and `history`, a dict for each epoch.

    Raises:
        RunError: options don't go together, or the model does not fit the data or the policy.
        PolicyError, DataError: as `augreg.train.train`.

    >>> import augreg  # doctest: +SKIP
    >>> summary = augreg.train("tutorial", "digits", epochs=5, output="runs/digits")
    >>> summary.history[-1]["val_accuracy"] > 0.8
    True
    """
    source = data if isinstance(data, Source) else None
    options = {"policy": policy, "data": source.name if source else data, **options}
    if isinstance(model, str):
        return train(TrainOptions(model=model, **options), source=source, console=console)
    made = TrainOptions(model=described(model), **options)
    return train(made, source=source, model=model, console=console)
