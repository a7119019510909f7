"""Evaluates the items of a stage on tiny arrays: draws, guards, and the composed element.

Written once over `xp`; both backends run it. No pixel is touched here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from augreg import algebra, distributions, draws
from augreg.distributions import Schedule
from augreg.plan import AffineStage, Guard, Item, LatticeStage, Plan
from augreg.policy import Group, Node, Step
from augreg.xp import NUMPY, Array, Namespace

Size = algebra.Size


@dataclass(frozen=True)
class Lattice:
    """A composed lattice map [B]: where output pixels come from, and which of them exist.

    window: int32 [B,4], (left, top, right, bottom) in the source, right and bottom exclusive.
    """

    linear: Array
    offset: Array
    window: Array


@dataclass(frozen=True)
class Draws:
    """The words of every draw of a plan for one batch: (path, name) -> two uint32 arrays [B]."""

    words: Mapping[tuple[str, str], tuple[Array, Array]]
    epoch: Array = None  # uint32 scalar: what schedules follow

    @classmethod
    def make(cls, xp: Namespace, plan: Plan, seed: Array, epoch: Array, index: Array) -> Draws:
        """Draws everything at once; `seed` and `epoch` uint32 scalars, `index` uint32 [B]."""
        if not plan.draws:
            return cls({}, epoch)
        ids = tuple(draws.draw_id(path, name) for path, name in plan.draws)
        first, second = draws.words(xp, seed, ids, epoch, index)
        return cls({key: (first[i], second[i]) for i, key in enumerate(plan.draws)}, epoch)


@dataclass(frozen=True)
class Lowering:
    """Lowers nodes under one batch's draws."""

    xp: Namespace
    draws: Draws

    # --- conditions

    def chance(self, node: Node, suffix: str) -> Array | None:
        """bool [B]: the node's own p holds; None where it always does."""
        if node.p >= 1:
            return None
        word = self.draws.words[node.path + suffix, "p"][0]
        return draws.bits24(self.xp, word) < self.xp.array(round(node.p * 2**24), "int32")

    def holds(self, guards: tuple[Guard, ...]) -> Array | None:
        """bool [B]: all guards hold; None where there is none."""
        result = None
        for guard in guards:
            parts = [self.chance(guard.group, guard.suffix)]
            if guard.branch is not None:
                parts.append(self.picked(guard.group, guard.branch, guard.slot, guard.suffix))
            for part in parts:
                result = both(result, part)
        return result

    def picked(self, group: Group, branch: int, slot: int | None, suffix: str) -> Array:
        """bool [B]: the group's choice (in `slot`, with replacement) is `branch`."""
        if group.kind == "random_order":
            return self.ranks(group, suffix)[:, branch] == self.xp.array(slot, "int32")
        if slot is not None:
            return self.slots(group, suffix)[slot] == self.xp.array(branch, "int32")
        if group.kind == "one_of":
            return self.chosen(group, suffix) == self.xp.array(branch, "int32")
        return self.ranks(group, suffix)[:, branch] < self.count(group, suffix)

    def chosen(self, group: Group, suffix: str) -> Array:
        """int32 [B]: the branch that a one_of takes."""
        word = self.draws.words[group.path + suffix, "choice"][0]
        return distributions.choose(self.xp, word, draws.thresholds(group.weights))

    def count(self, group: Group, suffix: str) -> Array:
        """int32 [B or 1]: how many branches a some_of takes."""
        lo, hi = group.n
        if lo == hi:
            return self.xp.array([lo], "int32")
        return distributions.Uniform(lo, hi).sample(
            self.xp, self.draws.words[group.path + suffix, "n"], "int32"
        )

    def ranks(self, group: Group, suffix: str) -> Array:
        """int32 [B, branches]: each branch's place in a random order."""
        n = len(group.branches)
        pair = self.draws.words[group.path + suffix, "choice"]
        bits = draws.bits24(self.xp, draws.elements(self.xp, pair, n)[0])
        mine, other = self.xp.reshape(bits, (-1, n, 1)), self.xp.reshape(bits, (-1, 1, n))
        place = self.xp.arange(n)
        earlier = self.xp.reshape(place, (1, 1, n)) < self.xp.reshape(place, (1, n, 1))
        before = (other < mine) | ((other == mine) & earlier)
        return self.xp.sum(self.xp.cast(before, "int32"), axis=2)

    def slots(self, group: Group, suffix: str) -> list[Array]:
        """int32 [B] for each slot of a some_of with replacement: its branch, in listed order.

        Slots beyond the drawn n hold the number of branches, which no branch answers to.
        """
        xp, n = self.xp, len(group.branches)
        count, picks = self.count(group, suffix), []
        for slot in range(group.n[1]):
            word = self.draws.words[f"{group.path}{suffix}#{slot}", "choice"][0]
            pick = distributions.choose(xp, word, draws.thresholds((1.0,) * n))
            taken = xp.array(slot, "int32") < count
            picks.append(xp.where(taken, pick, xp.array([n], "int32")))
        for end in range(len(picks) - 1, 0, -1):  # a bubble sort, elementwise over the batch
            for i in range(end):
                low, high = xp.minimum(picks[i], picks[i + 1]), xp.maximum(picks[i], picks[i + 1])
                picks[i], picks[i + 1] = low, high
        return picks

    def condition(self, item: Item) -> Array | None:
        """bool [B]: the item is done at all, its guards and its own p; None where it always is."""
        return both(self.holds(item.guards), self.chance(item.node, item.suffix))

    def chosen_few(self, items: tuple[Item, ...]) -> Array | None:
        """bool [B]: those that do any of the items, each a branch of a choice; None: not so."""
        total = None
        for item in items:
            if not any(guard.branch is not None for guard in item.guards):
                return None
            condition = self.condition(item)
            total = condition if total is None else total | condition
        return total

    # --- arguments and elements

    def arguments(self, step: Step, suffix: str = "") -> dict[str, Any]:
        """The sampled arguments of a step: arrays [B] or [1] where drawn, plain values else."""
        values = dict(step.arguments)
        for name, distribution, dtype in step.drawn():
            words = self.draws.words.get((step.path + suffix, name))
            if isinstance(distribution, Schedule):
                values[name] = distribution.at(self.xp, words, dtype, self.draws.epoch)  # type: ignore[arg-type]
            else:
                values[name] = distribution.sample(self.xp, words, dtype)  # type: ignore[arg-type]
        return values

    def element(self, step: Step, size: Size, suffix: str = "") -> Any:
        """What the step's op returns. A step without draws is worked out in NumPy, at plan time."""
        constant = all(isinstance(drawn, distributions.Constant) for _, drawn, _ in step.drawn())
        if constant and all(isinstance(side, int) for side in size):
            lowering = Lowering(NUMPY, self.draws)
            return step.op.lower(NUMPY, lowering.arguments(step, suffix), size)
        return step.op.lower(self.xp, self.arguments(step, suffix), size)

    def function(self, items: tuple[Item, ...], size: Size) -> tuple[Any, Array | None]:
        """A function's element and who takes part (bool [B], None for all).

        Of several items, the same function in branches of one choice, each sample gets the
        arguments of its own.
        """
        xp, first = self.xp, items[0]
        element, taken = self.element(first.step, size, first.suffix), self.condition(first)
        for item in items[1:]:
            other, condition = self.element(item.step, size, item.suffix), self.condition(item)
            arguments = _selected(xp, condition, other.arguments, element.arguments)
            if isinstance(element, algebra.PixelFunction):
                noise = _selected(xp, condition, other.noise, element.noise)
                element = replace(element, arguments=arguments, noise=noise)
            else:
                element = replace(element, arguments=arguments)
            taken = taken | condition  # type: ignore[operator]  # exclusive items are guarded
        return element, taken

    # --- stages

    def lattice(self, stage: LatticeStage, size: Size) -> Lattice:
        """The composed map of a lattice stage for sources of `size`."""
        return self._fold_items(stage.items, _LatticeFamily(self), size)

    def affine(self, stage: AffineStage, size: Size) -> Array:
        """The composed centred output→input map: float32 [B,2,3], [B,3,3] of a projective one."""
        family = _ProjectiveFamily(self) if stage.projective else _AffineFamily(self)
        return self._fold_items(stage.items, family, size)

    def color(self, items: tuple[Item, ...], channels: int) -> algebra.ColorMap:
        """The product of colour maps, for images of `channels`."""
        result: algebra.ColorMap = self._fold_items(items, _ColorFamily(self, channels), (0, 0))
        return result

    def _fold_items(self, items: tuple[Item, ...], family: Any, size: Size) -> Any:
        total = None
        for site, run in groupby(items, key=_site):
            if site is None:
                part, size = self._fold_run(tuple(run), family, size)
            else:  # branches of one choice: a select each, where composing would nest them
                part = family.unit(size)
                for _, own in groupby(run, key=lambda item: item.guards[0].branch):
                    branch = tuple(own)
                    inner = tuple(replace(item, guards=item.guards[1:]) for item in branch)
                    made, _ = self._fold_run(inner, family, size)
                    part = family.select(self.holds(branch[0].guards[:1]), made, part)
            total = part if total is None else family.compose(total, part)
        return total

    def _fold_run(self, items: tuple[Item, ...], family: Any, size: Size) -> tuple[Any, Size]:
        total = None
        for item in items:
            part, size = self._fold(item.node, family, size, item.suffix)
            condition = self.holds(item.guards)
            if condition is not None:
                part = family.select(condition, part, family.unit(size))
            total = part if total is None else family.compose(total, part)
        return total, size

    def _fold(self, node: Node, family: Any, size: Size, suffix: str) -> tuple[Any, Size]:
        """The node's element and the size after it."""
        if isinstance(node, Step):
            result, after = family.lift(node, size, suffix), self.size_after(node, size)
        elif node.kind == "sequence":
            result, after = None, size
            for branch in node.branches:
                part, after = self._fold(branch, family, after, suffix)
                result = part if result is None else family.compose(result, part)
        else:
            result, after = self._fold_choice(node, family, size, suffix)
        condition = self.chance(node, suffix)
        if condition is not None:
            result = family.select(condition, result, family.unit(size))
        return result, after

    def _fold_choice(self, group: Group, family: Any, size: Size, suffix: str) -> tuple[Any, Size]:
        if group.kind == "one_of":
            return self._choose(group, family, size, suffix, None, suffix)
        result = family.unit(size)
        if group.kind == "random_order":
            return self._any_order(group, family, size, suffix), size
        if group.replace:
            for slot in range(group.n[1]):
                tail = f"{suffix}#{slot}"
                part, _ = self._choose(group, family, size, suffix, slot, tail)
                result = family.compose(result, part)
            return result, size
        for i, branch in enumerate(group.branches):
            part, _ = self._fold(branch, family, size, suffix)
            part = family.select(self.picked(group, i, None, suffix), part, family.unit(size))
            result = family.compose(result, part)
        return result, size

    def _any_order(self, group: Group, family: Any, size: Size, suffix: str) -> Any:
        """All branches, composed in each sample's own order."""
        parts = [self._fold(branch, family, size, suffix)[0] for branch in group.branches]
        total = None
        for slot in range(len(parts)):
            here = parts[0]
            for i, part in enumerate(parts[1:], start=1):
                here = family.select(self.picked(group, i, slot, suffix), part, here)
            total = here if total is None else family.compose(total, here)
        return total

    def mixture(self, item: Item) -> tuple[Array, Array]:
        """Convex weights of a mixture: float32 [B, branches], and float32 [B] of them together.

        Dirichlet(1, ..., 1) as exponentials over their sum, and Beta(1, 1), which is uniform; where
        the item is not done, 0 together.
        """
        xp, group = self.xp, item.node
        assert isinstance(group, Group)
        path, n = group.path + item.suffix, len(group.branches)
        words = draws.elements(xp, self.draws.words[path, "choice"], n)[0]
        drawn = -xp.log(draws.uniform(xp, words) + xp.array(2.0**-25))
        together = draws.uniform(xp, self.draws.words[path, "mix"][0])
        condition = self.condition(item)
        if condition is not None:
            together = xp.where(condition, together, xp.zeros_like(together))
        return drawn / xp.sum(drawn, axis=1, keepdims=True), together

    def _choose(
        self, group: Group, family: Any, size: Size, suffix: str, slot: int | None, tail: str
    ) -> tuple[Any, Size]:
        """The chosen branch's element; branches draw under `tail`."""
        folded = [self._fold(branch, family, size, tail) for branch in group.branches]
        last = len(folded) - 1
        result = family.unit(size) if slot is not None else folded[last][0]
        for i, (part, _) in enumerate(folded if slot is not None else folded[:last]):
            result = family.select(self.picked(group, i, slot, suffix), part, result)
        return result, folded[0][1]

    def size_after_node(self, node: Node, size: Size) -> Size:
        """The size after a step or a group."""
        if isinstance(node, Step):
            return self.size_after(node, size)
        if node.kind != "sequence":
            return self.size_after_node(node.branches[0], size)
        for branch in node.branches:
            size = self.size_after_node(branch, size)
        return size

    def size_after(self, step: Step, size: Size) -> Size:
        """The size after a step, where sides may be the backend's int32 scalars."""
        if step.op.output_size is None:
            return size
        arguments = {name: step.arguments[name] for name in step.op.settable}
        if all(isinstance(side, int) for side in size):
            return tuple(int(side) for side in step.op.output_size(*size, **arguments))  # type: ignore[return-value]
        sides = [self.xp.cast(side, "float64") for side in size]
        after = step.op.output_size(*sides, **arguments)
        return tuple(
            side if isinstance(side, int) else self.xp.cast(side, "int32") for side in after
        )  # type: ignore[return-value]


