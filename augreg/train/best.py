"""The weights after the best epoch so far."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Best:
    """A copy of variables, which a checkpoint keeps too.

    Attributes:
        kept: the copies.
    """

    def __init__(self, variables: list[Any]) -> None:
        self._variables = variables
        self.kept = [tf.Variable(v.numpy(), trainable=False) for v in variables]

    def keep(self) -> None:
        """Copies the variables as they are now."""
        for copy, variable in zip(self.kept, self._variables, strict=True):
            copy.assign(tf.convert_to_tensor(variable))

    def restore(self) -> None:
        """Puts the copies back."""
        for copy, variable in zip(self.kept, self._variables, strict=True):
            variable.assign(copy)
