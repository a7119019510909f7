"""The pass for choices of mixed families: what no sample does twice is done in one stage.

Of the branches of a `one_of` (or of a slot) a sample takes one, and the others leave it as it is.
So their stages may change places, and stages of one family become one: a choice among five warps
and nine colour ops costs one warp and one pointwise kernel. Within a branch the order stays.

That holds for stages that read the sample alone. One that mixes samples reads others, which may
have taken other branches: nothing changes places with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

from augreg.families import Guard, Stage

Queue = list[Stage]


def merge_runs(stages: tuple[Stage, ...], depth: int = 0) -> Iterator[tuple[Stage, Queue]]:
    """Each stage of the result with the stages that it stands for."""
    start = 0
    while start < len(stages):
        site = _site(stages[start], depth)
        end = start + 1
        while end < len(stages) and site is not None and _site(stages[end], depth) == site:
            end += 1
        run, start = stages[start:end], end
        if site is None:
            yield run[0], [run[0]]
        elif not _guards(run[0])[depth].exclusive:
            yield from merge_runs(run, depth + 1)
        else:
            branches: dict[int | None, list[Stage]] = {}
            for stage in run:
                branches.setdefault(_guards(stage)[depth].branch, []).append(stage)
            queues = [list(merge_runs(tuple(own), depth + 1)) for own in branches.values()]
            yield from _interleaved(queues)


def _interleaved(queues: list[list[tuple[Stage, Queue]]]) -> Iterator[tuple[Stage, Queue]]:
    """Takes from every queue whose head is of the commonest family, until all are empty."""
    while queues := [queue for queue in queues if queue]:
        keys = [queue[0][0].merge_key() for queue in queues]
        family = Counter(keys).most_common(1)[0][0]
        heads = [queue.pop(0) for queue, key in zip(queues, keys, strict=True) if key == family]
        merged, sources = heads[0]
        for stage, own in heads[1:]:
            merged, sources = merged.merged(stage), sources + own
        yield merged, sources


def _guards(stage: Stage) -> tuple[Guard, ...]:
    """The guards that all items of the stage share; none of a stage that has to keep its place."""
    return () if stage.reads_others else stage.items[0].guards


def _site(stage: Stage, depth: int) -> Hashable | None:
    """What tells one choice from another at `depth`; None where nothing guards the stage there."""
    guards = _guards(stage)
    if depth >= len(guards):
        return None
    guard = guards[depth]
    return guard.choice, None if guard.exclusive else guard.branch
