"""The trainer: what it writes, and that both placements train on the same pixels."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from rich.console import Console
from train_runs import POLICY, SIZES, assert_same, folder, history, run, small

import augreg
from augreg import files
from augreg.errors import DataError, PolicyError, RunError
from augreg.sources import Source, Split, open_source
from augreg.train import TrainOptions, load_model, report
from augreg.train.data import Feed
from augreg.train.limited import limited
from augreg.train.models import network, whole


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A finished run in either placement; made once."""
    made: dict[str, Path] = {}

    def get(placement: str) -> Path:
        if placement not in made:
            made[placement] = tmp_path_factory.mktemp("runs") / placement
            console = Console(file=(made[placement].parent / "said.txt").open("w"), width=200)
            run(made[placement], placement=placement, console=console)
            console.file.close()
        return made[placement]

    return get


def feed(source: Source | None = None, **changes: Any) -> Feed:
    options = {"policy": POLICY, "batch_size": 80, "epochs": 2, **changes}
    policy = augreg.load_policy(options["policy"])
    return Feed(source or small(), policy, TrainOptions(**options))


def in_order(batch: Any) -> Any:
    """Images by their positions in the source."""
    return batch["images"].numpy()[np.argsort(batch["index"].numpy())]


# --- the same pixels, the same weights -------------------------------------------------------


def test_both_placements_give_the_same_weights_and_history_bit_for_bit(
    runs: Callable[[str], Path],
) -> None:
    assert_same(runs("data"), runs("model"))


