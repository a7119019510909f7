"""`augreg evaluate`: its figures against plain counting, its pictures, and what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augreg
from augreg.cli import main
from augreg.errors import PolicyError, RunError
from augreg.evaluation import evaluate
from augreg.evaluation.figures import figures, losses_of_logits, losses_of_probabilities
from augreg.evaluation.finished import open_run
from augreg.evaluation.pictures import Wrong, draw_confusion, draw_worst
from augreg.sources import Source
from augreg.sources.elements import elements
from tests import train_runs

FLIPS = {"version": 1, "name": "flips", "augment": [{"op": "flip", "p": 0.5}]}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A run on a few digits, its folder and summary."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return folder, train_runs.run(folder, export=False)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of an evaluation's time, for tests that look at its figures alone."""
    for name in ("draw_confusion", "draw_worst"):
        monkeypatch.setattr(f"augreg.evaluation.run.{name}", lambda *_: None)


# --- figures ---------------------------------------------------------------------------------


def test_figures_are_what_counting_gives() -> None:
    rng = np.random.default_rng(0)
    truth, logits = rng.integers(0, 3, 40), rng.normal(size=(40, 4))  # of class 3 there is none
    names = ["a", "b", "c", "d"]
    e = [[math.exp(value) for value in row] for row in logits]
    soft = [[value / sum(row) for value in row] for row in e]
    found = figures(truth, np.array(soft), losses_of_logits(logits, truth), names)
    predicted = [row.index(max(row)) for row in soft]
    pairs = list(zip(truth.tolist(), predicted, strict=True))
    assert found.accuracy == pytest.approx(sum(t == p for t, p in pairs) / 40)
    loss = -sum(math.log(row[t]) for row, t in zip(soft, truth, strict=True)) / 40
    assert found.loss == pytest.approx(loss)
    for i in range(4):
        one = found.classes[i]
        right = pairs.count((i, i))
        taken = sum(p == i for _, p in pairs)
        there = sum(t == i for t, _ in pairs)
        assert one.name == names[i] and one.support == there
        assert one.precision == pytest.approx(right / taken)
        assert one.recall == (pytest.approx(right / there) if there else None)
        both = right / taken + (right / there if there else 0)
        assert one.f1 == pytest.approx(2 * right / (taken + there))
        if there and both:
            assert one.f1 == pytest.approx(2 * right / taken * right / there / both)
        assert found.confusion[i] == [pairs.count((i, j)) for j in range(4)]


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    truth, probabilities = np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]])
    one = figures(truth, probabilities, np.zeros(2), ["a", "b"]).classes[1]
    assert (one.precision, one.recall, one.f1) == (None, 0, 0)


def test_losses_are_finite_at_the_ends() -> None:
    truth = np.array([0, 1])
    logits = np.array([[1000.0, 0], [1000, 0]])
    np.testing.assert_allclose(losses_of_logits(logits, truth), [0, 1000])
    sure = losses_of_probabilities(np.array([[1.0, 0], [1, 0]]), truth)
    np.testing.assert_allclose(sure, [0, -math.log(1e-7)], atol=1e-6)


# --- runs ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_pictures")
def test_a_run_has_the_figures_that_training_gave(digits: tuple[Path, Any]) -> None:
    folder, summary = digits
    made = evaluate(folder, train_runs.small())
    assert made.samples == 32 and made.split == "test" and made.views is None
    assert made.figures.accuracy == pytest.approx(summary.test_accuracy)
    assert made.figures.loss == pytest.approx(summary.test_loss, abs=1e-5)
    validation = evaluate(folder, train_runs.small(), split="validation")
    assert validation.figures.loss == pytest.approx(summary.val_loss, abs=1e-5)


