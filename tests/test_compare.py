"""Comparisons: the statistics, the runs and how they continue, and the report."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from PIL import Image
from train_runs import POLICY, QUIET, assert_same, small, without_export

import augreg
from augreg.cli import main
from augreg.compare import CompareOptions, charts, compare, runs
from augreg.compare.page import page
from augreg.compare.results import Results, results
from augreg.compare.samples import strips
from augreg.compare.student import paired, quantile
from augreg.errors import PolicyError, RunError
from augreg.train import Summary
from augreg.train.limited import limited
from augreg.train.report import read

TRAIN = {"epochs": 2, "batch_size": 32, "limit_train": 40}
SIZES = {"train": 80, "validation": 16, "test": 40}


# --- statistics ------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_of_t_are_those_of_scipy(confidence: float) -> None:
    for freedom in (*range(1, 40), 100, 501):
        wanted = scipy.stats.t.ppf((1 + confidence) / 2, freedom)
        assert quantile(confidence, freedom) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_the_interval_is_that_of_scipys_paired_test(count: int) -> None:
    one, other = np.random.default_rng(count).uniform(0.5, 1, (2, count))
    wanted = scipy.stats.ttest_rel(one, other).confidence_interval(0.95)
    found = paired(one.tolist(), other.tolist())
    assert found.interval == pytest.approx((wanted.low, wanted.high))
    assert found.mean == pytest.approx(np.mean(one - other))


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1, 0.11, 0.12], "higher"),
        ([-0.1, -0.11, -0.12], "lower"),
        ([0.1, -0.09, 0.02], "no difference shown"),
        ([0.0, 0.0, 0.0], "no difference shown"),
        ([0.2], "one seed: no interval"),
    ],
)
def test_the_verdict_follows_from_the_interval(differences: list[float], verdict: str) -> None:
    found = paired([0.5 + d for d in differences], [0.5] * len(differences))
    assert found.verdict == verdict


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "changes", "message"),
    [
        (["flowers"], {}, "1 policy can't be compared; name two or more"),
        (["flowers", "policies/flowers.json"], {}, 'two policies are called "flowers"; rename'),
        ({"none": "none", "a/b": "flowers"}, {}, r'"a/b" can\'t name a folder of runs'),
        (["none", "flowers"], {"seeds": 0}, "seeds is 0; it has to be 1 or more"),
        (["none", "flowers"], {"train": {"seed": 3}}, "seed is set for each run of a comparison"),
        (["none", "flowers"], {"train": {"epochs": 0}}, "epochs is 0; it has to be 1 or more"),
    ],
)
def test_what_can_not_be_compared_is_refused(
    policies: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunError, match=message):
        CompareOptions(policies, **changes)


def test_an_unknown_policy_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(PolicyError, match="no such file"):
        CompareOptions(["none", "flowres"])


def test_none_is_prepared_as_the_first_policy_that_is_named() -> None:
    none, flowers, _ = CompareOptions(["none", "flowers", "digits"]).contenders()
    assert none.policy is not None and flowers.policy is not None
    assert none.policy.hash == flowers.policy.hash
    assert [none.augment, flowers.augment] == [False, True]


# --- runs ------------------------------------------------------------------------------------


def options(output: Path, **changes: Any) -> CompareOptions:
    policies = {"none": "none", "small": POLICY, "again": POLICY}
    return CompareOptions(**{"policies": policies, "output": output, "train": TRAIN, **changes})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of one seed; made once."""
    output = tmp_path_factory.mktemp("compare")
    with without_export():
        compare(options(output, seeds=1), source=small(**SIZES), console=QUIET)
    return output


def test_runs_of_one_seed_differ_in_the_policy_only(done: Path) -> None:
    assert_same(done / "small" / "seed-0", done / "again" / "seed-0")
    losses = [
        json.loads((done / name / "seed-0" / "summary.json").read_text())["test_loss"]
        for name in ("none", "small")
    ]
    assert losses[0] != losses[1]


def test_the_report_has_every_figure(done: Path) -> None:
    found = json.loads((done / "report.json").read_text())
    assert found["reference"] == "none" and found["seeds"] == [0]
    assert found["samples"] == {"train": 40, "validation": 16, "test": 40}
    for name, one in found["policies"].items():
        run = read(done / name / "seed-0")
        assert run is not None
        assert one["test_accuracy"] == [run.test_accuracy]
        assert np.sum(one["confusion"]) == 40
        assert np.trace(one["confusion"]) / 40 == pytest.approx(run.test_accuracy)
        assert one["curves"]["val_loss"] == [row["val_loss"] for row in run.history]
    text = (done / "report.html").read_text()
    assert "Warning: 1 seed can&#x27;t tell a difference from chance" in text
    assert text.count("data:image/png;base64,") == 3


