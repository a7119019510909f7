"""What a run does in an epoch or step, as a function of the options and of what was before.

Nothing here has a state of its own, so a run that is resumed goes on as it would have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from augreg.train.options import TrainOptions

_FINE_TUNE = 0.01  # of the first rate
_DECAY = 0.95

History = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Schedule:
    """The learning rate of each step.

    Each of the two phases, before and after `freeze_epochs`, has its own rate, warm-up and decay.
    In the warm-up, step t of w has (t + 1) / w of the rate. After it, at the part u of the phase's
    other steps, `cosine` has (1 + cos(pi * u)) / 2 of the rate
    (https://arxiv.org/abs/1608.03983, without restarts), and `exponential` has `decay` to the power
    of the epochs since.

    Attributes:
        options: of the run.
        steps: in an epoch.
        first_rate: of `learning_rate`, where the options name none.
    """

    options: TrainOptions
    steps: int
    first_rate: float

    def rate(self, step: int) -> float:
        """Of a step, counted from 0 over all epochs."""
        options = self.options
        rate = options.learning_rate or self.first_rate
        first, last = 0, options.epochs * self.steps
        border = options.freeze_epochs * self.steps
        if step < border:
            last = border
        elif border:
            first, rate = border, options.fine_tune_rate or rate * _FINE_TUNE
        return rate * self._factor(step - first, last - first)

    def _factor(self, step: int, count: int) -> float:
        options, warmup = self.options, self.options.warmup_epochs * self.steps
        if step < warmup:
            return (step + 1) / warmup
        after = step - warmup
        if options.schedule == "cosine":
            return (1 + math.cos(math.pi * after / (count - warmup))) / 2
        if options.schedule == "exponential":
            return (options.decay or _DECAY) ** (after / self.steps)
        return 1.0


def best_row(history: History) -> int:
    """The row with the lowest validation loss, the first of equals; a NaN is the highest."""
    losses = [row["val_loss"] for row in history]
    return min(range(len(losses)), key=lambda i: (math.isnan(losses[i]), losses[i]))


def is_over(options: TrainOptions, history: History) -> bool:
    """Whether no other epoch follows those of the history."""
    done = len(history)
    if done >= options.epochs:
        return True
    if options.early_stopping is None or done <= options.freeze_epochs:
        return False
    return done - max(best_row(history) + 1, options.freeze_epochs) >= options.early_stopping
