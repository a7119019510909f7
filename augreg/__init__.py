"""augreg compiles image-augmentation policies for TensorFlow and Keras.

Public names load on first use, so that importing augreg imports neither TensorFlow nor NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augreg.algebra import AffineMap as AffineMap
    from augreg.algebra import ColorMap as ColorMap
    from augreg.algebra import LatticeMap as LatticeMap
    from augreg.algebra import Mix as Mix
    from augreg.algebra import Neighborhood as Neighborhood
    from augreg.algebra import PixelFunction as PixelFunction
    from augreg.algebra import ProjectiveMap as ProjectiveMap
    from augreg.algebra import Resize as Resize
    from augreg.backends.reference import augment as augment
    from augreg.beta import symmetric_beta as symmetric_beta
    from augreg.dataset import augment_dataset as augment_dataset
    from augreg.dataset import map_fn as map_fn
    from augreg.errors import AugregError as AugregError
    from augreg.errors import ParameterError as ParameterError
    from augreg.errors import PolicyError as PolicyError
    from augreg.hookspecs import hookimpl as hookimpl
    from augreg.layer import AugmentationLayer as AugmentationLayer
    from augreg.levels import to_levels as to_levels
    from augreg.macros import Macro as Macro
    from augreg.macros import macro as macro
    from augreg.operation import Op as Op
    from augreg.operation import op as op
    from augreg.params import REQUIRED as REQUIRED
    from augreg.params import Fill as Fill
    from augreg.params import Integer as Integer
    from augreg.params import Key as Key
    from augreg.params import Option as Option
    from augreg.params import Range as Range
    from augreg.params import Unit as Unit
    from augreg.policy import Policy as Policy
    from augreg.policy import load_policy as load_policy

__version__ = "0.1.0"

_HOME = {
    "AffineMap": "algebra",
    "AugmentationLayer": "layer",
    "AugregError": "errors",
    "ColorMap": "algebra",
    "Fill": "params",
    "Integer": "params",
    "Key": "params",
    "LatticeMap": "algebra",
    "Mix": "algebra",
    "Macro": "macros",
    "Neighborhood": "algebra",
    "Op": "operation",
    "Option": "params",
    "ParameterError": "errors",
    "PixelFunction": "algebra",
    "Policy": "policy",
    "PolicyError": "errors",
    "ProjectiveMap": "algebra",
    "REQUIRED": "params",
    "Range": "params",
    "Resize": "algebra",
    "Unit": "params",
    "augment": "backends.reference",
    "augment_dataset": "dataset",
    "hookimpl": "hookspecs",
    "load_policy": "policy",
    "macro": "macros",
    "map_fn": "dataset",
    "op": "operation",
    "symmetric_beta": "beta",
    "to_levels": "levels",
}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'augreg' has no attribute {name!r}")
    value = getattr(import_module(f"augreg.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
