"""Where kernels run: as plain ops or under XLA, on a batch or on one image of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from augreg.backends.tensorflow.pixels import barrier, only_one

PlaneTuple = tuple[tf.Tensor, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """What kernels have to know of their surroundings.

    Attributes:
        go: bool [B], what barriers hang on; None outside of XLA.
        alone: the batch is one image, so that what it does not take part in can be skipped.
        exact: a stage to come has steps, so that warps keep to floats.
    """

    go: tf.Tensor | None
    alone: bool = False
    exact: bool = False

    @property
    def xla(self) -> bool:
        return self.go is not None

    def kept(self, compute: Callable[[], T]) -> T:
        """What is computed, kept from being recomputed by what reads it."""
        return barrier(self.go, compute)

    def for_those(
        self, active: tf.Tensor | None, planes: PlaneTuple, arguments: Any, compute: Any
    ) -> PlaneTuple:
        """`compute(planes, arguments)` of the samples where `active` (bool [B]) holds."""
        if self.xla and self.alone:
            if active is None:
                return tuple(compute(planes, arguments))
            done = [lambda: list(compute(planes, arguments)), lambda: list(planes)]
            return tuple(only_one(tf.cast(~active[0], tf.int32), done, self.go))
        active = tf.constant([True]) if active is None else active
        return active.for_those(active, planes, arguments, compute)