@dataclass(frozen=True)
class _LatticeFamily:
    lowering: Lowering

    def unit(self, size: Size) -> Lattice:
        xp = self.lowering.xp
        eye = xp.reshape(xp.cast(xp.eye(2), "int32"), (1, 2, 2))
        return Lattice(eye, xp.array([[0, 0]], "int32"), self._bounds(size))

    def lift(self, step: Step, size: Size, suffix: str) -> Lattice:
        element = self.lowering.element(step, size, suffix)
        return Lattice(element.linear, element.offset, self._bounds(size))

    def _bounds(self, size: Size) -> Array:
        xp = self.lowering.xp
        height, width = (xp.array(side, "int32") for side in size)
        zero = xp.zeros_like(width)
        return xp.reshape(xp.stack([zero, zero, width, height]), (1, 4))

    def compose(self, first: Lattice, then: Lattice) -> Lattice:
        xp = self.lowering.xp
        linear, offset = algebra.compose_lattice(xp, first, then)
        near = algebra.move_points(xp, first, then.window[:, :2])
        far = algebra.move_points(xp, first, then.window[:, 2:] - xp.array([[1, 1]], "int32"))
        low = xp.maximum(xp.minimum(near, far), first.window[:, :2])
        one = xp.array([[1, 1]], "int32")
        high = xp.minimum(xp.maximum(near, far) + one, first.window[:, 2:])
        return Lattice(linear, offset, xp.concat([low, high], axis=1))

    def select(self, condition: Array, chosen: Lattice, other: Lattice) -> Lattice:
        return algebra.select(self.lowering.xp, condition, chosen, other)


