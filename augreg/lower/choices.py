"""Who takes part: what a batch's draws say about each node's p, and each group's choice."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce, wraps
from typing import Any, TypeVar, cast

from augreg.families import Guard, Item
from augreg.policy import Group, Node
from augreg.random import distributions, generator
from augreg.random.generator import SampleKey
from augreg.xp import Array, Namespace

Answers = Mapping[tuple[str, str], Array]
WHEN = "when"  # the answer to whether a sample's label is one that a step or group is for


@dataclass(frozen=True)
class Draws:
    """What decides about the samples of one batch.

    Attributes:
        words: of every draw of a plan: (path, name) -> two uint32 arrays [B].
        answers: what annotations say of what a plan's steps ask: (path, name) -> an array [B, ...].
            Where there is no answer, a step does as if it had not asked.
    """

    words: Mapping[tuple[str, str], tuple[Array, Array]]
    epoch: Array = None  # uint32 scalar or [B]: what schedules follow
    answers: Answers = field(default_factory=dict)

    @classmethod
    def make(cls, xp: Namespace, draws: tuple[tuple[str, str], ...], key: SampleKey) -> Draws:
        """Draws everything at once: `draws` are a plan's."""
        if not draws:
            return cls({}, key.epoch)
        ids = tuple(generator.draw_id(path, name) for path, name in draws)
        return cls(_Rows(xp, draws, lambda: generator.words(xp, ids, key)), key.epoch)

    def kept(self, keep: Callable[[Callable[[], Any]], Any]) -> Draws:
        """The same draws, worked out by `keep`, as `Scope.barrier`."""
        rows = self.words
        if not isinstance(rows, _Rows):
            return self
        pair = keep(lambda: rows.pair)
        return replace(self, words=_Rows(rows.xp, rows.names, lambda: pair))

    def within(self) -> Draws:
        """The same draws for a graph within a graph, which takes them apart by itself."""
        return self.kept(lambda compute: compute())

    def joined(
        self,
        first: tuple[tuple[str, str], ...],
        others: Sequence[Mapping[tuple[str, str], tuple[str, str]]],
    ) -> Draws | None:
        """The draws `first` of a batch in which each sample stands once more for each of `others`.

        others: by which draw each of `first` is replaced there. Sample b of B has places b * n to
        b * n + n - 1, of n in all. None for draws that `make` did not make.
        """
        rows, epoch = self.words, self.epoch
        if not first:
            return self
        if not isinstance(rows, _Rows):
            return None
        xp = rows.xp
        if epoch is not None and len(xp.shape(epoch)) == 1:
            epoch = xp.reshape(xp.stack([epoch] * (len(others) + 1), axis=1), (-1,))
        names = [first, *([other[name] for name in first] for other in others)]
        places = xp.array([[rows.names.index(name) for name in one] for one in names], "int32")

        def taken(words: Array) -> Array:
            return xp.reshape(xp.transpose(xp.take(words, places), (1, 2, 0)), (len(first), -1))

        return Draws(_Rows(xp, first, lambda: tuple(map(taken, rows.pair))), epoch)


class _Rows(Mapping[tuple[str, str], tuple[Array, Array]]):
    """The draws of a plan in two uint32 arrays [draws,B], taken apart when one is asked for."""

    def __init__(
        self, xp: Namespace, names: Iterable[tuple[str, str]], draw: Callable[[], Any]
    ) -> None:
        self.xp, self.names, self.draw = xp, tuple(names), draw

    @cached_property
    def pair(self) -> Any:
        return self.draw()

    @cached_property
    def _rows(self) -> dict[tuple[str, str], tuple[Array, Array]]:
        rows = zip(*map(self.xp.unstack, self.pair), strict=True)
        return dict(zip(self.names, rows, strict=True))

    def __getitem__(self, name: tuple[str, str]) -> tuple[Array, Array]:
        return self._rows[name]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


Read = TypeVar("Read", bound=Callable[..., Any])


def _once(read: Read) -> Read:
    """A method of `Choices` about a node that works each answer out once."""

    @wraps(read)
    def known(self: Choices, node: Node, *where: Any) -> Any:
        key = (read.__name__, node.path, *where)
        if key not in self.known:
            self.known[key] = read(self, node, *where)
        return self.known[key]

    return cast("Read", known)


