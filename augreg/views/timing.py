"""What each stage of a policy costs on this machine, as TensorFlow runs it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.asked import unasked
from augreg.backends.reference.kernels import quantize
from augreg.checks import check_count, check_images, sample_key
from augreg.errors import ImageError
from augreg.plan import Plan, plan
from augreg.plan.passes import optimize
from augreg.policy import Policy
from augreg.random.generator import SampleKey
from augreg.views.explain import StageView, explain

_LEAST = 3  # runs of a stage
_LONGEST = 0.15  # seconds that more of them may take


@dataclass(frozen=True)
class StageTime:
    """What a stage costs.

    Attributes:
        stage: as `explain` shows it, with its steps and why it is one.
        microseconds: for an image, the median of the runs.
        fastest, slowest: for an image, of the runs: how far they lie apart.
        runs: how many.
    """

    stage: StageView
    microseconds: float
    fastest: float
    slowest: float
    runs: int


def stage_times(
    policy: Policy, images: Any, *, seed: int = 0, epoch: int = 0, runs: int = 9
) -> Iterator[StageTime]:
    """Times the kernel of each stage, alone, compiled by XLA as in training.

    A stage on its own reads its images from memory and writes them there as floats, which stages
    that follow one another save: their sum is more than the policy costs. Batches are done one
    after another, where tf.data does several at once; and stages of `prepare` are done to a batch,
    where a dataset does them to each image, of any size.

    Args:
        policy: a loaded one.
        images: uint8 [B,H,W,C], of one size; a dozen of about 180x180 are enough.
        seed, epoch: of the draws, whose samples are 0 to B-1.
        runs: of each stage; fewer, but at least three, where they take more than 0.15 s.

    Returns:
        An iterator over the stages of `explain(policy, size=...)`, in its order. Each is compiled
        and timed when it is asked for, so that whoever stops asking stops it.

    Raises:
        PolicyError: the policy can't work on these images.
        ImageError: they are no batch of uint8 images.
    """
    images, runs = np.asarray(images), check_count(runs, "runs", _LEAST)
    check_images(images.shape, str(images.dtype))
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
        found = f"{images.dtype} {list(images.shape)}"
        raise ImageError(f"stages are timed on a batch, uint8 [B, H, W, C], found {found}")
    policy = unasked(policy)
    size, channels = (images.shape[1], images.shape[2]), images.shape[3]
    planned, _ = optimize(plan(policy, size=size, channels=channels))
    key = sample_key(seed, epoch, np.arange(len(images)))
    return _times(planned, explain(policy, size=size, channels=channels).stages, images, key, runs)


def _times(
    planned: Plan,
    views: tuple[StageView, ...],
    images: NDArray[Any],
    key: SampleKey,
    runs: int,
) -> Iterator[StageTime]:
    from augreg.backends.tensorflow.single_stage import stage_program

    stages = (*planned.prepare, *planned.augment)
    for number, (stage, view) in enumerate(zip(stages, views, strict=True), start=1):
        run = partial(stage_program(planned, stage, images), key)
        images = run()  # it compiles
        seconds: list[float] = []
        while len(seconds) < runs and (len(seconds) < _LEAST or sum(seconds) < _LONGEST):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        if number == len(planned.prepare):
            images = quantize(images)
        each = [1e6 * one / len(images) for one in seconds]
        yield StageTime(view, statistics.median(each), min(each), max(each), len(each))
