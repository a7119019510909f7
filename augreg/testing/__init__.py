"""For authors of ops: `check_op` runs the whole contract on one, `registry_with` tries them out.

    from augreg.testing import check_op

    def test_tint():
        check_op(tint, identity={"amount": 0})

TensorFlow is loaded only when `check_op` runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from augreg.errors import OpError
from augreg.plugin import params
from augreg.plugin.op import Op
from augreg.plugin.registry import Registry
from augreg.policy.schema import step_schema
from augreg.testing.cases import case_of, cases, channels_of, registry_with
from augreg.testing.pixels import check_identity, check_pixels, check_run_time
from augreg.testing.places import check_places
from augreg.testing.transforms import check_elements

__all__ = ["check_op", "registry_with"]


def check_op(
    op: Op, registry: Registry | None = None, *, identity: Mapping[str, Any] | None = None
) -> None:
    """Checks everything that augreg expects of an op.

    The declaration and its example; the shape, dtype and values of what the function returns, at
    the ends of each parameter's range and for each option; that equal arguments give equal results
    and that no sample depends on another; that functions of planes leave pixels in their places
    (moves that interpolate are not found); and that TensorFlow agrees with the NumPy reference,
    also where a size is known at run time only, down to an image of one pixel.

    Args:
        op: the result of `augreg.op`.
        registry: the ops that policies can use, `op` added; None: the installed ones.
        identity: arguments that leave an image as it is, such as `{"amount": 0}`.

    Raises:
        OpError: the first thing that is wrong, with the arguments and the size that show it.

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
    _check_schema(op)
    ops = registry_with(op, registry=registry)
    with np.errstate(all="ignore"):  # what becomes NaN is reported as such, with its place
        for case in cases(op, ops):
            check_elements(case)
            check_places(case)
            check_pixels(case)
            if case.given == {name: value for name, value in op.example.items() if name != "p"}:
                check_run_time(case)
        for channels in channels_of(op) if identity is not None else ():
            check_identity(case_of(op, ops, identity or {}, channels))


def _check_schema(op: Op) -> None:
    import jsonschema

    for name, spec in op.settable.items():
        if spec.default is params.REQUIRED and name not in op.example:
            raise OpError(
                f'op "{op.name}": "{name}" has no default, so the op needs an example that gives it'
            )
    validator = jsonschema.Draft202012Validator(step_schema(op))
    named = [("example", op.example), *(("strength", given) for given in op.strengths)]
    for what, given in named:
        for fault in validator.iter_errors({"op": op.name, **given}):
            raise OpError(f'op "{op.name}": its {what} {dict(given)} is no step: {fault.message}')
    if len(op.strengths) not in (0, 3):
        raise OpError(f'op "{op.name}": {len(op.strengths)} strengths; give low, middle and high')