def test_what_is_done_is_read_and_seeds_are_added(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def train(run: Any, **_: Any) -> Summary:
        trained.append(f"{run.output.parent.name}/{run.output.name}")
        summary = read(run.output.with_name("seed-0"))
        assert summary is not None
        return replace(summary, seed=run.seed, test_accuracy=0.5)

    monkeypatch.setattr(runs, "train", train)
    found = compare(options(done, seeds=2), source=small(**SIZES), console=QUIET)
    assert trained == ["none/seed-1", "small/seed-1", "again/seed-1"]
    assert found.seeds == (0, 1) and found.policies[2].accuracies[1] == 0.5


@pytest.mark.slow
def test_an_interrupted_comparison_ends_like_one_that_was_not(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = {"none": "none", "small": POLICY}
    asked = options(tmp_path, policies=policies, seeds=1)
    whole = runs.train

    def stopped(run: Any, **how: Any) -> Summary:
        def stop(row: Any) -> None:
            raise KeyboardInterrupt

        return whole(run, **{**how, "after_epoch": stop if run.augment else None})

    monkeypatch.setattr(runs, "train", stopped)
    with pytest.raises(KeyboardInterrupt), without_export():
        compare(asked, source=small(**SIZES), console=QUIET)
    assert read(tmp_path / "none" / "seed-0") and not read(tmp_path / "small" / "seed-0")
    monkeypatch.setattr(runs, "train", whole)
    with without_export():
        compare(asked, source=small(**SIZES), console=QUIET)
    assert_same(tmp_path / "small" / "seed-0", done / "small" / "seed-0")


def test_a_folder_of_another_comparison_is_refused(done: Path) -> None:
    changed = options(done, seeds=1, train={**TRAIN, "epochs": 3})
    with pytest.raises(RunError, match=r"begun with epochs = 2, and is now asked for with epochs"):
        compare(changed, source=small(**SIZES), console=QUIET)
    other = {"none": "none", "small": {**POLICY, "augment": [{"op": "flip"}]}}
    with pytest.raises(RunError, match=r"a finished run of another policy \(.small., [0-9a-f]{12}"):
        compare(options(done, seeds=1, policies=other), source=small(**SIZES), console=QUIET)


def test_the_command_takes_options_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CompareOptions] = []
    monkeypatch.setattr("augreg.compare.compare", lambda one: asked.append(one) or none())
    config = tmp_path / "train.toml"
    config.write_text('policy = "x"\noutput = "runs/x"\nseed = 7\nepochs = 3\nlearning_rate = 0.01')
    output = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["compare", "none", "digits", f"--config={config}", "--seeds=2", f"--output={output}"])
    assert end.value.code == 0
    (found,) = asked
    assert found.output == output and found.seeds == 2
    assert found.train["epochs"] == 3 and found.train["learning_rate"] == 0.01
    said = capsys.readouterr().out
    assert "+0.0 to +0.0" in said and "Differences are in percentage points" in said


def test_a_strip_shows_the_samples_of_the_first_run(tmp_path: Path) -> None:
    prepare = [{"op": "resize", "height": 96, "width": 96}]
    policy = {**POLICY, "prepare": prepare, "output": {"dtype": "uint8", "range": [0, 255]}}
    asked = options(tmp_path, policies={"none": "none", "small": policy}, first_seed=4)
    found = strips(asked, small(**SIZES))
    drawn = limited(small(**SIZES), 40, 4).splits["train"].dataset.as_numpy_iterator()
    images = [image for image, _ in drawn]
    with (
        Image.open(io.BytesIO(found["small"])) as strip,
        Image.open(io.BytesIO(found["none"])) as plain,
    ):
        assert strip.size == (8 * 100, 3 * 100) and plain.size == (100, 3 * 100)
        for row, index in enumerate((0, 13, 26)):
            for epoch in (0, 7):
                wanted = augreg.augment(images[index], policy, seed=4, index=[index], epoch=epoch)
                corner = (100 * epoch, 100 * row)
                tile = strip.crop((*corner, corner[0] + 96, corner[1] + 96)).convert("RGB")
                np.testing.assert_array_equal(tile, wanted)
            tile = plain.crop((0, 100 * row, 96, 100 * row + 96)).convert("RGB")
            wanted = augreg.augment(images[index], policy, 4, training=False)
            np.testing.assert_array_equal(tile, wanted)


