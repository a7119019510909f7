"""What options add to a run is in its checkpoint: a run that stopped ends as if it had not."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_application import add_tiny
from train_runs import assert_same, history, run, weights

from augreg.errors import RunError
from augreg.train import Interrupted, report
from augreg.train.loop import Network
from augreg.train.progress import Display

STEPS = 3  # in an epoch of 80 images in batches of 32
# Six epochs, the first two of the head; the rate is high, so that the validation loss rises.
PHASES: dict[str, Any] = {
    "model": "Tiny",
    "epochs": 6,
    "freeze_epochs": 2,
    "learning_rate": 0.02,
    "fine_tune_rate": 0.3,
    "schedule": "cosine",
    "warmup_epochs": 1,
    "early_stopping": 2,
    "class_weights": "balanced",
}
HALF: dict[str, Any] = {"epochs": 2, "mixed_precision": "float16", "schedule": "exponential"}


class KilledError(Exception):
    pass


def run_killed_at(step: int, output: Path, **how: Any) -> None:
    """A run that ends at a step without a word, with a checkpoint of the step before."""
    calls = [0]

    def at(*_: Any) -> None:
        calls[0] += 1
        if calls[0] == step:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Display, "step", at)
        with pytest.raises(KilledError):
            run(output, checkpoint_seconds=0, **how)


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        path = add_tiny(patch, tmp_path_factory.mktemp("weights"))
        patch.setitem(PHASES, "weights", path)
        patch.setattr("augreg.train.report.write", report.summary)  # saves seconds
        yield


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, tiny: None) -> Callable[..., Path]:
    made: dict[str, Path] = {}

    def get(name: str, how: dict[str, Any]) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("runs") / name
            run(made[name], **how)
        return made[name]

    return get


# In the frozen phase; at the first two steps after it; after the best epoch.
@pytest.mark.parametrize("step", [2, 2 * STEPS + 1, 2 * STEPS + 2, 3 * STEPS + 2])
def test_a_run_in_phases_that_was_killed_ends_with_the_same_weights(
    step: int, uninterrupted: Callable[..., Path], tmp_path: Path
) -> None:
    whole = uninterrupted("phases", PHASES)
    run_killed_at(step, tmp_path, **PHASES)
    run(tmp_path, resume=True, **PHASES)
    assert_same(tmp_path, whole)


def test_the_run_in_phases_stops_early_and_keeps_the_best(
    uninterrupted: Callable[..., Path],
) -> None:
    # what the test above compares does depend on all of this
    rows = history(uninterrupted("phases", PHASES))[1:]
    losses = [float(row[3]) for row in rows]
    assert len(rows) < 6 and np.argmin(losses) == len(losses) - 3
    kept = weights(uninterrupted("phases", PHASES))
    last = [kept[name] for name in kept if name.startswith("model/")]
    best = [kept[name] for name in kept if name.startswith("best/")]
    assert len(last) == len(best) and not np.array_equal(last[0], best[0])


def test_a_run_in_float16_keeps_its_loss_scale(
    uninterrupted: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so high a scale overflows, and is halved, for some steps
    import keras

    real = keras.optimizers.LossScaleOptimizer
    monkeypatch.setattr(
        keras.optimizers, "LossScaleOptimizer", lambda inner: real(inner, initial_scale=2.0**30)
    )
    whole = uninterrupted("half", HALF)
    scales = [float(v) for v in weights(whole).values() if v.shape == () and v.dtype == np.float32]
    assert any(1 < scale < 2**30 for scale in scales)
    run_killed_at(2, tmp_path, **HALF)
    run(tmp_path, resume=True, **HALF)
    assert_same(tmp_path, whole)


def test_a_signal_in_the_last_evaluation_leaves_the_last_weights_in_the_checkpoint(
    uninterrupted: Callable[..., Path], tmp_path: Path, foreground: None
) -> None:
    # The network has the best weights then; to continue with more epochs takes the last ones.
    how = {"early_stopping": 3, "learning_rate": 0.02}
    whole = uninterrupted("longer", {**how, "epochs": 3})
    losses = [float(row[3]) for row in history(whole)[1:]]
    assert losses[0] < losses[1]  # so the best are not the last
    clear, calls = Network.clear, [0]

    def cleared(network: Network) -> None:
        calls[0] += 1
        if calls[0] == 7:  # each epoch clears three times
            signal.raise_signal(signal.SIGINT)
        clear(network)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "clear", cleared)
        with pytest.raises(Interrupted, match="epoch-00002"):
            run(tmp_path, epochs=2, **how)
    run(tmp_path, epochs=3, resume=True, **how)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fine_tune_rate": 0.01}, r"fine_tune_rate was 0\.3 and is now 0\.01"),
        ({"freeze_epochs": 3}, "freeze_epochs was 2 and is now 3"),
        ({"epochs": 7}, "epochs was 6 and is now 7"),  # of which the cosine depends
        ({"class_weights": None}, "class_weights was 'balanced' and is now None"),
        ({"early_stopping": None}, "early_stopping was 2 and is now None"),
    ],
)
def test_a_run_does_not_continue_with_other_options(
    uninterrupted: Callable[..., Path], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunError, match=message):
        run(uninterrupted("phases", PHASES), resume=True, **{**PHASES, **change})
