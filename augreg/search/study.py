"""The trials of a search, in an Optuna study that is kept in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from augreg.compare.runs import continued, finished
from augreg.errors import PolicyError, RunError
from augreg.policy import load_policy
from augreg.search.options import SearchOptions
from augreg.search.space import changed
from augreg.sources import Source

try:
    import optuna
except ModuleNotFoundError as _error:
    raise RunError("augreg search needs Optuna: pip install 'augreg[search]'") from _error

STUDY = "study.db"
_DONE = "done"  # a trial that counts: one that was stopped does not


def open_study(options: SearchOptions) -> optuna.Study:
    """The study in the output folder, or a new one whose first trial is the policy as it is.

    A trial that was stopped is queued again.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    epochs = options.run_options(options.start).epochs
    study = optuna.create_study(
        storage=_storage(options.output / STUDY),
        study_name="augreg",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=epochs // 3),
    )
    if not study.trials:
        study.enqueue_trial({knob.pointer: knob.start for knob in options.knobs})
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.enqueue_trial({**trial.system_attrs.get("fixed_params", {}), **trial.params})
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def run_trials(
    study: optuna.Study, options: SearchOptions, source: Source, console: Console
) -> None:
    """Runs the trials that the budget has left."""
    while (done := len(counted(study))) < options.budget:
        # Made anew from the number of trials: a sampler that is begun again after an interruption
        # would repeat its first draws.
        study.sampler = optuna.samplers.TPESampler(seed=options.seed + done)
        trial = study.ask()
        console.print(f"trial {done + 1} of {options.budget}", style="bold", highlight=False)
        state, value = _run(trial, options, source, console)
        trial.set_user_attr(_DONE, True)
        study.tell(trial, value, state)
        console.print(_said(state, value), highlight=False)


def counted(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that are done, also those that were pruned or failed."""
    return [trial for trial in study.trials if _DONE in trial.user_attrs]


def best_of(trials: list[optuna.trial.FrozenTrial]) -> optuna.trial.FrozenTrial:
    """The trial with the highest figure, the first of equals, of those that ran to their end.

    Raises:
        RunError: there is none.
    """
    # one that was pruned has a figure, too: that of its last epoch
    ended = [trial for trial in trials if trial.state is optuna.trial.TrialState.COMPLETE]
    if not ended:
        raise RunError(
            f"none of {len(trials)} trials ran to its end; the first says: "
            f"{trials[0].user_attrs.get('error', 'pruned')}"
        )
    return max(ended, key=lambda trial: (trial.value or 0, -trial.number))


def as_json(trials: list[optuna.trial.FrozenTrial]) -> list[dict[str, Any]]:
    """What search.json says of them; a pruned one has the validation accuracy of its last epoch."""
    return [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "val_accuracy": trial.value,
            "values": trial.params,
            **({"error": trial.user_attrs["error"]} if "error" in trial.user_attrs else {}),
        }
        for trial in trials
    ]


def _run(
    trial: optuna.Trial, options: SearchOptions, source: Source, console: Console
) -> tuple[optuna.trial.TrialState, float | None]:
    states = optuna.trial.TrialState
    values = {k.pointer: trial.suggest_float(k.pointer, 0.0, k.most) for k in options.knobs}

    def after_epoch(row: Mapping[str, float]) -> None:
        trial.report(row["val_accuracy"], int(row["epoch"]))
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        run = options.run_options(load_policy(changed(options.start, options.knobs, values)))
        summary = finished(run) or continued(run, source, console, after_epoch)
    except optuna.TrialPruned:
        return states.PRUNED, None
    except (PolicyError, RunError) as error:  # values that don't go together; a loss of NaN
        trial.set_user_attr("error", str(error))
        return states.FAIL, None
    return states.COMPLETE, summary.val_accuracy


def _said(state: optuna.trial.TrialState, value: float | None) -> str:
    return state.name.lower() if value is None else f"validation accuracy {value:.3f}"


def _storage(path: Path) -> optuna.storages.RDBStorage:
    from sqlalchemy import URL

    return optuna.storages.RDBStorage(str(URL.create("sqlite", database=str(path))))
