"""Searches: the space, the trials and how they continue, the winner, the split they never see."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from test_compare import SIZES, summary
from train_runs import QUIET, small, without_export

import augreg
from augreg.compare.results import results
from augreg.errors import RunError
from augreg.search import SearchOptions, search, study, winner
from augreg.search.space import Probability, Strength, changed, space
from augreg.train import Summary, TrainOptions
from augreg.train.report import read

POLICY: dict[str, Any] = {
    "version": 1,
    "name": "small",
    "description": "Turns.",
    "prepare": [{"op": "resize", "height": 16, "width": 16}],
    "augment": [
        {"op": "rotate", "degrees": [-12, 12], "fill": "constant"},
        {"op": "zoom", "factor": [0.9, 1.3], "p": 0.5},
        {"one_of": [{"op": "posterize", "bits": [3, 8]}, {"op": "invert"}], "p": 0.25},
        {"op": "rand_augment", "n": 1, "magnitude": 3, "p": 0.8},
        {"op": "saturation", "factor": 0.5},
    ],
}
START = {
    "/augment/0/degrees": 1.0,
    "/augment/1/factor": 1.0,
    "/augment/1/p": 0.5,
    "/augment/2/one_of/0/bits": 1.0,
    "/augment/2/p": 0.25,
    "/augment/3/p": 0.8,
}


def written(**values: float) -> dict[str, Any]:
    """What the document says where a knob is not as in the policy."""
    policy = augreg.load_policy(POLICY)
    made = changed(policy, space(policy), {**START, **values})
    augreg.load_policy(made)
    return made


# --- the space -------------------------------------------------------------------------------


def test_ranges_and_probabilities_are_searched_and_nothing_else() -> None:
    knobs = space(augreg.load_policy(POLICY))
    assert {knob.pointer: knob.start for knob in knobs} == START
    assert [type(knob) for knob in knobs if knob.pointer.endswith("/p")] == [Probability] * 3
    assert {knob.most for knob in knobs if isinstance(knob, Strength)} == {2.0}


def test_the_start_is_the_policy_with_its_own_hash() -> None:
    assert written() == augreg.load_policy(POLICY).source


@pytest.mark.parametrize(
    ("pointer", "value", "wanted"),
    [
        ("/augment/0/degrees", 0.5, [-6, 6]),  # about 0
        ("/augment/0/degrees", 0.0, [0, 0]),
        ("/augment/1/factor", 2.0, [0.8, 1.6]),  # about 1
        ("/augment/2/one_of/0/bits", 2.0, [1, 8]),  # about its middle, 1 to 8 at most
        ("/augment/2/one_of/0/bits", 0.5, [4, 7]),  # whole
        ("/augment/1/p", 0.123456, 0.123),
    ],
)
def test_a_knob_changes_one_value(pointer: str, value: float, wanted: Any) -> None:
    found: Any = written(**{pointer: value})
    plain: Any = augreg.load_policy(POLICY).source
    *parents, last = [int(key) if key.isdigit() else key for key in pointer.split("/")[1:]]
    inner, same = found, plain
    for key in parents:
        inner, same = inner[key], same[key]
    assert inner[last] == pytest.approx(wanted)
    inner[last] = same[last]
    assert found == plain


def test_every_document_of_the_space_is_a_policy_within_the_bounds() -> None:
    knobs = space(augreg.load_policy("flowers"))
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = {knob.pointer: rng.choice([0, knob.most, rng.uniform(0, 2)]) for knob in knobs}
        values = {k.pointer: float(min(values[k.pointer], k.most)) for k in knobs}
        augreg.load_policy(changed(augreg.load_policy("flowers"), knobs, values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 1}, "budget is 1; it has to be 2 or more"),
        ({"policy": "randaugment"}, 'policy "randaugment" has nothing to search: no range'),
        ({"seeds": 0}, "seeds is 0; it has to be 1 or more"),
        ({"train": {"output": "x"}}, "output is set for each run of a comparison"),
    ],
)
def test_what_can_not_be_searched_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        SearchOptions(**{"policy": "digits", **changes})


# --- trials ----------------------------------------------------------------------------------

AfterEpoch = Callable[[Mapping[str, float]], None]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Runs that take no time, and whose accuracy is best at rotations of up to 6 degrees."""
    made = SimpleNamespace(degrees=[], stop_at=None, compared=[])

    def run(options: TrainOptions, source: Any, console: Any, after_epoch: AfterEpoch) -> Summary:
        assert isinstance(options.policy, augreg.Policy)
        step = options.policy.augment[0]
        made.degrees.append(step.arguments["degrees"].support[1])
        if len(made.degrees) == made.stop_at:
            raise KeyboardInterrupt
        accuracy = 1 - abs(made.degrees[-1] - 6) / 20
        for epoch in range(1, 4):
            after_epoch({"epoch": epoch, "val_accuracy": accuracy})
        return summary(options.seed, accuracy)

    def compare(options: Any, **_: Any) -> Any:
        made.compared.append(options)
        names = [one.name for one in options.contenders()]
        return results(names, [[summary(1, 0.5)]] * len(names))

    monkeypatch.setattr(study, "continued", run)
    monkeypatch.setattr(winner, "compare", compare)
    return made


def options(output: Path, **changes: Any) -> SearchOptions:
    train = {"epochs": 3, "limit_train": 40}
    return SearchOptions(**{"policy": POLICY, "output": output, "train": train, **changes})


