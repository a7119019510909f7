"""Searches a policy's ranges and probabilities: `search(SearchOptions(...))`. Needs Optuna.

Names load on first use, so that the options need neither Optuna nor TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from augreg.lazy import loader
from augreg.search.options import SearchOptions

if TYPE_CHECKING:
    from augreg.search.winner import Found as Found
    from augreg.search.winner import search as search

_HOME = {"Found": "winner", "search": "winner"}

__all__ = [*_HOME, "SearchOptions"]

__getattr__ = loader(__name__, _HOME)
