"""Stages that stand several times in a row, as in RandAugment's slots: a loop, not a copy each.

TensorFlow traces a copy as long as the first, and XLA compiles it as long. A turn costs
microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import map_tensors, tensors_of
from augreg.backends.tensorflow.forms import stage_form
from augreg.families import Item, Size, Stage
from augreg.lower import Lowering
from augreg.plan.planner import draws_of
from augreg.policy import Node, Step
from augreg.xp import NUMPY

Stages = tuple[Stage, ...]
Names = dict[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Turns:
    """What stages need that are done `count` times.

    Attributes:
        needed: of one turn, where arrays that differ between turns are [B or 1, count, ...].
        differ: which arrays do.
    """

    count: int
    needed: list[Any]
    differ: tuple[bool, ...]

    def turn(self, i: tf.Tensor) -> list[Any]:
        """What turn `i` needs."""
        differ = iter(self.differ)
        own: list[Any] = map_tensors(
            lambda x: ops.gather(x, i, axis=1) if next(differ) else x, self.needed
        )
        return own

    def loop(
        self, once: Callable[[tf.Tensor, list[tf.Tensor]], list[tf.Tensor]], planes: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """The planes after `once(turn, planes)` for each turn."""

        def body(i: tf.Tensor, planes: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            pairs = zip(once(i, planes), planes, strict=True)
            return i + 1, [ops.ensure_shape(made, before.shape) for made, before in pairs]

        loop = ops.while_loop(lambda i, _: i < self.count, body, (ops.constant(0), planes))
        return list(loop[1])


@dataclass(frozen=True)
class LoweringInTurns(Lowering):
    """Lowers stages that repeat once for all turns."""

    def stages(self, stages: Iterable[Stage], size: Size) -> list[Any]:
        """As `Lowering.stages`, with one `Turns` for all stages of a loop."""
        left, made = tuple(stages), []  # type: Stages, list[Any]
        while left:
            length, count = _turns(left)
            own, left = left[: length * count], left[length * count :]
            if count == 1:
                made += super().stages(own, size)
            else:
                turns = [own[at : at + length] for at in range(0, len(own), length)]
                made += self._at_once(turns, size) or self._one_by_one(turns, size)
            for stage in own:
                size = self.size_after_stage(stage, size)
        return made

    def branches(self, branches: tuple[Stages, ...], size: Size) -> list[Any]:
        """As `Lowering.branches`, with one `Turns` for branches that are alike."""
        first, *others = branches
        if others and all(_all_alike(first, other) for other in others):
            return self._at_once(list(branches), size) or super().branches(branches, size)
        return super().branches(branches, size)

    def _at_once(self, turns: list[Stages], size: Size) -> list[Any]:
        """All turns as one, of a batch so many times as long.

        Nothing where they share draws, or annotations answer them, which is by their places.
        """
        answered = {path for path, _ in self.draws.answers}
        if any(item.node.path + item.suffix in answered for own in turns for item in _items(own)):
            return []
        first, *others = turns
        names: list[Names] = []
        for other in others:
            found = _renamed(first, other)
            if found is None:
                return []
            names.append(found)
        together, count = self.draws.joined(tuple(names[0]), names), len(turns)
        if together is None:
            return []

        def by_sample(x: Any) -> Any:
            return x if x.shape[0] == 1 else self.xp.reshape(x, (-1, count, *x.shape[1:]))

        lowered = replace(self, draws=together, known={})
        drawn = lowered.stages(first, size)
        differ = tuple(x.shape[0] != 1 for x in tensors_of(drawn, self._is_given))
        return [Turns(count, map_tensors(by_sample, drawn, self._is_given), differ)]

    def _one_by_one(self, turns: list[Stages], size: Size) -> list[Any]:
        """Each turn by itself, and one `Turns` where they have one form."""
        drawn = [Lowering.stages(self, turn, size) for turn in turns]
        first, *others = drawn
        if not all(_same_form(first, other) for other in others):
            return [one for lowered in drawn for one in lowered]
        needed = _zipped(self._stacked, *drawn)
        return [Turns(len(turns), needed, (True,) * len(tensors_of(needed, self._is_given)))]

    def _is_given(self, value: Any) -> bool:
        """Whether it is an array that a program is given, and not a constant in a graph."""
        return _is_array(value) if self.xp is NUMPY else ops.is_array(value)

    def _stacked(self, *arrays: Any) -> Any:
        """Arrays [B or 1, ...] as one [B or 1, turns, ...]; a constant of all stays as it is."""
        first, xp = arrays[0], self.xp
        if not any(map(self._is_given, arrays)) and all(np.array_equal(a, first) for a in arrays):
            return first
        if len({array.shape[0] for array in arrays}) > 1:
            longest = next(array for array in arrays if array.shape[0] != 1)
            batch = xp.shape(longest)[0]
            arrays = tuple(xp.broadcast_to(array, (batch, *array.shape[1:])) for array in arrays)
        return xp.stack(arrays, axis=1)


def _turns(stages: Stages) -> tuple[int, int]:
    """How many stages the first turn has, the shortest that there is, and how many follow."""
    for length in range(1, len(stages) // 2 + 1):
        count = 1
        while _again(stages, length, length * count):
            count += 1
        if count > 1:
            return length, count
    return 1, 1


def _again(stages: Stages, length: int, at: int) -> bool:
    """Whether the first so many stages stand once more at `at`."""
    first, last = stages[0], stages[length - 1]
    return (
        at + length <= len(stages)
        and (first.size_in, first.channels_in) == (last.size_out, last.channels_out)
        and all(map(_alike, stages[:length], stages[at : at + length]))
    )


def _alike(one: Stage, two: Stage) -> bool:
    """Whether two stages have one kernel, but for what it is given."""
    return stage_form(one) == stage_form(two)


def _all_alike(one: Stages, two: Stages) -> bool:
    return len(one) == len(two) and all(map(_alike, one, two))


def _renamed(one: Stages, two: Stages) -> Names | None:
    """Which draw of `two` stands for each of `one`; None where more than that is different."""
    names: Names = {}
    seen = set()  # a group guards all items of its branches
    for mine, other in zip(_items(one), _items(two), strict=True):
        pairs = [((mine.node, mine.suffix), (other.node, other.suffix))]
        if len(mine.guards) != len(other.guards):
            return None
        for guard, its in zip(mine.guards, other.guards, strict=True):
            if (guard.branch, guard.slot) != (its.branch, None):
                return None
            pairs.append(((guard.group, guard.suffix), (its.group, its.suffix)))
        for (node, suffix), (its_node, its_suffix) in pairs:
            if (pair := (id(node), suffix, id(its_node), its_suffix)) in seen:
                continue
            seen.add(pair)
            if not _same_node(node, its_node):
                return None
            keys = draws_of((node,), suffix), draws_of((its_node,), its_suffix)
            for key, its_key in zip(*keys, strict=True):
                if names.setdefault(key, its_key) != its_key:
                    return None
    return names


def _items(stages: Stages) -> list[Item]:
    """All items, those of stages within stages too."""
    return [
        item
        for stage in stages
        for item in (*stage.items, *(i for branch in stage.branches for i in _items(branch)))
    ]


def _same_node(one: Node, two: Node) -> bool:
    """Whether two nodes differ in their places only."""
    if isinstance(one, Step) or isinstance(two, Step):
        return (
            isinstance(one, Step)
            and isinstance(two, Step)
            and (one.op, one.arguments) == (two.op, two.arguments)
            and _same_guards(one, two)
        )
    mine, its = ((g.kind, g.weights, g.n, g.replace, len(g.branches)) for g in (one, two))
    alike = mine == its and _same_guards(one, two)
    return alike and all(map(_same_node, one.branches, two.branches))


def _same_guards(one: Node, two: Node) -> bool:
    """Whether their p is the same, and no label decides, which is looked up by the place."""
    return (one.p, one.schedule) == (two.p, two.schedule) and one.labels is two.labels is None


def _same_form(one: Any, two: Any) -> bool:
    """Whether two lowered arguments differ in the values of arrays only."""
    if _is_array(one) and _is_array(two):
        same = tf.as_dtype(one.dtype) == tf.as_dtype(two.dtype)
        return same and tuple(one.shape[1:]) == tuple(two.shape[1:])
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(_same_form, one, two))
    if is_dataclass(one) and type(one) is type(two):
        return all(_same_form(getattr(one, f.name), getattr(two, f.name)) for f in fields(one))
    if callable(one) and callable(two):  # checks are wrapped around an op's function anew
        return getattr(one, "__wrapped__", one) is getattr(two, "__wrapped__", two)
    return type(one) is type(two) and bool(one == two)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or ops.is_array(value)


def _zipped(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """The first value with each array replaced by `function` of it and of those in its place."""

    def each(parts: Sequence[Any]) -> list[Any]:
        return [_zipped(function, *same) for same in zip(*parts, strict=True)]

    if _is_array(first):
        return function(first, *others)
    if isinstance(first, list | tuple):
        return type(first)(each((first, *others)))
    if is_dataclass(first) and not isinstance(first, type):
        names = [f.name for f in fields(first)]
        made = each([[getattr(value, name) for name in names] for value in (first, *others)])
        return replace(first, **dict(zip(names, made, strict=True)))
    return first
