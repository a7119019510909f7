"""Evaluates a finished run of `augreg train`: its figures, and pictures of where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augreg.lazy import loader

if TYPE_CHECKING:
    from augreg.evaluation.run import Evaluation as Evaluation
    from augreg.evaluation.run import evaluate as evaluate

_HOME = {"Evaluation": "run", "evaluate": "run"}

__all__ = [*_HOME]
__getattr__ = loader(__name__, _HOME)
