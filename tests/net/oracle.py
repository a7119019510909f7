"""The oracle: a policy's tree, walked step by step, each step done alone to each sample.

No plan, no stages, no passes. A step's transform comes from its op, its draws from `Choices`; the
reference's kernels do one step to one sample. Geometry that shares a resample pulls positions back
through its steps, one by one, in float64, and reads the image once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from augreg import families
from augreg.backends.reference import kernels
from augreg.families.call import call_op
from augreg.families.functions import aligned, coordinates
from augreg.policy import Group, Node, Output, Policy, Step
from augreg.random import fields
from augreg.xp import NUMPY
from net.choices import Choices
from net.jitter import Jitter
from net.pulling import Leaf, pulled
from net.sharing import Kind, Sharing, joined, size_after

Image = np.ndarray
Takers = tuple[bool, ...]  # which samples do a node


class Oracle:
    """One batch on its way through a policy. jitter: what rounding could do (None: nothing)."""

    def __init__(self, policy: Policy, choices: Choices, jitter: Jitter | None = None) -> None:
        self.policy, self.choices = policy, choices
        self.sharing, self.jitter = Sharing(choices), jitter or Jitter()
        self.images: list[Image] = []
        self.masks: list[Image] | None = None  # [H,W,C] each
        self.labels: np.ndarray | None = None
        self.size: families.StaticSize = (None, None)

    def run(
        self, images: Sequence[Image], labels: Any, training: bool, output: bool = True
    ) -> tuple[np.ndarray, Any]:
        """uint8 or float32 images (0..1), and labels (shares, where they mix), after all."""
        came_as_uint8 = images[0].dtype == np.uint8
        self.images, self.labels = list(images), labels
        everyone = (True,) * len(images)
        self.size = images[0].shape[:2]
        if prepare := self.policy.prepare(training):
            self.nodes(prepare, everyone, "")
            if came_as_uint8:
                self.images = [kernels.quantize(image) for image in self.images]
        if training:
            self.nodes(self.policy.augment, everyone, "")
        result = np.stack([kernels.to_unit(image) for image in self.images])
        return (_ended(result, self.policy.output) if output else result), self.labels

    # --- nodes

    def nodes(self, nodes: Iterable[Node], takers: Takers, suffix: str) -> None:
        """Nodes one after another; geometry that follows geometry shares its resample."""
        run: list[Node] = []
        total: Kind | None = None
        for node in nodes:
            kind = self.sharing.kind(node, self.size)
            if run and (kind is None or joined(total, kind) is None):
                self.warp(run, total, takers, suffix)
                run = []
            if kind is None:
                self.node(node, takers, suffix)
                continue
            total = joined(total, kind) if run else kind
            run.append(node)
            self.size = self.sharing.size_after(node, self.size)
        if run:
            self.warp(run, total, takers, suffix)

    def node(self, node: Node, takers: Takers, suffix: str) -> None:
        if isinstance(node, Step):
            return self.step(node, self.taking(node, takers, suffix), suffix)
        if node.kind == "mixture":
            return self.mixture(node, takers, suffix)
        taking = self.taking(node, takers, suffix)
        if node.kind == "sequence":
            return self.nodes(node.branches, taking, suffix)
        return self.choice(node, taking, suffix)

    def taking(self, node: Node, takers: Takers, suffix: str) -> Takers:
        return tuple(t and self.choices.takes(node, suffix, b) for b, t in enumerate(takers))

    def choice(self, group: Group, takers: Takers, suffix: str) -> None:
        """Branches, in the order of their slots where a sample does several."""
        before, after = self.size, self.size
        for slot in range(self.slots(group)):
            for i, branch in enumerate(group.branches):
                self.size = before
                mine = [t and self.pick(group, suffix, b, slot, i) for b, t in enumerate(takers)]
                tails = {tail for tail in mine if tail is not False}
                for tail in tails:
                    self.nodes((branch,), tuple(tail == one for one in mine), tail)
                if not tails:
                    self.size = self.sharing.size_after(branch, before)
                after = self.size
        self.size = after

    def slots(self, group: Group) -> int:
        if group.kind == "random_order":
            return len(group.branches)
        return group.n[1] if group.kind == "some_of" and group.replace else 1

    def pick(self, group: Group, suffix: str, b: int, slot: int, branch: int) -> Any:
        """The suffix of the branch's draws, where a sample does it in this slot; else False."""
        if group.kind == "one_of":
            return suffix if self.choices.chosen(group, suffix, b) == branch else False
        picks = self.choices.picks(group, suffix, b)
        if group.kind == "some_of" and not group.replace:
            return suffix if (branch, suffix) in picks else False
        here = picks[slot] if slot < len(picks) else (-1, "")
        return here[1] if here[0] == branch else False

    def mixture(self, group: Group, takers: Takers, suffix: str) -> None:
        start = [kernels.to_unit(image) for image in self.images]
        shares = [self.choices.shares(group, suffix, b) for b in range(len(start))]
        together = [
            share if t else np.float32(0) for (_, share), t in zip(shares, takers, strict=True)
        ]
        totals = [(1 - part) * image for part, image in zip(together, start, strict=True)]
        before = self.size
        for i, branch in enumerate(group.branches):
            self.images, self.size = list(start), before
            self.nodes((branch,), takers, suffix)  # others may have another size by now
            for b in (b for b, taker in enumerate(takers) if taker):
                part = together[b] * shares[b][0][i]
                totals[b] = totals[b] + part * kernels.to_unit(self.images[b])
        self.images, self.size = [self.jitter.values(total) for total in totals], before

    # --- steps

    def step(self, step: Step, takers: Takers, suffix: str) -> None:
        self.size = size_after(step, self.size)
        made = [self.transform(step, suffix, b) for b in range(len(takers))]
        if isinstance(made[0], families.Mix):
            self.mix(made, takers)
            return
        for b, transform in enumerate(made):
            if takers[b]:
                done = _alone(transform, self.images[b][np.newaxis])
                self.images[b] = self.jitter.values(done[0])
            if takers[b] and self.masks is not None and isinstance(transform, families.Resize):
                plain = replace(transform, method="nearest", antialias=False, fill_value=0.0)
                done = kernels.resize(self.masks[b][np.newaxis].astype(np.float32), plain)
                self.masks[b] = done[0]
            if takers[b] and self.masks is not None and getattr(transform, "hidden", None):
                seen = ~transform.hidden_pixels(NUMPY, self.masks[b].shape[:2])[0]
                self.masks[b] = self.masks[b] * seen[..., np.newaxis]

    def transform(self, step: Step, suffix: str, b: int) -> Any:
        size = self.images[b].shape[:2]
        return call_op(step.op, NUMPY, self.choices.arguments(step, suffix, b), size)

    def mix(self, made: list[families.Mix], takers: Takers) -> None:
        """Each sample with another of the batch, as they were before."""
        images = [kernels.to_unit(image) for image in self.images]
        soft, labels = self.labels, self.labels.copy()
        for b, transform in enumerate(made):
            if not takers[b]:
                continue
            further = int(np.floor(np.float32(transform.partner[0]) * np.float32(len(made) - 1)))
            other = (b + 1 + further) % len(made)
            own = np.float32(transform.weight[0])
            if transform.box is None:
                self.images[b] = images[b] * own + images[other] * (1 - own)
            else:
                top, left, tall, wide = (int(side) for side in transform.box[0])
                self.images[b] = images[b].copy()
                inside = np.s_[top : top + tall, left : left + wide]
                self.images[b][inside] = images[other][inside]
                height, width = images[b].shape[:2]
                own = np.float32(1 - images[b][inside][..., 0].size / (height * width))
            labels[b] = soft[b] * own + soft[other] * (1 - own)
        self.labels = labels

    # --- geometry

    def warp(self, nodes: Sequence[Node], kind: Kind | None, takers: Takers, suffix: str) -> None:
        for b, image in enumerate(self.images):
            if takers[b]:
                leaves = [leaf for node in nodes for leaf in self.leaves(node, suffix, b)]
                transforms, modes = self.transforms(leaves, b), kind.modes if kind else None
                self.images[b] = pulled(image, transforms, modes, self.jitter)
                if self.masks is not None:
                    modes = modes and (modes[0], 0, "nearest")
                    self.masks[b] = pulled(self.masks[b], transforms, modes, self.jitter)

    def leaves(self, node: Node, suffix: str, b: int) -> list[tuple[Step, str]]:
        """The steps that a sample does, in its own order."""
        if not self.choices.takes(node, suffix, b):
            return []
        if isinstance(node, Step):
            return [(node, suffix)]
        if node.kind == "sequence":
            picks = [(i, suffix) for i in range(len(node.branches))]
        elif node.kind == "one_of":
            picks = [(self.choices.chosen(node, suffix, b), suffix)]
        else:
            picks = self.choices.picks(node, suffix, b)
        return [leaf for i, tail in picks for leaf in self.leaves(node.branches[i], tail, b)]

    def transforms(self, leaves: list[tuple[Step, str]], b: int) -> list[Leaf]:
        size, found = self.images[b].shape[:2], []
        for step, suffix in leaves:
            made = call_op(step.op, NUMPY, self.choices.arguments(step, suffix, b), size)
            after = size_after(step, size)
            found.append(Leaf(made, size, after))
            size = after
        return found


