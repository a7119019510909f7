"""augreg: through `augment_dataset`, as a user has it, and the map function called eagerly."""

from typing import Any

import tensorflow as tf

import augreg
from benchmarks.measure import Runner
from benchmarks.peers import Source
from benchmarks.peers.placement import called, dataset, pulled
from benchmarks.work import Case, policy

SEED = 7


def load(case: Case) -> Any:
    """The case's policy, loaded by augreg."""
    return augreg.load_policy(policy(case.policy, case.size))


def pipeline(source: Source) -> Any:
    """Draws, kernels and prefetch: the whole of what replaces the peer's pipeline."""
    loaded, batch = load(source.case), source.case.batch
    return augreg.augment_dataset(dataset(source), loaded, batch_size=batch, seed=SEED)


def in_data(source: Source) -> Runner:
    return pulled(pipeline(source))


def map_fn_called(source: Source) -> Runner:
    """One call a batch, draws included, with nothing around it: what tf.data's share is not."""
    step = augreg.map_fn(load(source.case), seed=SEED, training=True, batched=True)
    return called(source, tf.function(step))
