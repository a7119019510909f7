"""Trains an image classifier under a policy. The package itself is called: `augreg.train(...)`.

`train(TrainOptions(...))` takes all options as one object. Names load on first use: `TrainOptions`
does not import TensorFlow.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from augreg.checks import check_keras_backend
from augreg.lazy import loader
from augreg.train.config import read_config
from augreg.train.options import TrainOptions

if TYPE_CHECKING:
    from augreg.train.fit import fit as fit
    from augreg.train.models import load_model as load_model
    from augreg.train.report import Summary as Summary
    from augreg.train.signals import Interrupted as Interrupted
    from augreg.train.start import train as train

_HOME = {
    "Interrupted": "signals",
    "Summary": "report",
    "fit": "fit",
    "load_model": "models",
    "train": "start",
}

__all__ = [*_HOME, "TrainOptions", "read_config"]
_load = loader(__name__, _HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        # asked before Keras is imported, which fails where its backend is not installed
        check_keras_backend(os.environ.get("KERAS_BACKEND") or "tensorflow", "augreg.train")
    return _load(name)


class _Callable(ModuleType):
    """The package, which is a function too.

    A function of its name would be hidden by the package as soon as anybody imports that.
    """

    def __call__(self, model: Any, policy: Any, *args: Any, **options: Any) -> Summary:
        """As `augreg.train.fit`."""
        return __getattr__("fit")(model, policy, *args, **options)


sys.modules[__name__].__class__ = _Callable
