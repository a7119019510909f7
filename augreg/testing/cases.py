"""What `check_op` tries an op on: arguments, sizes and numbers of channels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augreg.errors import OpError, PolicyError
from augreg.plan import plan
from augreg.plugin import params
from augreg.plugin.op import Op
from augreg.plugin.registry import Plugin, Registry, default_registry
from augreg.policy import Policy, load_policy

BATCH = 6
SEED = 7
INDEX = np.arange(BATCH)
SIZES = ((24, 32), (32, 32), (192, 256), (256, 256))  # the first that the op's example takes


@dataclass(frozen=True)
class Case:
    """One step to try, on images of one size and number of channels."""

    op: Op
    policy: Policy
    given: Mapping[str, Any]
    size: tuple[int, int]
    channels: int

    def fail(self, message: str) -> OpError:
        where = f"{self.size[0]}x{self.size[1]}x{self.channels}"
        return OpError(f'op "{self.op.name}" with {dict(self.given)} on {where}: {message}')


def registry_with(*ops: Op, registry: Registry | None = None) -> Registry:
    """The registry (the installed ops where None) with `ops` added, to try them before packaging.

    >>> import augreg
    >>> @augreg.op("acme/darker", by=augreg.Range(0.0, 1.0, default=0.5))
    ... def darker(xp, by):
    ...     '''Darkens the image.'''
    ...     return augreg.ColorMap(xp.eye(3), xp.stack([-by, -by, -by], axis=-1))
    >>> policy = {"version": 1, "augment": [{"op": "acme/darker"}]}
    >>> augreg.load_policy(policy, registry=registry_with(darker)).augment[0].op.name
    'acme/darker'
    """
    base = registry or default_registry()
    plugin = Plugin("testing", "testing", "0", "ready", tuple(op.name for op in ops))
    added = {op.name: op for op in ops}
    owner = {**base.owner, **dict.fromkeys(added, plugin)}
    return replace(base, ops={**base.ops, **added}, owner=owner)


def cases(op: Op, registry: Registry) -> Iterator[Case]:
    """The example, also on a grey image where the op takes one; ends of ranges; each option.

    The lower ends are tried as constants, too: arrays that have one row beside draws of a batch.
    """
    example = {name: value for name, value in op.example.items() if name in op.settable}
    for channels in channels_of(op):
        yield case_of(op, registry, example, channels)
    drawn = {n: s for n, s in op.settable.items() if isinstance(s, params.Range) and not s.static}
    ends = {
        name: {"choice": [spec.lo, spec.hi]}
        for name, spec in drawn.items()
        if math.isfinite(spec.lo) and math.isfinite(spec.hi)
    }
    if ends:
        yield case_of(op, registry, {**example, **ends}, 3)
        lows = {name: spec.lo for name, spec in drawn.items() if name in ends}
        yield case_of(op, registry, {**example, **lows}, 3)
    for name, spec in op.settable.items():
        for value in spec.values if isinstance(spec, params.Option) else ():
            if value != example.get(name, spec.default):
                yield case_of(op, registry, {**example, name: value}, 3)


def channels_of(op: Op) -> tuple[int, ...]:
    """The numbers of channels that the op takes."""
    return (3, 1) if op.gray else (3,)


def case_of(op: Op, registry: Registry, given: Mapping[str, Any], channels: int) -> Case:
    """The case at the first size that the op takes; raises `OpError` where it takes none."""
    what = f'op "{op.name}" with {dict(given)}'
    step = {"op": op.name, **given}
    try:
        policy = load_policy({"version": 1, "augment": [step]}, registry=registry)
    except PolicyError as error:
        raise OpError(f"{what}: {error.message}") from error
    refusals = []
    for size in SIZES:
        try:
            plan(policy, size=size, channels=channels)
        except PolicyError as error:
            refusals.append(error.message)
        except OpError:
            raise
        except Exception as error:
            raise OpError(f"{what} raises {type(error).__name__}: {error}") from error
        else:
            return Case(op, policy, given, size, channels)
    raise OpError(f"{what} refuses every size that was tried: {refusals[-1]}")