def test_what_is_written(digits: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = digits
    output = tmp_path / "out"
    made = evaluate(folder, train_runs.small(), output=output, tta=2)
    names = sorted(path.name for path in output.iterdir())
    assert names == ["confusion.png", "evaluation.json", "worst.png"]
    written = json.loads((output / "evaluation.json").read_text())
    assert written["figures"]["accuracy"] == made.figures.accuracy
    assert written["figures"]["confusion"] == made.figures.confusion
    assert written["views"]["figures"]["loss"] == made.views.figures.loss
    assert [one["loss"] for one in written["worst"]] == [one.loss for one in made.worst]
    for name in names[::2]:
        with Image.open(output / name) as image:
            assert min(image.size) > 300


@pytest.mark.usefixtures("without_pictures")
def test_the_worst_are_those_with_the_highest_loss(digits: tuple[Path, Any]) -> None:
    folder, _ = digits
    source = train_runs.small()
    made, run = evaluate(folder, source), open_run(folder)
    images, labels = _arrays(source, "test")
    prepared = augreg.augment(images, run.policy, 0, training=False)
    logits = run.network.predict_on_batch(prepared).astype(float)
    soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    losses = -np.log(soft[np.arange(32), labels])
    order = np.argsort(-losses)[:12]
    assert [one.name for one in made.worst] == [f"test#{place}" for place in order]
    assert [one.true for one in made.worst] == [str(labels[place]) for place in order]
    assert [one.predicted for one in made.worst] == [str(soft[i].argmax()) for i in order]
    np.testing.assert_allclose([one.loss for one in made.worst], losses[order], rtol=1e-3)
    chances = [soft[place].max() for place in order]
    np.testing.assert_allclose([one.probability for one in made.worst], chances, rtol=1e-3)


def _arrays(source: Source, split: str) -> tuple[Any, Any]:
    found = list(elements(source.splits[split]))
    return (np.stack([one[key] for one in found]) for key in ("images", "labels"))


@pytest.mark.usefixtures("without_pictures")
def test_views_are_those_of_tta(digits: tuple[Path, Any]) -> None:
    folder, _ = digits
    source, run = train_runs.small(), open_run(folder)
    made = evaluate(folder, source, tta=4, seed=5)
    images, labels = _arrays(source, "test")
    predict = augreg.tta(run.network, run.policy, 4, seed=5, epoch=1, from_logits=True)
    expected = figures(
        labels, soft := predict(images), losses_of_probabilities(soft, labels), run.class_names
    )
    assert made.views is not None
    assert made.views.count == 4 and made.views.policy == "small"
    assert made.views.figures.loss == pytest.approx(expected.loss, abs=1e-4)
    assert made.views.figures.confusion == expected.confusion
    assert made.views.figures.loss != pytest.approx(made.figures.loss, abs=1e-4)


@pytest.mark.usefixtures("without_pictures")
def test_views_of_another_policy_keep_the_runs_prepare(digits: tuple[Path, Any]) -> None:
    folder, _ = digits
    source, run = train_runs.small(), open_run(folder)
    made = evaluate(folder, source, tta=3, tta_policy=FLIPS)
    images, labels = _arrays(source, "test")
    together = {**train_runs.POLICY, "augment": FLIPS["augment"]}
    soft = augreg.tta(run.network, together, 3, epoch=1, from_logits=True)(images)
    assert made.views is not None and made.views.policy == "flips"
    expected = losses_of_probabilities(soft, labels).mean()
    assert made.views.figures.loss == pytest.approx(expected, abs=1e-4)


@pytest.mark.usefixtures("without_pictures")
def test_classes_in_another_order_are_matched_by_name(digits: tuple[Path, Any]) -> None:
    folder, summary = digits
    source = train_runs.small()
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]

    def renumbered(image: Any, label: Any) -> Any:
        import tensorflow as tf

        return image, tf.argsort(tf.constant(order, tf.int64))[label]

    splits = {
        name: replace(split, dataset=split.dataset.map(renumbered))
        for name, split in source.splits.items()
    }
    other = replace(source, class_names=tuple(map(str, order)), splits=splits)
    made = evaluate(folder, other)
    assert made.figures.accuracy == pytest.approx(summary.test_accuracy)
    assert [one.name for one in made.figures.classes] == list(map(str, range(10)))


def test_unreadable_images_are_left_out_and_listed(tmp_path: Path) -> None:
    policy = {**train_runs.POLICY, "augment": [{"op": "flip", "p": 0.5}]}
    data = train_runs.folder(tmp_path / "data")
    run = tmp_path / "run"
    options = {"epochs": 1, "max_bad": 0.1, "output": run, "console": train_runs.QUIET}
    with train_runs.without_export():
        augreg.train("tutorial", policy, data, **options)
    made = evaluate(run)
    assert made.samples == 4 and made.data == data
    assert [Path(bad.path).name for bad in made.bad_images] == ["broken.png"]
    listed = {path.name for path in (tmp_path / "data" / "test").glob("*/*")}
    assert {Path(one.name).name for one in made.worst} == listed
    assert Path(made.worst[0].name).parent.name == made.worst[0].true
    with pytest.raises(RunError, match="the output folder is the data folder or is inside it"):
        evaluate(run, output=tmp_path / "data" / "evaluation")


