"""One sample after each step of a policy: what every step did to it, with the values it drew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from augreg.families import Item, Stage
from augreg.lower.sampled import Taken, Value, steps_of_sample
from augreg.plan import SECTIONS
from augreg.policy import Policy
from augreg.views.batches import unstacked
from augreg.views.captions import telling
from augreg.views.overlay import Pixels
from augreg.views.trace import Passed, Sample, Trace, shown


@dataclass(frozen=True)
class Frame:
    """A sample after a step.

    Attributes:
        pointer: where the step stands in the policy, `#k` at its end for slot k of a group that
            picks with replacement; of a mixture, the group's.
        op: the step's op, or "mixture".
        section: "prepare" or "augment".
        pixels: uint8 [H,W,C], clipped to 0..255.
        annotations: what the sample's element has beside its image, moved so far.
        values: parameter -> what was drawn for it.
        left_out: why the sample does not do the step, such as "its p 0.5"; empty where it does. Its
            pixels are then those before it.
        under: the groups that decide about it, outermost first, as "one_of at /augment/2".
        shares: the pointers of the steps that read and write the pixels together with it.
        exact: whether the policy itself has these pixels. Of steps that share a resample it has
            those after the last; before that, the picture is what the policy made if it ended here.
        note: what is shared, in words, as "rotate and zoom share one resample".
    """

    pointer: str
    op: str
    section: str
    pixels: Pixels
    annotations: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    left_out: str = ""
    under: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    exact: bool = True
    note: str = ""


@dataclass(frozen=True)
class Filmstrip:
    """The sample before the policy, and after each of its steps; the last is the training sample.

    Attributes:
        before: uint8 [H,W,C].
        frames: prepare's first, in the order in which the sample does them.
    """

    before: Pixels
    frames: tuple[Frame, ...]


def filmstrip(policy: Policy, sample: Sample) -> Filmstrip:
    """One sample after each step, by the kernels and the draws that it is trained with.

    The last frame equals `augreg.augment` with this seed, epoch and index and output as uint8. A
    step that mixes samples has none but this one here.

    Args:
        policy: a loaded one.
        sample: see `Sample.of`.

    Raises:
        PolicyError: the policy can't work on this image.
        DataError: the annotations do not fit the image or the policy.

    >>> import augreg, numpy as np
    >>> from augreg.views.filmstrip import filmstrip
    >>> from augreg.views.trace import Sample
    >>> steps = [{"op": "rotate", "degrees": [10, 20]}, {"op": "zoom", "factor": 1.5}]
    >>> policy = augreg.load_policy({"version": 1, "augment": steps})
    >>> first, last = filmstrip(policy, Sample.of(np.zeros((8, 8, 3), np.uint8))).frames
    >>> last.note
    'rotate and zoom share one resample'
    """
    trace = Trace(policy, sample)
    steps = steps_of_sample(trace.policy.nodes(True, SECTIONS), trace.draws)
    frames: dict[str, Frame] = {}
    for passed in trace.stages():
        whole = _Part(passed.stage, passed.earlier, passed.before, passed.pixels)
        for frame in _Film(trace, steps, passed).frames(whole):
            frames.setdefault(frame.pointer, frame)
    return Filmstrip(shown(trace.begun), tuple(frames.values()))


@dataclass(frozen=True)
class _Part:
    """A stage, or one in a branch of it.

    Attributes:
        earlier: the stages before it in its section, and in the branch that it is in.
        before, after: the pixels on both sides of it, [1,H,W,C].
    """

    stage: Stage
    earlier: tuple[Stage, ...]
    before: NDArray[Any]
    after: NDArray[Any]


@dataclass(frozen=True)
class _Film:
    """The frames of one stage."""

    trace: Trace
    steps: tuple[Taken, ...]
    passed: Passed

    def frames(self, part: _Part) -> Iterator[Frame]:
        """The frames of a part of it."""
        if part.stage.keeps_one:
            yield from self._kept(part)
        elif part.stage.branches:
            yield from self._mixture(part)
        else:
            yield from self._steps(part)

    def _steps(self, part: _Part) -> Iterator[Frame]:
        """A frame for each step of a stage; of steps that share it, for each as if it was last."""
        steps = list(self._done_in(part.stage))
        done = [one for one in steps if not one.left_out]
        pixels, stages = part.before if done else part.after, part.earlier
        for one in steps:
            if not one.left_out:
                ends = one is done[-1]
                first = done[: done.index(one) + 1]
                own = (part.stage,) if ends else self._first(first, part.before)
                pixels = part.after if ends else self.trace.interpreter().stages(own, part.before)
                stages = (*part.earlier, *own)
            shares = done if len(done) > 1 and not one.left_out else []
            yield Frame(
                one.pointer,
                one.step.op.name,
                self.passed.section,
                shown(pixels),
                self._moved(stages),
                telling(one.step.op, one.values),
                one.left_out,
                tuple(f"{group.kind} at {group.pointer}" for group in one.under),
                tuple(other.pointer for other in shares if other is not one),
                one.left_out != "" or one is done[-1],
                _shared_text(part.stage, shares),
            )

    def _done_in(self, stage: Stage) -> Iterator[Taken]:
        """The steps that the sample does in a stage, and those of it that it does nowhere."""
        for item in stage.items:
            condition = self.passed.lowering.condition(item)
            happens = condition is None or bool(condition[0])
            for one in self.steps:
                if _holds(item, one) and (happens or one.left_out):
                    yield one

    def _first(self, done: list[Taken], before: NDArray[Any]) -> tuple[Stage, ...]:
        """The stages of the first steps of several that share one."""
        return self.trace.stages_of(tuple(one.alone for one in done), before)

    def _through(
        self, stages: tuple[Stage, ...], earlier: tuple[Stage, ...], pixels: NDArray[Any]
    ) -> Iterator[Frame]:
        """The frames of the stages of a branch."""
        for stage in stages:
            after = self.trace.interpreter().stage(stage, pixels)
            yield from self.frames(_Part(stage, earlier, pixels, after))
            pixels, earlier = after, (*earlier, stage)

    def _kept(self, part: _Part) -> Iterator[Frame]:
        """The frames of a stage that keeps one of its branches; other branches' are left out."""
        (item,) = part.stage.items
        chosen = int(self.passed.lowering.chosen(item.group, item.suffix)[0])
        earlier, pixels = part.earlier, part.before
        for number, branch in enumerate(part.stage.branches):
            if number == chosen:
                yield from self._through(branch, earlier, pixels)
                earlier, pixels = (*earlier, part.stage), part.after
            else:
                for inner in branch:
                    yield from self._steps(_Part(inner, earlier, pixels, pixels))

    def _mixture(self, part: _Part) -> Iterator[Frame]:
        """The frames of each branch, and one of their mixture."""
        (item,) = part.stage.items
        where = f"mixture at {item.group.pointer}"
        for branch in part.stage.branches:
            for frame in self._through(branch, part.earlier, part.before):
                yield replace(frame, exact=False, note=f"in a branch of the {where}")
        weights, together = self.passed.lowering.mixture(item)
        left_out = ""
        if (condition := self.passed.lowering.condition(item)) is not None and not condition[0]:
            left_out = next(one.left_out for one in self.steps if _holds(item, one))
        values = {"weights": weights[0].tolist(), "mix": float(together[0])}
        yield Frame(
            item.group.pointer + item.suffix,
            "mixture",
            self.passed.section,
            shown(part.after),
            self._moved((*part.earlier, part.stage)),
            {} if left_out else values,
            left_out,
        )

    def _moved(self, stages: tuple[Stage, ...]) -> dict[str, Any]:
        """The annotations after these stages of the section, for one image."""
        moved = self.trace.moved(self.passed.section, stages)
        return unstacked(moved, 1)[0]


def _holds(item: Item, one: Taken) -> bool:
    """Whether a step is one of the item's, in its slot."""
    return one.suffix.startswith(item.suffix) and any(step is one.step for step in item.steps)


def _shared_text(stage: Stage, shares: list[Taken]) -> str:
    """What the steps of a stage share, in words; nothing for one alone."""
    if not shares:
        return ""
    *names, last = (one.step.op.name for one in shares)
    what = {"resample": "one resample", "whole-pixel moves": "one copy of the pixels"}
    return f"{', '.join(names)} and {last} share {what.get(stage.title, 'one pass')}"
