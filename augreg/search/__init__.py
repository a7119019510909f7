"""Searches a policy's ranges and probabilities: `search(SearchOptions(...))`. Needs Optuna.

Names load on first use, so that the options need neither Optuna nor TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from augreg.search.options import SearchOptions

if TYPE_CHECKING:
    from augreg.search.winner import Found as Found
    from augreg.search.winner import search as search

_HOME = {"Found": "winner", "search": "winner"}

__all__ = [*_HOME, "SearchOptions"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'augreg.search' has no attribute {name!r}")
    value = getattr(import_module(f"augreg.search.{_HOME[name]}"), name)
    globals()[name] = value
    return value
