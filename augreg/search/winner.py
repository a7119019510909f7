"""`search`: the trials, the winner as a policy, and its figures beside the start's."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from augreg import files
from augreg.compare import Results, compare
from augreg.compare.comparison import DATA
from augreg.compare.options import OWN
from augreg.compare.runs import keep_text
from augreg.errors import RunError
from augreg.policy import Policy, load_policy
from augreg.policy.layout import as_policy
from augreg.search.options import BEST, RAND_AUGMENT, START, SearchOptions
from augreg.search.space import changed
from augreg.search.study import STUDY, as_json, best_of, counted, open_study, run_trials
from augreg.sources import Source, open_source
from augreg.train.config import config_text

SETTINGS, WINNER, REPORT = "search.toml", "best.json", "search.json"


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        best: the policy with the highest validation accuracy; best.json.
        trial: its number; 0 is the start.
        val_accuracy: of it and of the start, in the search.
        final: test accuracies of the start, the best and RandAugment, over new seeds.
    """

    best: Policy
    trial: int
    val_accuracy: tuple[float, float | None]
    final: Results


def search(
    options: SearchOptions, *, source: Source | None = None, console: Console | None = None
) -> Found:
    """Searches the ranges and probabilities of a policy for the highest validation accuracy.

    The trials do not read the test split. The start, the winner and RandAugment are trained anew
    for the final figures, with other seeds. The same call continues a search that was interrupted.

    Args:
        options: what to search.
        source: the data, where it is not to be opened by the option `data`.
        console: where progress goes; `Console(quiet=True)` for nowhere.

    Raises:
        RunError: the output folder holds another search, or one whose final figures are made; all
            trials failed; Optuna is missing.
        DataError, PolicyError, Interrupted: as `augreg.compare.compare`.

    >>> from augreg.search import SearchOptions, search  # doctest: +SKIP
    >>> search(SearchOptions("digits", budget=10)).best.name
    'digits-best'
    """
    console = console or Console()
    with files.exclusive_lock(options.output):
        files.sweep(options.output)
        run = options.run_options(options.start)
        text = config_text(run, without=OWN)
        text += f'# start = "{options.start.hash}"\n# seed = {options.seed}\n'
        keep_text(options.output / SETTINGS, text)
        opened = source or open_source(
            run.data, data_dir=run.data_dir, manual_dir=run.manual_dir, max_bad=run.max_bad
        )
        study = open_study(options)
        _check_budget(options, len(counted(study)))
        run_trials(study, options, without_test(opened), console)
        trials = counted(study)
        best = best_of(trials)
        document = _winner(options, best.params, best.number, len(trials))
        files.write_text(options.output / WINNER, as_policy(document) + "\n")
        report = {"start": options.start.hash, "best": best.number, "trials": as_json(trials)}
        files.write_text(options.output / REPORT, json.dumps(report, indent=2) + "\n")
        loaded = load_policy(document)
        policies = {START: options.start, BEST: loaded, RAND_AUGMENT: options.rand_augment}
        if loaded.hash == options.start.hash:
            del policies[BEST]  # they would be the same runs
        final = compare(options.final(policies), source=opened, console=console)
    figures = (float(best.value or 0), trials[0].value)
    return Found(loaded, best.number, figures, final)


def without_test(source: Source) -> Source:
    """The source with its validation split in place of the test split, for runs of trials."""
    note = "a trial: the test split is not read; what stands for it is the validation split"
    splits = {**source.splits, "test": source.splits["validation"]}
    return replace(source, splits=splits, notes=(*source.notes, note))


def _check_budget(options: SearchOptions, done: int) -> None:
    if done < options.budget and (options.output / "final" / DATA).exists():
        raise RunError(
            f"{options.output}: the test figures of this search are made after {done} trials; to "
            f"search on would choose with them in view: name another --output for a budget of "
            f"{options.budget}"
        )


def _winner(options: SearchOptions, values: Any, number: int, budget: int) -> dict[str, Any]:
    """The policy, with where it comes from."""
    start, run = options.start, options.run_options(options.start)
    document = changed(start, options.knobs, values)
    about = (
        f"Found by augreg search, {STUDY}, trial {number} of {budget}, seed {options.seed}, from "
        f'"{start.name}" ({start.hash}), on {run.data} with {run.model}, {run.epochs} epochs.'
    )
    document["name"] = f"{start.name}-{BEST}"
    document["description"] = f"{about} {start.description}".strip()
    document.pop("$schema", None)  # a path from where the start lies
    return document