@dataclass(frozen=True)
class Choices:
    """Reads probabilities and choices out of one batch's draws.

    Attributes:
        known: what was read. Each branch of a choice asks for the choice, and in a graph an answer
            is nodes: one is enough. Graphs within a graph need a `known` of their own.
    """

    xp: Namespace
    draws: Draws
    known: dict[Any, Any] = field(default_factory=dict, kw_only=True, compare=False, repr=False)

    @_once
    def chance(self, node: Node, suffix: str) -> Array | None:
        """bool [B]: the node's own p and labels hold; None where they always do."""
        return both(self._by_draw(node, suffix), self.draws.answers.get((node.path, WHEN)))

    def _by_draw(self, node: Node, suffix: str) -> Array | None:
        if not node.draws_p:
            return None
        bits = generator.bits24(self.xp, self.draws.words[node.path + suffix, "p"][0])
        if node.schedule is None:
            return bits < round(node.p * 2**24)
        epoch = self.xp.array(0, "uint32") if self.draws.epoch is None else self.draws.epoch
        now, _ = node.schedule.ends(self.xp, "float32", epoch)
        return bits < self.xp.cast(self.xp.floor(now * 2.0**24 + 0.5), "int32")

    def holds(self, guards: tuple[Guard, ...]) -> Array | None:
        """bool [B]: all guards hold; None where there is none."""
        result = None
        for guard in guards:
            group, suffix = guard.group, guard.suffix
            result = both(result, self.chance(group, suffix))
            if guard.branch is not None:
                result = both(result, self.picked(group, guard.branch, guard.slot, suffix))
        return result

    @_once
    def picked(self, group: Group, branch: int, slot: int | None, suffix: str) -> Array:
        """bool [B]: the group's choice (in `slot`, with replacement) is `branch`."""
        if group.kind == "one_of":
            return self.chosen(group, suffix) == branch
        if group.replace:
            return self.slots(group, suffix)[slot] == branch  # type: ignore[index]  # it has slots
        rank = self.ranks(group, suffix)[branch]
        return rank == slot if group.kind == "random_order" else rank < self.count(group, suffix)

    @_once
    def chosen(self, group: Group, suffix: str) -> Array:
        """int32 [B]: the branch that a one_of takes."""
        word = self.draws.words[group.path + suffix, "choice"][0]
        return distributions.choose(self.xp, word, generator.thresholds(group.weights))

    @_once
    def count(self, group: Group, suffix: str) -> Array:
        """int32 [B or 1]: how many branches a some_of takes."""
        lo, hi = group.n
        if lo == hi:
            return self.xp.array([lo], "int32")
        return distributions.Uniform(lo, hi).sample(
            self.xp, self.draws.words[group.path + suffix, "n"], "int32"
        )

    @_once
    def ranks(self, group: Group, suffix: str) -> list[Array]:
        """int32 [B] for each branch: its place in a random order."""
        n = len(group.branches)
        pair = self.draws.words[group.path + suffix, "choice"]
        bits = generator.bits24(self.xp, generator.elements(self.xp, pair, n)[0])
        mine, other = self.xp.reshape(bits, (-1, n, 1)), self.xp.reshape(bits, (-1, 1, n))
        place = self.xp.arange(n)
        earlier = self.xp.reshape(place, (1, 1, n)) < self.xp.reshape(place, (1, n, 1))
        before = (other < mine) | ((other == mine) & earlier)
        return self.xp.unstack(self.xp.sum(self.xp.cast(before, "int32"), axis=2), axis=1)

    @_once
    def slots(self, group: Group, suffix: str) -> list[Array]:
        """int32 [B] for each slot of a some_of with replacement: its branch, in listed order.

        Slots beyond the drawn n hold the number of branches, which no branch answers to.
        """
        xp, n = self.xp, len(group.branches)
        count, picks = self.count(group, suffix), []
        for slot in range(group.n[1]):
            word = self.draws.words[f"{group.path}{suffix}#{slot}", "choice"][0]
            pick = distributions.choose(xp, word, generator.thresholds((1.0,) * n))
            picks.append(xp.where(slot < count, pick, xp.array([n], "int32")))
        for end in range(len(picks) - 1, 0, -1):  # a bubble sort, elementwise over the batch
            for i in range(end):
                low, high = xp.minimum(picks[i], picks[i + 1]), xp.maximum(picks[i], picks[i + 1])
                picks[i], picks[i + 1] = low, high
        return picks

    def condition(self, item: Item) -> Array | None:
        """bool [B]: the item is done at all, its guards and its own p; None where it always is."""
        return both(self.holds(item.guards), self.chance(item.node, item.suffix))

    def active_mask(self, items: tuple[Item, ...]) -> Array | None:
        """bool [B]: those that do any of the items, each a branch of a choice; None: not so."""
        if any(all(guard.branch is None for guard in item.guards) for item in items):
            return None
        return reduce(operator.or_, map(self.condition, items))

    def mixture(self, item: Item) -> tuple[Array, Array]:
        """Convex weights of a mixture: float32 [B, branches], and float32 [B] of them together.

        Dirichlet(1, ..., 1) as exponentials over their sum, and Beta(1, 1), which is uniform; where
        the item is not done, 0 together.
        """
        xp, group = self.xp, item.group
        path, n = group.path + item.suffix, len(group.branches)
        words, _ = generator.elements(xp, self.draws.words[path, "choice"], n)
        drawn = -xp.log(generator.uniform(xp, words) + 2.0**-25)
        together = generator.uniform(xp, self.draws.words[path, "mix"][0])
        condition = self.condition(item)
        if condition is not None:
            together = xp.where(condition, together, xp.zeros_like(together))
        return drawn / xp.sum(drawn, axis=1, keepdims=True), together


def both(x: Array | None, y: Array | None) -> Array | None:
    """Both conditions; None stands for one that always holds."""
    if x is None or y is None:
        return x if y is None else y
    return x & y