def trials(output: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((output / "search.json").read_text())["trials"]
    return found


def run(asked: SearchOptions) -> winner.Found:
    return search(asked, source=small(**SIZES), console=QUIET)


def test_a_search_begins_with_the_policy_and_finds_better(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    found = run(options(tmp_path, budget=25))
    assert len(trained.degrees) == 25 and trained.degrees[0] == 12
    assert len(set(trained.degrees[:10])) == 10
    assert trials(tmp_path)[0]["values"] == START
    best, start = found.val_accuracy
    assert start == pytest.approx(0.7) and best > 0.9 and found.trial > 0
    states = {one["state"] for one in trials(tmp_path)}
    assert states == {"complete", "pruned"}


def test_the_winner_is_a_policy_that_says_where_it_comes_from(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    found = run(options(tmp_path, budget=4, seed=7))
    kept = augreg.load_policy(tmp_path / "best.json")
    start = augreg.load_policy(POLICY)
    assert kept.hash == found.best.hash and kept.name == "small-best"
    for part in (start.hash, f"trial {found.trial} of 4, seed 7", "study.db", "Turns."):
        assert part in kept.description
    assert {**kept.source, "augment": 0, "name": 0, "description": 0} == {
        **start.source,
        "augment": 0,
        "name": 0,
        "description": 0,
    }
    (final,) = trained.compared
    assert [one.name for one in final.contenders()] == ["start", "best", "rand_augment"]
    assert final.first_seed == 8  # no seed of a trial
    rand_augment = final.contenders()[2].policy
    assert rand_augment.source["prepare"] == POLICY["prepare"]
    assert rand_augment.source["augment"][0]["op"] == "rand_augment"


def test_an_interrupted_search_ends_like_one_that_was_not(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    run(options(tmp_path / "whole", budget=5))
    whole = list(trained.degrees)
    trained.degrees.clear()
    trained.stop_at = 3
    asked = options(tmp_path / "stopped", budget=5)
    with pytest.raises(KeyboardInterrupt):
        run(asked)
    trained.stop_at = None
    found = run(asked)
    # the third trial was begun twice
    assert trained.degrees == [*whole[:3], *whole[2:]]
    assert len(trials(tmp_path / "stopped")) == 5
    assert found.val_accuracy[0] >= 0.7


def test_more_trials_are_refused_once_the_test_figures_are_made(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    run(options(tmp_path, budget=2))
    run(options(tmp_path, budget=2))
    assert len(trained.degrees) == 2
    (tmp_path / "final").mkdir(exist_ok=True)
    (tmp_path / "final" / "report.json").write_text("{}")
    with pytest.raises(RunError, match="the test figures of this search are made after 2 trials"):
        run(options(tmp_path, budget=3))


def test_another_search_in_the_folder_is_refused(trained: SimpleNamespace, tmp_path: Path) -> None:
    run(options(tmp_path, budget=2))
    with pytest.raises(RunError, match=r"begun with seed = 0, and is now asked for with seed = 1;"):
        run(options(tmp_path, budget=2, seed=1))


def test_a_trial_that_fails_counts_and_says_why(
    trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(*_: Any) -> Summary:
        raise RunError("the loss is nan in epoch 1")

    monkeypatch.setattr(study, "continued", diverged)
    with pytest.raises(RunError, match=r"none of 2 trials ran to its end; .* the loss is nan"):
        run(options(tmp_path, budget=2))


def test_a_trial_that_was_ended_early_never_wins(
    trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = iter([0.5, 0.9, 0.6])

    def run_some(_: Any, source: Any, console: Any, after_epoch: AfterEpoch) -> Summary:
        accuracy = next(runs)
        after_epoch({"epoch": 1, "val_accuracy": accuracy})
        if accuracy == 0.9:
            raise optuna.TrialPruned
        return summary(0, accuracy)

    monkeypatch.setattr(study, "continued", run_some)
    found = run(options(tmp_path, budget=3))
    assert found.trial == 2 and found.val_accuracy == (0.6, 0.5)
    assert [one["state"] for one in trials(tmp_path)] == ["complete", "pruned", "complete"]


def test_a_start_that_wins_is_not_compared_with_itself(
    trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "continued", lambda *_: summary(0, 0.5))
    assert run(options(tmp_path, budget=3)).trial == 0
    assert [one.name for one in trained.compared[0].contenders()] == ["start", "rand_augment"]


def test_trials_have_no_test_split() -> None:
    source = small(**SIZES)
    held = winner.without_test(source)
    assert held.splits["test"] is source.splits["validation"]
    assert held.splits["train"] is source.splits["train"]
    assert "the test split is not read" in held.notes[-1]


@pytest.mark.slow
def test_a_search_from_end_to_end(tmp_path: Path) -> None:
    source = small(**SIZES)
    # labels of the test split that are all wrong: whoever looked at them would be seen
    wrong = source.splits["test"].dataset.map(lambda image, _: (image, np.int64(11)))
    trapped = replace(source, class_names=tuple(map(str, range(12))))
    splits = {**source.splits, "test": replace(source.splits["test"], dataset=wrong)}
    train = {"epochs": 1, "limit_train": 40}
    policy = {**POLICY, "augment": POLICY["augment"][:1]}
    asked = SearchOptions(policy, budget=2, seeds=1, output=tmp_path, train=train)
    with without_export():
        found = search(asked, source=replace(trapped, splits=splits), console=QUIET)
    first, *_ = (tmp_path / "trials").iterdir()
    trial = read(first)
    assert trial is not None and trial.test_accuracy == trial.val_accuracy
    assert found.val_accuracy[0] == max(one["val_accuracy"] or 0 for one in trials(tmp_path))
    assert found.final.reference.accuracies == [0.0]
    assert (tmp_path / "final" / "report.html").exists()


def test_without_optuna_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "augreg.search.study")
    with pytest.raises(RunError, match=r"needs Optuna: pip install 'augreg\[search\]'"):
        importlib.import_module("augreg.search.study")