# --- the page --------------------------------------------------------------------------------


def summary(seed: int, accuracy: float, classes: int = 3) -> Summary:
    names = ["<daisy>", *(f"class {i}" for i in range(1, classes))]
    row = {"loss": 1.5, "val_loss": 1.7, "accuracy": 0.4, "val_accuracy": accuracy}
    confusion = (np.arange(classes**2).reshape(classes, classes) % 7).tolist()
    return Summary(
        test_accuracy=accuracy, test_loss=1.6, val_accuracy=accuracy, val_loss=1.7, best_epoch=2,
        epochs=2, seed=seed, placement="data", policy="p", policy_hash="0" * 64, augment=True,
        data="digits", model="tutorial", batch_size=32, slices=1, deterministic=False,
        class_names=names, class_weights=None,
        samples={"train": 30, "validation": 10, "test": 10}, images_per_second=1234.5,
        bad_images=[], notes=[], versions={"augreg": "0"}, output="", confusion=confusion,
        history=[{"epoch": epoch, **row} for epoch in (1, 2)],
    )  # fmt: skip


def none(classes: int = 3) -> Results:
    """Two policies that don't differ."""
    made = [[summary(seed, 0.5 + seed / 10, classes) for seed in range(3)] for _ in range(2)]
    return results(["none", "flowers"], made)


class Checked(HTMLParser):
    """Raises for tags that are not closed in order, and keeps what the page loads and says."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("classes", [3, 25])
def test_the_page_is_whole_and_loads_nothing(classes: int) -> None:
    text = page(none(classes), {"none": b"1", "flowers": b"2"}, "epochs = 2")
    found = Checked(text)
    assert all(one.startswith("data:image/png;base64,") for one in found.loads)
    assert len(found.loads) == 2 and not {"script", "link", "iframe"} & found.tags
    assert not re.search(r"@import|url\(|https?:", text)
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text
    words = " ".join(found.words)
    assert "no difference shown" in words and "60.0 %" in words and "1,234" in words
    assert "<daisy>" in words and "<daisy>" not in text
    assert ("predicted as" in words) is (classes > 20)


def test_differences_are_those_of_each_seed() -> None:
    made = [
        [summary(s, a) for s, a in enumerate(one)] for one in ((0.5, 0.6, 0.7), (0.6, 0.8, 0.7))
    ]
    found = results(["none", "flowers"], made, prepared_alike=False, limited=True)
    assert found.policies[1].difference is not None
    np.testing.assert_allclose(found.policies[1].difference.differences, [0.1, 0.2, 0], atol=1e-12)
    assert found.policies[0].mean == pytest.approx(0.6)
    assert found.policies[0].confusion == [[0, 3, 6], [9, 12, 15], [18, 0, 3]]
    assert any("differ in prepare or output" in note for note in found.notes)
    assert "(initial weights, order, draws, training images)" in found.notes[0]
    assert not any("Warning" in note for note in found.notes)


Draw = Callable[[list[float]], str]


@pytest.mark.parametrize("values", [[0.0], [3.0, 3.0], [0.1, 0.25, 0.9], [-1e-4, 2e3], [5.0] * 120])
@pytest.mark.parametrize(
    "draw",
    [
        lambda values: charts.lines("t", [charts.Curve("<a>", values, 1)], "epoch"),
        lambda values: charts.intervals(
            "t", [charts.Span("<a>", v, (v - 1, v + 2), i) for i, v in enumerate(values)], "%"
        ),
    ],
    ids=["lines", "intervals"],
)
def test_charts_are_xml_and_stay_in_their_frame(draw: Draw, values: list[float]) -> None:
    svg = ET.fromstring(draw(values))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    for element in svg.iter():
        points = [tuple(map(float, p.split(","))) for p in element.get("points", "").split()]
        points += [
            (float(element.attrib[x]), float(element.attrib[y]))
            for x, y in (("x", "y"), ("x1", "y1"), ("x2", "y2"), ("cx", "cy"))
            if x in element.attrib
        ]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
