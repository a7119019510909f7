"""Generates policies out of everything that is registered, each from an integer.

A policy grows node by node. What the loader or the plan refuses is counted, by its reason, and
another node is drawn. Which ops there are, what they take and what they do to a size is asked of
the registry and of the plan, so a new op is reached without a line here.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from functools import lru_cache
from typing import Any

import augreg
from augreg.errors import ParameterError, PolicyError
from augreg.families import transform_of
from augreg.plan import plan
from augreg.plugin.registry import default_registry
from augreg.policy import Policy
from net.values import Values

Node = dict[str, Any]
Shape = tuple[int, int, int]  # height, width and channels
GROUPS = ("sequence", "one_of", "some_of", "random_order", "mixture")
_DEPTH = 3

# Why a policy may be refused: anything else is a fault. (reason, pattern)
REASONS = (
    ("takes no p here", r"so neither it nor a group around it takes \"p\" below 1"),
    ("shapes disagree", r"branches end in different (shapes|sizes)"),
    ("odd turn", r"a quarter turn drawn at random needs a square image"),
    ("crop too large", r"is larger than the image"),
    ("needs colour", r"needs three channels, and the image has one here"),
    ("levels on grey", r"levels, and the image has one channel here"),
    ("mixture changes shape", r"branches of a mixture keep size and channels"),
    ("even kernel", r"has no centre"),
    ("mixes in a group", r"mixes the samples of a batch: it works in"),
    ("no strength", r"all of its strengths are 0"),
    ("level above the last", r"is above \d+, the last level"),
    ("an id in train and in eval", r"the id of /prepare/train/\S* give the same draws"),
    ("size not known", r"(not known|unknown|\?x|x\?|needs a known size)"),
)


def reason(error: PolicyError) -> str:
    """The kind of a refusal; raises where there is no such kind."""
    for name, pattern in REASONS:
        if re.search(pattern, str(error)):
            return name
    raise AssertionError(f"refused for no reason that the net knows of: {error}") from error


@lru_cache(maxsize=512)
def family(name: str) -> str:
    """What kind of transform an op returns ("macro" for a macro)."""
    registry = default_registry()
    if name in registry.macros:
        return "macro"
    op = registry.ops[name]
    example = {"op": name, **{k: v for k, v in op.example.items() if k != "p"}}
    step = augreg.load_policy({"version": 1, "augment": [example]}).augment[0]
    transform = transform_of(step, (400, 400))
    return "geometry" if transform.geometric else type(transform).__name__


def shape_after(step: Node, shape: Shape) -> Shape | None:
    """The shape after a step, by what its op says of sizes; None where it refuses this one."""
    op = default_registry().steps[step["op"]]
    height, width, channels = shape
    channels = min(channels, step.get("channels", channels))
    if getattr(op, "output_size", None) is None:
        return height, width, channels
    try:
        given = {n: spec.parse(step.get(n, spec.default), op.name) for n, spec in _given(op, step)}
        height, width = op.output_size(height, width, **given)  # type: ignore[union-attr]
    except ParameterError:
        return None
    return int(height), int(width), channels


def _given(op: Any, step: Node) -> Any:
    return [(n, s) for n, s in op.settable.items() if step.get(n, s.default) is not None]


class Generator:
    """Draws one policy. `refused` counts, by reason, the policies that were refused before it."""

    groups = GROUPS
    careful = 0.99  # how seldom a node is drawn that will be refused

    def __init__(
        self,
        rng: random.Random,
        size: tuple[int, int],
        channels: int,
        names: frozenset[str] | None = None,
    ) -> None:
        """names: of the ops to draw from; None: all, and macros."""
        self.rng, self.start, self.names = rng, (*size, channels), names
        self.shape: Shape = self.start  # behind what stands so far
        self.where = "augment"
        self.classes, self.ids = 2, 0
        self.refused: Counter[str] = Counter()
        # of p: one of its own leaves the other choices alone
        self.schedules = random.Random(rng.getstate()[1][0])

    def policy(self) -> Policy:
        """The first of those drawn that loads, and that is planned for this size."""
        while True:
            self.classes, self.shape, self.ids = self.rng.choice([2, 5, 10]), self.start, 0
            document = self.document()
            try:
                policy = augreg.load_policy(document)
                for training in (True, False):
                    plan(policy, training=training, size=self.start[:2], channels=self.start[2])
            except PolicyError as error:
                self.refused[reason(error)] += 1
            else:
                return policy

    def document(self) -> Node:
        """One that may be refused."""
        rng = self.rng
        document: Node = {"version": 1}
        if rng.random() < 0.35:
            document["prepare"] = self._prepare()
        self.where = "augment"
        document["augment"] = self._section(rng.choice([1, 1, 2, 2, 3, 3, 4]))
        if output := self._output():
            document["output"] = output
        return document

    def _prepare(self) -> Any:
        """Steps; or evaluation prepares in a way of its own."""
        self.where = "prepare"
        train = self._section(self.rng.randint(1, 2))
        if self.rng.random() < 0.7:
            return train
        after, self.shape = self.shape, self.start
        evaluation = self._section(self.rng.randint(0, 2))
        if self.shape[2] != after[2]:  # the output's levels have to go with both
            evaluation = train
        self.shape = after
        return {"train": train, "eval": evaluation}

    def _section(self, count: int) -> list[Node]:
        section = []
        for _ in range(count):
            node, self.shape = self._node(self.shape, 0, self.where == "augment")
            section.append(node)
        return section

    @property
    def ops(self) -> dict[str, Any]:
        """Without those that refuse the labels of all cases: test_mosaic, test_copy_paste."""
        ops = default_registry().ops.items()
        known = {k: op for k, op in ops if family(k) not in ("Mosaic", "Paste")}
        return {name: op for name, op in known.items() if self.names is None or name in self.names}

    # --- nodes, each with the shape behind it

    def _node(
        self, shape: Shape, depth: int, may_mix: bool, may_change: bool = True
    ) -> tuple[Node, Shape]:
        rng = self.rng
        if depth < _DEPTH and rng.random() < (0.45, 0.35, 0.2)[depth]:
            if depth < 2 and may_change and rng.random() < 0.25:
                return self._changing_group(shape, depth)
            return self._group(shape, depth, may_mix), shape
        return self._step(shape, depth, may_mix)

    def _step(self, shape: Shape, depth: int, may_mix: bool) -> tuple[Node, Shape]:
        """A step; below the top one that keeps the shape, but for a few that are to be refused."""
        rng = self.rng
        while True:
            step = self._bare(shape, 0.005 if depth else 0.06)
            if family(step["op"]) == "Mix" and not may_mix and rng.random() < self.careful:
                continue
            after = shape_after(step, shape)
            if (after is None or (depth and after != shape)) and rng.random() < self.careful:
                continue
            if after == shape or rng.random() > self.careful:
                self._with_p(step)
            return self._named(step), after or shape

    def _bare(self, shape: Shape, macros: float) -> Node:
        """A step without p, of an op that takes these channels; seldom of another."""
        height, width, channels = shape
        values = Values(self.rng, self.classes, height, width, channels)
        registry = default_registry()
        macro = self.rng.random() < macros and channels == 3 and self.names is None
        steps: Any = registry.macros if macro else self.ops
        if channels == 1 and self.rng.random() < self.careful:
            steps = {name: op for name, op in steps.items() if op.gray}
        return self.drawn(values, steps[self.rng.choice(list(steps))])

    def drawn(self, values: Values, op: Any) -> Node:
        """A step with arguments."""
        return values.step(op)

    def _with_p(self, node: Node) -> Node:
        roll = self.rng.random()
        if roll < 0.08:
            node["p"] = self.rng.choice([0, 1])
        elif roll < 0.55:
            node["p"] = self.rng.choice([0.5, 0.25, round(self.rng.random(), 3)])
        if "p" in node and self.schedules.random() < 0.15:
            ends = {"from": node["p"], "to": self.schedules.choice([0, 0.5, 1])}
            shape = self.schedules.choice(["linear", "cosine", "step"])
            node["p"] = {"schedule": {**ends, "epochs": 7, "shape": shape}}
        return node

    def _named(self, step: Node) -> Node:
        if family(step["op"]) != "macro" and self.rng.random() < 0.06:
            self.ids += 1
            step["id"] = self.rng.choice(["step {}", "a/{}", "é{}"]).format(self.ids)
        return step

    def _group(self, shape: Shape, depth: int, may_mix: bool) -> Node:
        """A group whose branches keep the shape."""
        rng = self.rng
        kind = rng.choice(self.groups)
        count = rng.randint(1, 4 if kind != "random_order" else 3)
        mixing = may_mix and kind != "mixture"
        branches = [self._node(shape, depth + 1, mixing, False)[0] for _ in range(count)]
        group: Node = {kind: branches}
        self._with_p(group)
        if kind == "one_of" and rng.random() < 0.5:
            weights = [rng.choice([0, 1, 2.5, 0.1]) for _ in branches]
            group["weights"] = weights if sum(weights) else [1] * count
        if kind == "some_of":
            group["replace"] = rng.random() < 0.5
            most = count + group["replace"]
            ends = sorted([rng.randint(0, most), rng.randint(0, most)])
            group["n"] = rng.choice([ends, ends[1]])
            if rng.random() < 0.3 and not group["replace"]:
                del group["replace"]
        return group

    def _changing_group(self, shape: Shape, depth: int) -> tuple[Node, Shape]:
        """A choice whose branches change the size and agree, or a sequence with such a step."""
        rng = self.rng
        tall, wide = (max(1, side + rng.choice([-4, -2, -1, 0, 0, 2])) for side in shape[:2])
        after = (tall, wide, shape[2])
        if rng.random() < 0.3:
            return {"sequence": self._reaching(shape, after, depth)}, after
        branches = []
        for _ in range(rng.randint(1, 3)):
            steps = self._reaching(shape, after, depth)
            branches.append(steps[0] if len(steps) == 1 else {"sequence": steps})
        return {"one_of": branches}, after

    def _reaching(self, shape: Shape, after: Shape, depth: int) -> list[Node]:
        """Steps of which one brings images to another size."""
        rng = self.rng
        sizing = [
            op
            for op in self.ops.values()
            if {"height", "width"} <= op.settable.keys() and op.output_size
        ]
        values = Values(rng, self.classes, *shape)
        for _ in range(12):
            step = {**self.drawn(values, rng.choice(sizing)), "height": after[0], "width": after[1]}
            if shape_after(step, shape) == after:
                break
        before = [self._node(shape, depth + 1, False, False)[0] for _ in range(rng.random() < 0.3)]
        behind = [self._node(after, depth + 1, False, False)[0] for _ in range(rng.random() < 0.4)]
        if after == shape and rng.random() < 0.5:
            self._with_p(step)  # nothing changes: then p may be below 1
        return [*before, step, *behind]

    def _output(self) -> Node:
        rng = self.rng
        three = self.shape[2] == 3 and rng.random() < 0.8
        mean = [0.4, 0.5, 0.6] if three else [0.45]
        std = [0.2, 0.25, 0.3] if three else [0.25]
        dtype = rng.choice([{}, {"dtype": "float16"}, {"dtype": "bfloat16"}])
        return rng.choice(
            [
                {},
                {},
                {"dtype": "uint8"},
                {"dtype": "uint8"},
                {"range": rng.choice([[-1, 1], [0, 255], [0, 1], [-3, 7]]), **dtype},
                {"normalize": {"mean": mean, "std": std}, **dtype},
            ]
        )
