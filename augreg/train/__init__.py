"""Trains an image classifier under a policy: `train(TrainOptions(...))`, and `load_model`.

Names load on first use: `TrainOptions` does not import TensorFlow.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from augreg.checks import check_keras_backend
from augreg.train.options import TrainOptions

if TYPE_CHECKING:
    from augreg.train.models import load_model as load_model
    from augreg.train.report import Summary as Summary
    from augreg.train.signals import Interrupted as Interrupted
    from augreg.train.start import train as train

_HOME = {"Interrupted": "signals", "Summary": "report", "load_model": "models", "train": "start"}

__all__ = ["Interrupted", "Summary", "TrainOptions", "load_model", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'augreg.train' has no attribute {name!r}")
    # asked before Keras is imported, which fails where its backend is not installed
    check_keras_backend(os.environ.get("KERAS_BACKEND") or "tensorflow", "augreg.train")
    value = getattr(import_module(f"augreg.train.{_HOME[name]}"), name)
    globals()[name] = value
    return value
