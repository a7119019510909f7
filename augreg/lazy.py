"""Packages whose names load on first use, so that importing them imports no TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def loader(package: str, home: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562, https://peps.python.org/pep-0562/).

    home: the module in the package that each name is in.
    """

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