def test_the_same_seed_gives_the_same_history_with_xla_on(
    runs: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = history(runs("data"))[:2]
    monkeypatch.setattr("augreg.train.report.write", lambda *args: None)  # to save seconds
    run(tmp_path / "again", epochs=1)
    assert history(tmp_path / "again") == wanted


def test_both_placements_see_the_same_pixels_of_encoded_images_of_many_sizes(
    tmp_path: Path,
) -> None:
    data = folder(tmp_path / "images", broken=False)
    source = open_source(data)
    batch = next(feed(source, data=data, batch_size=8).training(1, 1))
    prepared = next(feed(source, data=data, batch_size=8, placement="model").training(1, 1))
    layer = augreg.AugmentationLayer(POLICY, seed=0, sections=("augment", "output"))
    images = layer(prepared["images"], training=True, index=prepared["index"], epoch=1)
    assert prepared["images"].dtype == tf.uint8
    np.testing.assert_array_equal(batch["images"], images)
    np.testing.assert_array_equal(batch["labels"], prepared["labels"])


def test_a_run_on_files_lists_the_bad_ones(tmp_path: Path) -> None:
    data = folder(tmp_path / "images")
    source, said = open_source(data, max_bad=0.1), io.StringIO()
    console = Console(file=said, width=40)
    run(tmp_path / "run", data=data, source=source, epochs=1, console=console, export=False)
    assert "left out, because they can't be read: 1" in said.getvalue()
    assert f"  {tmp_path / 'images' / 'train' / 'dark' / 'broken.png'}: a tr" in said.getvalue()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [Path(bad["path"]).name for bad in summary["bad_images"]] == ["broken.png"]
    assert summary["class_names"] == ["dark", "light"]


DETERMINISTIC = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import train_runs as t
import augreg.train.report
augreg.train.report.write = lambda *args: None
for name, placement in (("one", "data"), ("two", "model")):
    t.run(Path(sys.argv[2]) / name, placement=placement, epochs=1, deterministic=True)
"""


def test_deterministic_mode_gives_the_same_weights_in_both_placements(tmp_path: Path) -> None:
    # In a process of its own: the switch can't be turned back.
    tests = Path(__file__).parent
    command = [sys.executable, "-c", DETERMINISTIC, str(tests), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    assert_same(tmp_path / "one", tmp_path / "two")


def test_each_epoch_draws_and_orders_anew_and_the_same_epoch_does_not() -> None:
    made = feed()
    first, second, again = (next(made.training(epoch, 0)) for epoch in (0, 1, 1))
    np.testing.assert_array_equal(second["images"], again["images"])
    assert np.abs(in_order(first) - in_order(second)).max() > 0.1
    assert not np.array_equal(first["index"], second["index"])


def test_another_seed_draws_and_orders_otherwise() -> None:
    first, second = (next(feed(seed=seed).training(0, 0)) for seed in (0, 1))
    assert np.abs(in_order(first) - in_order(second)).max() > 0.1
    assert not np.array_equal(first["index"], second["index"])


def test_without_augment_training_sees_what_evaluation_sees() -> None:
    source = small()
    same = Source("digits", source.class_names, dict.fromkeys(SIZES, source.splits["train"]))
    made = feed(same, augment=False)
    trained, evaluated = next(made.training(0, 0)), next(iter(made.evaluation("test")))
    np.testing.assert_array_equal(in_order(trained), in_order(evaluated))


# --- what is written -------------------------------------------------------------------------


def test_a_run_writes_whole_files_and_leaves_no_temporary_ones(
    runs: Callable[[str], Path],
) -> None:
    output = runs("data")
    found = {path.name for path in output.iterdir()}
    wanted = {"policy.json", "summary.json", "history.csv", "curves.png", "model.keras", "export"}
    assert found == wanted | {"confusion.csv", "train.toml", "checkpoints", ".lock"}
    assert len(list((output / "checkpoints").iterdir())) == 2
    with Image.open(output / "curves.png") as image:
        assert image.size[0] > 500


def test_progress_says_loss_accuracy_and_rate(runs: Callable[[str], Path]) -> None:
    lines = (runs("data").parent / "said.txt").read_text().splitlines()
    assert lines[0] == small().notes[0]
    assert [line[:15] for line in lines[1:3]] == ["epoch 1/2  loss", "epoch 2/2  loss"]
    assert all("accuracy" in line and line.endswith("images/s") for line in lines[1:3])
    assert lines[3].startswith("test loss ") and lines[3].endswith(str(runs("data")))


def test_the_policy_that_is_kept_loads_with_the_same_hash(runs: Callable[[str], Path]) -> None:
    kept = augreg.load_policy(runs("data") / "policy.json")
    assert kept.hash == augreg.load_policy(POLICY).hash


def test_the_summary_says_what_was_run_and_agrees_with_the_saved_model(
    runs: Callable[[str], Path],
) -> None:
    summary = json.loads((runs("model") / "summary.json").read_text())
    assert summary["seed"] == 3 and summary["epochs"] == 2 and summary["placement"] == "model"
    assert summary["policy_hash"] == augreg.load_policy(POLICY).hash
    assert summary["images_per_second"] > 0 and summary["bad_images"] == []
    assert summary["versions"]["tensorflow"] == tf.__version__
    images, labels = (
        np.stack(part)
        for part in zip(*small().splits["test"].dataset.as_numpy_iterator(), strict=True)
    )
    logits = load_model(runs("model") / "model.keras").predict(images, verbose=0)
    assert np.mean(logits.argmax(-1) == labels) == pytest.approx(summary["test_accuracy"])
    with (runs("model") / "confusion.csv").open() as file:
        names, *rows = csv.reader(file)
    wanted, *_ = np.histogram2d(labels, logits.argmax(-1), bins=(range(11), range(11)))
    assert names[1:] == [row[0] for row in rows] == summary["class_names"]
    np.testing.assert_array_equal(np.array(rows)[:, 1:].astype(int), wanted)


def test_a_finished_run_is_read_back(tmp_path: Path) -> None:
    assert report.read(tmp_path) is None
    summary = run(tmp_path, epochs=1, export=False)
    assert report.read(tmp_path) == summary
    (tmp_path / "history.csv").unlink()
    with pytest.raises(RunError, match=r"the finished run can't be read .*; remove"):
        report.read(tmp_path)


# --- a few of the training images ------------------------------------------------------------


@pytest.mark.parametrize("access", [True, False])
def test_the_seed_draws_the_images_of_limit_train_in_their_order(access: bool) -> None:
    images = np.arange(50 * 48, dtype=np.uint16).reshape(50, 4, 4, 3).astype(np.uint8)
    ds = tf.data.Dataset.from_tensor_slices((images, np.arange(50)))
    train = Split(50, ds if access else ds.take(50))  # `take` hides the arrays
    source = replace(small(), splits={**small().splits, "train": train})
    drawn = [
        [int(label) for _, label in limited(source, 12, seed).splits["train"].dataset]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] == sorted(set(drawn[0])) and len(drawn[0]) == 12
    assert drawn[0] != drawn[2]
    for image, label in limited(source, 12, 0).splits["train"].dataset:
        np.testing.assert_array_equal(image, images[int(label)])
    assert limited(source, 12, 3).notes[-1] == "trains on 12 of 50 images, drawn by seed 3"


def test_more_images_than_there_are_is_refused() -> None:
    with pytest.raises(RunError, match="limit_train is 81, and digits has 80 training images"):
        limited(small(), 81, 0)


def test_after_epoch_gets_each_row_and_may_end_the_run(tmp_path: Path) -> None:
    rows: list[Any] = []

    def after(row: Any) -> None:
        rows.append(row)
        if len(rows) == 2:
            raise RunError("enough")

    with pytest.raises(RunError, match="enough"):
        run(tmp_path, epochs=3, limit_train=20, after_epoch=after)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert len(history(tmp_path)) == 3  # with the row of names


def test_rate_leaves_out_the_first_epoch() -> None:
    rows = [{"seconds": 90.0}, {"seconds": 4.0}, {"seconds": 6.0}]
    assert report.rate(rows, samples=100) == 20
    assert report.rate(rows[:1], samples=100) is None


@pytest.mark.parametrize("placement", ["data", "model"])
def test_the_export_takes_an_odd_sized_raw_image_and_does_not_augment(
    runs: Callable[[str], Path], placement: str
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 37, 53, 3), np.uint8)
    exported = tf.saved_model.load(str(runs(placement) / "export"))
    served = exported.serve(image).numpy()
    np.testing.assert_array_equal(served, exported.serve(image).numpy())
    # The NumPy reference prepares, and the network's own layers follow.
    prepared = augreg.augment(image, POLICY, seed=0, index=[0, 1], training=False)
    core = load_model(runs(placement) / "model.keras").get_layer("tutorial")
    np.testing.assert_allclose(served, core(prepared), atol=2e-3)


def test_the_saved_model_keeps_policy_and_seed(runs: Callable[[str], Path]) -> None:
    layer = load_model(runs("data") / "model.keras").get_layer("augreg")
    assert layer.policy.hash == augreg.load_policy(POLICY).hash and layer.seed == 3


def test_a_saved_model_takes_any_size_only_where_the_policy_fixes_it() -> None:
    bare = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
    for policy, sides in ((POLICY, (None, None)), (bare, (8, 8))):
        made = feed(policy=policy)
        core = network("tutorial", made.fed, 10, "float32")
        model = whole(made, core)
        assert model.input_shape == (None, *sides, 3)


def test_no_policy_at_all_resizes_to_the_stated_size(tmp_path: Path) -> None:
    run(tmp_path, policy=None, size=(12, 12), epochs=1)
    assert load_model(tmp_path / "model.keras").input_shape == (None, None, None, 3)
    assert json.loads((tmp_path / "policy.json").read_text())["name"] == "none"


# --- what is refused -------------------------------------------------------------------------


def test_images_of_different_size_name_the_resize_that_is_missing(tmp_path: Path) -> None:
    data = folder(tmp_path / "images", broken=False)
    bare = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
    with pytest.raises(RunError, match=r"does not fix the size.*resize.*--size HxW"):
        run(tmp_path / "a", policy=bare, data=data, source=open_source(data))
    with pytest.raises(DataError, match=r'different size came into one batch.*"resize"'):
        run(tmp_path / "b", policy=bare, data=data, source=open_source(data), size=(20, 30))


def test_training_and_evaluation_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    resize = [{"op": "resize", "height": 16, "width": 16}]
    policy = {
        "version": 1,
        "prepare": {"train": resize, "eval": [{**resize[0], "height": 20}]},
    }
    with pytest.raises(RunError, match="leave training as 16x16x3 and evaluation as 20x16x3"):
        run(tmp_path, policy=policy)


def test_a_size_that_the_data_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--size 9x9: the images of digits are 8x8"):
        run(tmp_path, size=(9, 9))


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='digits: the split "test" is empty'):
        run(tmp_path, source=small(test=0))


def test_a_policy_error_reaches_the_caller_before_any_data_is_opened(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="rotate"):
        run(tmp_path, policy={"version": 1, "augment": [{"op": "rotat"}]}, data="no such data")


def test_a_folder_with_a_run_in_it_is_not_overwritten(runs: Callable[[str], Path]) -> None:
    before = (runs("data") / "summary.json").read_bytes()
    with pytest.raises(RunError, match=r"there is a run in it already.*--resume"):
        run(runs("data"))
    assert (runs("data") / "summary.json").read_bytes() == before


def test_a_second_run_on_one_folder_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with (
        files.exclusive_lock(tmp_path),
        pytest.raises(RunError, match="another run is writing there"),
    ):
        run(tmp_path)


def test_a_loss_that_is_not_a_number_ends_the_run(tmp_path: Path) -> None:
    output = {"normalize": {"mean": [0.0], "std": [1e-36]}}
    with pytest.raises(RunError, match=r"the loss is (nan|inf) in epoch 1: the model diverged"):
        run(tmp_path, policy={**POLICY, "output": output})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"placement": "disk"}, 'placement "disk"; allowed are data and model'),
        ({"epochs": 0}, "epochs is 0; it has to be 1 or more"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"slices": 0}, "slices is 0; it has to be 1 or more"),
        ({"seed": 2**32}, "seed is 4294967296; allowed are 0 to 4294967295"),
        ({"max_bad": 1.5}, "max_bad is 1.5; it is a fraction"),
        ({"size": (0, 4)}, r"size is \(0, 4\)"),
    ],
)
def test_an_option_out_of_range_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        TrainOptions(**{"policy": None, **changes})


def test_options_load_without_tensorflow() -> None:
    code = "import sys, augreg.train.options; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_error_of_a_library_keeps_its_text(tmp_path: Path) -> None:
    found = r"m\.keras: it can't be written: Unable to write synchronously"
    with pytest.raises(RunError, match=found), files.replacing(tmp_path / "m.keras"):
        raise OSError("Unable to write synchronously")


def test_a_full_disk_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "summary.json").write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("augreg.files.os.fsync", full)
    with pytest.raises(RunError, match=r"summary\.json: it can't be written: No space left"):
        files.write_text(tmp_path / "summary.json", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    assert (tmp_path / "summary.json").read_text() == "before"
