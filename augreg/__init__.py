"""augreg compiles image-augmentation policies for TensorFlow and Keras.

Public names load on first use, so that importing augreg imports neither TensorFlow nor NumPy.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from augreg.lazy import loader

if TYPE_CHECKING:
    from augreg.annotations.element import Indexed as Indexed
    from augreg.backends.reference import augment as augment
    from augreg.compilation_cache import set_compilation_cache as set_compilation_cache
    from augreg.dataset import augment_dataset as augment_dataset
    from augreg.dataset import enumerate_epochs as enumerate_epochs
    from augreg.dataset import map_fn as map_fn
    from augreg.errors import AugregError as AugregError
    from augreg.errors import ParameterError as ParameterError
    from augreg.errors import PolicyError as PolicyError
    from augreg.families import AffineMap as AffineMap
    from augreg.families import ColorMap as ColorMap
    from augreg.families import Displacement as Displacement
    from augreg.families import LatticeMap as LatticeMap
    from augreg.families import Mix as Mix
    from augreg.families import Mosaic as Mosaic
    from augreg.families import Neighborhood as Neighborhood
    from augreg.families import Paste as Paste
    from augreg.families import PixelFunction as PixelFunction
    from augreg.families import ProjectiveMap as ProjectiveMap
    from augreg.families import Resize as Resize
    from augreg.families.levels import to_levels as to_levels
    from augreg.importing import Imported as Imported
    from augreg.importing import import_policy as import_policy
    from augreg.layer import AugmentationLayer as AugmentationLayer
    from augreg.plugin.hookspecs import hookimpl as hookimpl
    from augreg.plugin.macro import Macro as Macro
    from augreg.plugin.macro import macro as macro
    from augreg.plugin.op import Op as Op
    from augreg.plugin.op import op as op
    from augreg.plugin.params import REQUIRED as REQUIRED
    from augreg.plugin.params import Fill as Fill
    from augreg.plugin.params import Integer as Integer
    from augreg.plugin.params import KeepBoxes as KeepBoxes
    from augreg.plugin.params import Key as Key
    from augreg.plugin.params import Option as Option
    from augreg.plugin.params import Range as Range
    from augreg.plugin.params import Uniform01 as Uniform01
    from augreg.policy import Policy as Policy
    from augreg.policy import load_policy as load_policy
    from augreg.random.beta import symmetric_beta as symmetric_beta
    from augreg.sources import open_source as open_source
    from augreg.test_time.predictor import tta as tta
    from augreg.train.fit import fit
    from augreg.views.figure import preview as preview

    train = fit

__version__ = "0.1.0"

_NAMES = {
    "annotations.element": ("Indexed",),
    "backends.reference": ("augment",),
    "compilation_cache": ("set_compilation_cache",),
    "dataset": ("augment_dataset", "enumerate_epochs", "map_fn"),
    "errors": ("AugregError", "ParameterError", "PolicyError"),
    "families": (
        "AffineMap",
        "ColorMap",
        "Displacement",
        "LatticeMap",
        "Mix",
        "Mosaic",
        "Paste",
        "Neighborhood",
        "PixelFunction",
        "ProjectiveMap",
        "Resize",
    ),
    "families.levels": ("to_levels",),
    "importing": ("Imported", "import_policy"),
    "layer": ("AugmentationLayer",),
    "plugin.hookspecs": ("hookimpl",),
    "plugin.macro": ("Macro", "macro"),
    "plugin.op": ("Op", "op"),
    "plugin.params": (
        "Fill",
        "Integer",
        "KeepBoxes",
        "Key",
        "Option",
        "REQUIRED",
        "Range",
        "Uniform01",
    ),
    "policy": ("Policy", "load_policy"),
    "random.beta": ("symmetric_beta",),
    "sources": ("open_source",),
    "test_time.predictor": ("tta",),
    "views.figure": ("preview",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
_RENAMED = {"Unit": "Uniform01"}  # for one release

__all__ = sorted([*_HOME, "__version__", "train"])
_load = loader(__name__, _HOME)


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        new = _RENAMED[name]
        warnings.warn(f"augreg.{name} is augreg.{new} now", DeprecationWarning, stacklevel=2)
        return __getattr__(new)
    if name == "train":  # the package itself, which is called
        return import_module("augreg.train")
    return _load(name)


def __dir__() -> list[str]:
    return __all__


def _register_layer() -> None:
    """Has Keras know the layer, where Keras is there already and runs on TensorFlow.

    So `keras.models.load_model` finds it in a model's file. Keras itself is not imported here, and
    where it comes later, `augreg.AugmentationLayer` registers on first use: the file's own config
    says so in Keras's error.
    """
    keras: Any = sys.modules.get("keras")
    if hasattr(keras, "saving") and keras.config.backend() == "tensorflow":
        __getattr__("AugmentationLayer")


_register_layer()
if os.environ.get("AUGREG_CACHE"):
    __getattr__("set_compilation_cache")(os.environ["AUGREG_CACHE"])