@pytest.mark.usefixtures("without_pictures")
def test_a_model_of_probabilities_in_the_model_placement(tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((16, 16, 3)), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    options = {"epochs": 1, "placement": "model", "console": train_runs.QUIET}
    source, folder = train_runs.small(), tmp_path / "run"
    with train_runs.without_export():
        summary = augreg.train(model, train_runs.POLICY, source, output=folder, **options)
    made = evaluate(folder, source, tta=2)
    assert made.figures.accuracy == pytest.approx(summary.test_accuracy)
    assert made.figures.loss == pytest.approx(summary.test_loss, abs=1e-5)
    assert made.views is not None and 0 < made.views.figures.loss < 10


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.slow
def test_a_run_whose_policy_mixes_samples(tmp_path: Path) -> None:
    mixup = {"op": "mixup", "alpha": 0.4, "classes": 10}
    policy = {**train_runs.POLICY, "augment": [mixup]}
    summary = train_runs.run(tmp_path, policy=policy, epochs=1, export=False)
    made = evaluate(tmp_path, train_runs.small())
    assert made.figures.loss == pytest.approx(summary.test_loss, abs=1e-5)
    with pytest.raises(PolicyError, match='"mixup" mixes samples'):
        evaluate(tmp_path, train_runs.small(), tta=2)
    other = evaluate(tmp_path, train_runs.small(), tta=2, tta_policy=FLIPS)
    assert other.views is not None


# --- what is refused -------------------------------------------------------------------------


def test_other_classes_are_refused_by_name(digits: tuple[Path, Any]) -> None:
    folder, _ = digits
    names = ("0", "1", "2", "3", "4", "5", "6", "7", "eight", "9")
    other = replace(train_runs.small(), class_names=names)
    with pytest.raises(RunError, match=r'digits: has no "8" and has "eight"; the classes of'):
        evaluate(folder, other)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    plain = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
    train_runs.run(tmp_path, policy=plain, epochs=1, export=False)
    source = train_runs.small()
    splits = {
        name: replace(
            split, dataset=split.dataset.map(lambda image, label: (image[:, :, :1], label))
        )
        for name, split in source.splits.items()
    }
    with pytest.raises(
        RunError, match=r"leave the policy as 8x8x1, and the model of .* takes 8x8x3"
    ):
        evaluate(tmp_path, replace(source, splits=splits))


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"summary\.json: it can't be read: .*a finished run of"):
        evaluate(tmp_path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"split": "tests"}, 'split "tests"; allowed are train, validation, test'),
        ({"tta_policy": FLIPS}, "tta_policy goes with tta, the number of views"),
        (
            {"tta": 2, "tta_policy": {"version": 1, "name": "none", "augment": []}},
            '"none" augments nothing',
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::augreg.policy.PolicyWarning")
def test_options_are_checked(digits: tuple[Path, Any], how: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        evaluate(digits[0], train_runs.small(), **how)


# --- pictures --------------------------------------------------------------------------------


def test_a_matrix_of_many_classes_is_drawn(tmp_path: Path) -> None:
    names = [f"class ${i}" for i in range(300)]
    draw_confusion(tmp_path / "many.png", {"plain": np.eye(300, dtype=int).tolist()}, names, "$")
    with Image.open(tmp_path / "many.png") as image:
        assert max(image.size) < 5000


def test_rows_of_the_matrix_are_the_true_classes(tmp_path: Path) -> None:
    """Two classes, all taken for the first: the left column is dark, the right one is white."""
    matrix = [[5, 0], [5, 0]]
    draw_confusion(tmp_path / "m.png", {"plain": matrix}, ["a", "b"], "title")
    with Image.open(tmp_path / "m.png") as image:
        grey = np.asarray(image.convert("RGB"), float)
    blue = np.array([8, 48, 107])  # the dark end of the colours
    dark = np.abs(grey - blue).sum(axis=2) < 12
    rows, columns = np.nonzero(dark[:, : dark.shape[1] * 2 // 3])
    tall, wide = np.ptp(rows), np.ptp(columns)
    assert tall == pytest.approx(2 * wide, rel=0.1)


def test_grey_and_float_images_are_drawn(tmp_path: Path) -> None:
    said = [Wrong("a_$x^_.png", "b", "c", 0.5, 2.0)] * 2
    images = [np.full((4, 5, 1), 255, np.uint8), np.full((4, 5, 3), 1.0, np.float32)]
    draw_worst(tmp_path / "w.png", images, said, "title")
    with Image.open(tmp_path / "w.png") as image:
        assert (np.asarray(image.convert("L")) > 250).mean() > 0.9


# --- the command -----------------------------------------------------------------------------


def test_the_command_prints_a_table_or_json(
    digits: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = digits
    with pytest.raises(SystemExit) as end:
        main(["evaluate", str(folder), "--tta", "2", "--output", str(tmp_path / "out")])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "250 images of test of digits" in text and "precision" in text
    assert "one view: accuracy" in text and "2 views, small: accuracy" in text
    with pytest.raises(SystemExit) as end:
        main(["evaluate", str(folder), "--json", "--split", "validation"])
    assert end.value.code == 0
    made = json.loads(capsys.readouterr().out)
    assert made["samples"] == 250 and len(made["figures"]["classes"]) == 10
