"""Trains policies side by side and says what differs: `compare(CompareOptions(...))`.

Names load on first use, so that the options need no TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from augreg.compare.options import CompareOptions

if TYPE_CHECKING:
    from augreg.compare.comparison import compare as compare
    from augreg.compare.results import Results as Results

_HOME = {"Results": "results", "compare": "comparison"}

__all__ = [*_HOME, "CompareOptions"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'augreg.compare' has no attribute {name!r}")
    value = getattr(import_module(f"augreg.compare.{_HOME[name]}"), name)
    globals()[name] = value
    return value