def _alone(transform: Any, image: Image) -> Image:
    """One step to a batch of one image."""
    if isinstance(transform, families.Resize):
        return kernels.resize(image, transform)
    image = kernels.to_unit(image)
    if isinstance(transform, families.ColorMap):
        if image.shape[-1] == 1:  # an op that takes one channel treats all alike
            mean = None if transform.mean is None else transform.mean[:, :1, :1]
            transform = families.ColorMap(
                transform.matrix[:, :1, :1], transform.offset[:, :1], mean
            )
        return kernels.color(image, transform)
    planes = tuple(np.moveaxis(image, -1, 0))
    arguments = [aligned(NUMPY, argument) for argument in transform.arguments]
    if isinstance(transform, families.Neighborhood):
        for function in transform.functions:
            planes = tuple(function(NUMPY, planes, *arguments))
        return np.stack(planes, axis=-1)
    size = image.shape[1:3]
    given: dict[str, Any] = dict(kernels.statistics(image, transform.statistics))
    if transform.coordinates:
        given |= coordinates(NUMPY, size)
    if transform.noise:
        keys = transform.noise
        given["noise"] = tuple(fields.uniform_planes(NUMPY, k, size, len(planes)) for k in keys)
    return np.stack(transform.function(NUMPY, planes, *arguments, **given), axis=-1)


def _ended(images: Image, output: Output) -> Image:
    """In 0..1, clipped; the bytes of it where the output is uint8."""
    clipped = np.clip(images, 0, 1)
    return np.floor(clipped * 255 + np.float32(0.5)) / 255 if output.dtype == "uint8" else clipped
