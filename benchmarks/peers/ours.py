"""augreg: through `augment_dataset`, as a user has it, and the map function called eagerly."""

from typing import Any

from benchmarks.measure import Runner, Skipped
from benchmarks.peers import Contestant, Source
from benchmarks.peers.placement import called, dataset, pulled
from benchmarks.work import Case, policy

SEED = 7


def load(case: Case) -> Any:
    """The case's policy, loaded by augreg."""
    import augreg

    try:
        return augreg.load_policy(policy(case.policy, case.size))
    except FileNotFoundError as error:
        raise Skipped(f"no policy file {error.filename}") from error


def _in_data(source: Source) -> Runner:
    """Draws, kernels and prefetch: the whole of what replaces the peer's pipeline."""
    loaded = load(source.case)
    import augreg

    made = augreg.augment_dataset(
        dataset(source), loaded, batch_size=source.case.batch, seed=SEED, training=True
    )
    return pulled(made)


def _eager(source: Source) -> Runner:
    """One call a batch, draws included, with nothing around it: what tf.data's share is not."""
    loaded = load(source.case)
    import tensorflow as tf

    import augreg

    step = tf.function(augreg.map_fn(loaded, seed=SEED, training=True, batched=True))
    return called(source, lambda index, images: step(index, images))


CONTESTANTS = (
    Contestant("augreg", "augreg, augment_dataset", _in_data),
    Contestant("augreg_eager", "augreg, map_fn called", _eager),
)
