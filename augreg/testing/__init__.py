"""For authors of ops: `check_op` runs the whole contract on one, `registry_with` tries them out.

    from augreg.testing import check_op

    def test_tint():
        check_op(tint, identity={"amount": 0})

TensorFlow is loaded only when `check_op` runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from augreg.errors import OpError
from augreg.plugin.op import Op
from augreg.plugin.registry import Registry
from augreg.testing.cases import ContractError, registry_with
from augreg.testing.contract import findings

__all__ = ["ContractError", "check_op", "registry_with"]


def check_op(
    op: Op, registry: Registry | None = None, *, identity: Mapping[str, Any] | None = None
) -> None:
    """Checks everything that augreg expects of an op.

    The declaration and its example; the shape, dtype and values of what the function returns, at
    the ends of each parameter's range and for each option; that equal arguments give equal results
    and that no sample depends on another; that masks, boxes and keypoints can follow (moves by
    functions of planes that interpolate are not found); that TensorFlow and XLA agree with the
    NumPy reference, also where a size is known at run time only, down to an image of one pixel;
    that the identity changes nothing; and that policies and layers with it can be saved.

    Args:
        op: the result of `augreg.op`.
        registry: the ops that policies can use, `op` added; None: the installed ones.
        identity: arguments that leave an image as it is, such as `{"amount": 0}`; None: those that
            the op declares.

    Raises:
        ContractError: the first thing that is wrong, with the arguments and the size that show it.
        OpError: it is no op.

    >>> import augreg
    >>> from augreg.testing import check_op
    >>> @augreg.op("acme/dim", factor=augreg.Range(0.0, 1.0), example={"factor": [0.5, 1]})
    ... def dim(xp, factor):
    ...     '''Multiplies by a factor.'''
    ...     matrix = xp.reshape(xp.eye(3), (1, 3, 3)) * xp.reshape(factor, (-1, 1, 1))
    ...     return augreg.ColorMap(matrix, xp.array([0.0, 0.0, 0.0]))
    >>> check_op(dim, identity={"factor": 1})
    """
    if not isinstance(op, Op):
        raise OpError(f"{op!r} is no op; make one with @augreg.op")
    if identity is not None:
        op = replace(op, identity=identity)
    for finding in findings(op, registry):
        if finding.error is not None:
            raise finding.error
