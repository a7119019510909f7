"""Evaluates a finished run of `augreg train`: its figures, and pictures of where it is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augreg.evaluation.run import Evaluation as Evaluation
    from augreg.evaluation.run import evaluate as evaluate

__all__ = ["Evaluation", "evaluate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'augreg.evaluation' has no attribute {name!r}")
    return getattr(import_module("augreg.evaluation.run"), name)
