"""What `check_op` tries an op on: arguments, sizes and numbers of channels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augreg.errors import OpError, PolicyError
from augreg.families.call import DtypeError, ShapeError
from augreg.plan import plan
from augreg.plugin import params
from augreg.plugin.op import Op
from augreg.plugin.registry import Plugin, Registry, default_registry
from augreg.policy import Policy, load_policy

BATCH = 6
SEED = 7
INDEX = np.arange(BATCH)
SIZES = ((24, 32), (32, 32), (192, 256), (256, 256))  # the first that the op's example takes


class ContractError(OpError):
    """An op that breaks augreg's contract.

    Attributes:
        op: its name.
        check: the name of the check that found it, such as "shape"; the guide has a list of them.
        given: the arguments of the step that shows it; None: it shows without a step.
        shape: (height, width, channels) of the images that show it; None: it shows without any.
        found: what was found, what is allowed and how to fix it.
    """

    def __init__(
        self,
        op: str,
        check: str,
        found: str,
        given: Mapping[str, Any] | None = None,
        shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.check, self.found, self.shape = check, found, shape
        self.given = None if given is None else dict(given)
        super().__init__(f'op "{op}"{self.where}: {found}', op)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.op, self.check, self.found, self.given, self.shape)

    @property
    def where(self) -> str:
        """The arguments and the images that show it; empty where it shows without."""
        if self.given is None:
            return ""
        images = f" on {'x'.join(map(str, self.shape))}" if self.shape else ""
        return f" with {self.given}{images}"


@dataclass(frozen=True)
class Case:
    """One step to try, on images of one size and number of channels.

    registry: the ops that its policy may use. check: the name of the one that runs.
    """

    op: Op
    registry: Registry
    policy: Policy
    given: Mapping[str, Any]
    size: tuple[int, int]
    channels: int
    check: str = ""

    def fail(self, found: str, basic: str = "call") -> ContractError:
        """What the check found; before any runs, it is about one of the basics."""
        shape = (*self.size, self.channels)
        return ContractError(self.op.name, self.check or basic, found, self.given, shape)

    @property
    def example(self) -> bool:
        """Whether it is the op's example."""
        return self.given == settable_example(self.op)


def settable_example(op: Op) -> dict[str, Any]:
    """The arguments of the op's example, without "p" and "id"."""
    return {name: value for name, value in op.example.items() if name in op.settable}


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
    example = settable_example(op)
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
    """The case at the first size that the op takes; raises `ContractError` where it takes none."""

    def refused(check: str, found: str) -> ContractError:
        return ContractError(op.name, check, found, given)

    try:
        policy = load_policy(
            {"version": 1, "augment": [{"op": op.name, **given}]}, registry=registry
        )
    except PolicyError as error:
        raise refused("declaration", error.message) from error
    refusals = []
    for size in SIZES:
        try:
            plan(policy, size=size, channels=channels)
        except PolicyError as error:
            refusals.append(error.message)
        except OpError as error:
            raise refused(kind_of(error), without_name(op, error)) from error
        except Exception as error:
            raise refused("call", f"{type(error).__name__}: {error}") from error
        else:
            return Case(op, registry, policy, given, size, channels)
    raise refused("declaration", f"it refuses every size that was tried: {refusals[-1]}")


def kind_of(error: BaseException | None) -> str:
    """The check that what an op returned, or raised, belongs to."""
    while error is not None:
        if isinstance(error, DtypeError | ShapeError):
            return "dtype" if isinstance(error, DtypeError) else "shape"
        error = error.__cause__
    return "call"


def without_name(op: Op, error: OpError) -> str:
    """An error's text without the words that a `ContractError` begins with."""
    return re.sub(rf'^(/\S+: )?op "{re.escape(op.name)}":? ', "", str(error))