@dataclass(frozen=True)
class _AffineFamily:
    lowering: Lowering

    def unit(self, size: Size) -> Array:
        return self.lowering.xp.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])

    def lift(self, step: Step, size: Size, suffix: str) -> Array:
        element = self.lowering.element(step, size, suffix)
        if isinstance(element, algebra.AffineMap):
            return element.matrix
        after = self.lowering.size_after(step, size)
        return algebra.lattice_to_affine(self.lowering.xp, element, size, after)

    def compose(self, first: Array, then: Array) -> Array:
        return algebra.compose_affine(self.lowering.xp, first, then)

    def select(self, condition: Array, chosen: Array, other: Array) -> Array:
        return self.lowering.xp.where(
            self.lowering.xp.reshape(condition, (-1, 1, 1)), chosen, other
        )


class _ProjectiveFamily(_AffineFamily):
    """3x3 matrices: affine maps with a last row of (0, 0, 1), and projective ones."""

    def unit(self, size: Size) -> Array:
        return algebra.to_projective(self.lowering.xp, super().unit(size))

    def lift(self, step: Step, size: Size, suffix: str) -> Array:
        element = self.lowering.element(step, size, suffix)
        if isinstance(element, algebra.ProjectiveMap):
            return element.matrix
        return algebra.to_projective(self.lowering.xp, super().lift(step, size, suffix))

    def compose(self, first: Array, then: Array) -> Array:
        return algebra.compose_projective(self.lowering.xp, first, then)


