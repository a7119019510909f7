"""Trains policies side by side and says what differs: `compare(CompareOptions(...))`.

Names load on first use, so that the options need no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from augreg.compare.options import CompareOptions
from augreg.lazy import loader

if TYPE_CHECKING:
    from augreg.compare.comparison import compare as compare
    from augreg.compare.results import Results as Results

_HOME = {"Results": "results", "compare": "comparison"}

__all__ = [*_HOME, "CompareOptions"]

__getattr__ = loader(__name__, _HOME)