@dataclass(frozen=True)
class _ColorFamily:
    lowering: Lowering
    channels: int

    def unit(self, size: Size) -> algebra.ColorMap:
        xp, n = self.lowering.xp, self.channels
        return algebra.ColorMap(xp.reshape(xp.eye(n), (1, n, n)), xp.array([[0.0] * n]))

    def lift(self, step: Step, size: Size, suffix: str) -> algebra.ColorMap:
        element: algebra.ColorMap = self.lowering.element(step, size, suffix)
        return element if self.channels == 3 else _on_gray(element)

    def compose(self, first: algebra.ColorMap, then: algebra.ColorMap) -> algebra.ColorMap:
        shape = self.lowering.xp.shape
        if shape(first.matrix)[-2] == 1 and shape(then.matrix)[-1] == 3:
            then = _on_gray(then)
        return algebra.compose_color(self.lowering.xp, first, then)

    def select(
        self, condition: Array, chosen: algebra.ColorMap, other: algebra.ColorMap
    ) -> algebra.ColorMap:
        return algebra.select(self.lowering.xp, condition, chosen, other)


def _site(item: Item) -> Hashable | None:
    """The outermost choice that the item is a branch of, where a sample takes one branch only."""
    guard = item.guards[0] if item.guards else None
    if guard is None or not guard.exclusive:
        return None
    return guard.group.pointer, guard.slot, guard.suffix


def _selected(
    xp: Namespace, condition: Array, chosen: tuple[Array, ...], other: tuple[Array, ...]
) -> tuple[Array, ...]:
    def one(x: Array, y: Array) -> Array:
        rank = len(xp.shape(x))
        return xp.where(xp.reshape(condition, (-1,) + (1,) * (rank - 1)), x, y)

    return tuple(one(x, y) for x, y in zip(chosen, other, strict=True))


def _on_gray(element: algebra.ColorMap) -> algebra.ColorMap:
    """The map of an image with one channel, by an op that treats all channels alike."""
    mean = None if element.mean is None else element.mean[:, :1, :1]
    return algebra.ColorMap(element.matrix[:, :1, :1], element.offset[:, :1], mean)


def both(x: Array | None, y: Array | None) -> Array | None:
    """Both conditions; None stands for one that always holds."""
    if x is None or y is None:
        return x if y is None else y
    return x & y
