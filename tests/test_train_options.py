"""The options of a training run: what is refused, the TOML file, rates, and when a run ends."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import keras
import pytest

import augreg
import augreg.train
from augreg.cli import main
from augreg.errors import RunError
from augreg.train import TrainOptions, read_config
from augreg.train.config import write_config
from augreg.train.schedule import Schedule, best_row, is_over

PRETRAINED = {"model": "MobileNetV2", "weights": "x.h5"}


def options(**changes: Any) -> TrainOptions:
    return TrainOptions(**{"policy": None, **changes})


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "linear"}, 'schedule "linear"; allowed are constant and cosine and exp'),
        ({"class_weights": "even"}, 'class_weights "even"; allowed are balanced'),
        ({"mixed_precision": "int8"}, 'mixed_precision "int8"; allowed are float16 and bfloat16'),
        ({"early_stopping": 0}, "early_stopping is 0; it has to be 1 or more"),
        ({"limit_train": 0}, "limit_train is 0; it has to be 1 or more"),
        ({"freeze_epochs": -1}, "freeze_epochs is -1; it has to be 0 or more"),
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0; it has to be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it has to be above 0"),
        ({"decay": 1.5, "schedule": "exponential"}, r"decay is 1\.5; .* above 0, and 1 or less"),
        ({"weights": "imagenet"}, "weights and model tutorial don't go together"),
        ({"freeze_epochs": 1}, "freeze_epochs without weights would freeze a network that has"),
        ({**PRETRAINED, "freeze_epochs": 6}, "freeze_epochs is 6, of 5 epochs; raise epochs"),
        ({"fine_tune_rate": 0.1}, "fine_tune_rate is the learning rate after freeze_epochs"),
        ({"decay": 0.5}, "decay goes with schedule exponential, and schedule is constant"),
        ({"warmup_epochs": 5}, "warmup_epochs is 5; it has to be below 5"),
        (
            {**PRETRAINED, "freeze_epochs": 1, "warmup_epochs": 1},
            "warmup_epochs is 1; it has to be below 1",
        ),
        (
            {"mixed_precision": "float16", "slices": 2},
            "mixed_precision and slices 2 don't go together",
        ),
    ],
)
def test_what_can_not_work_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        options(**changes)


# --- the file --------------------------------------------------------------------------------


def test_what_a_run_writes_is_read_back_as_the_same_options(tmp_path: Path) -> None:
    given = options(
        policy='odd "name"\\\x7fé.json',
        size=(24, 31),
        data_dir=tmp_path,
        weights=tmp_path / "x.h5",
        model="MobileNetV2",
        freeze_epochs=1,
        learning_rate=1e-5,
        schedule="exponential",
        early_stopping=3,
        augment=False,
        tensorboard=True,
        resume=True,
        output=tmp_path,
    )
    write_config(tmp_path / "train.toml", given)
    read = TrainOptions(**read_config(tmp_path / "train.toml"))
    for name in ("policy", "size", "learning_rate", "schedule", "early_stopping", "augment"):
        assert getattr(read, name) == getattr(given, name)
    for name in ("weights", "data_dir", "output"):
        assert Path(getattr(read, name)) == tmp_path / getattr(given, name)
    assert read.tensorboard and not read.resume and read.decay is None


def test_a_policy_that_was_a_dict_is_written_as_the_file_that_the_run_keeps(tmp_path: Path) -> None:
    for policy in ({"version": 1}, augreg.load_policy("flowers")):
        write_config(tmp_path / "train.toml", options(policy=policy, output=tmp_path))
        found = tomllib.loads((tmp_path / "train.toml").read_text())
        assert found["policy"] == str(tmp_path / "policy.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", r"train\.toml: not TOML: Invalid value"),
        ("batch-size = 8", r'unknown option "batch-size" \(did you mean "batch_size"\?\); allowed'),
        ("resume = true", 'unknown option "resume"'),
        ('epochs = "5"', 'epochs is "5"; it has to be a whole number'),
        ("epochs = 5.0", r"epochs is 5\.0; it has to be a whole number"),
        ("epochs = true", "epochs is true; it has to be a whole number"),
        ("augment = 1", "augment is 1; it has to be true or false"),
        ('learning_rate = "x"', 'learning_rate is "x"; it has to be a number'),
        ("model = 3", "model is 3; it has to be a string"),
        ('size = "180"', 'size is "180"; write HEIGHTxWIDTH, such as "180x240"'),
    ],
)
def test_a_file_that_can_not_work_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.toml").write_text(text)
    with pytest.raises(RunError, match=message):
        read_config(tmp_path / "train.toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.toml: it can't be read: No such file"):
        read_config(tmp_path / "none.toml")


def test_the_command_line_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainOptions] = []
    monkeypatch.setitem(vars(augreg.train), "train", seen.append)
    lines = [
        *('policy = "digits"', "epochs = 7", "batch_size = 8", 'size = "12x14"'),
        *("augment = false", "learning_rate = 1", 'schedule = "cosine"'),
    ]
    (tmp_path / "train.toml").write_text("\n".join(lines))
    command = ["train", "--config", str(tmp_path / "train.toml"), "--epochs", "3"]
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 0
    (found,) = seen
    assert (found.epochs, found.batch_size, found.size) == (3, 8, (12, 14))
    assert (found.augment, found.learning_rate, found.schedule) == (False, 1.0, "cosine")
    assert Path(str(found.policy)).name == "digits.json" and found.output == Path("runs/digits")


def test_a_mistake_in_the_file_is_one_line(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "train.toml").write_text("epoch = 3")
    with pytest.raises(SystemExit) as end:
        main(["train", "--config", str(tmp_path / "train.toml")])
    assert end.value.code == 1
    assert 'unknown option "epoch" (did you mean "epochs"?)' in capsys.readouterr().err


def test_every_option_of_a_run_is_one_of_the_command_line() -> None:
    from dataclasses import fields

    from typer.main import get_command

    from augreg.cli import app

    found = {parameter.name for parameter in get_command(app).commands["train"].params}
    assert found - {"workers", "config", "help"} == {field.name for field in fields(TrainOptions)}


def test_the_file_is_read_without_tensorflow() -> None:
    code = (
        "import sys, augreg.train; augreg.train.read_config; sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- rates -----------------------------------------------------------------------------------


def rates(steps: int, **changes: Any) -> list[float]:
    made = options(**changes)
    schedule = Schedule(made, steps, 0.001)
    return [schedule.rate(step) for step in range(made.epochs * steps)]


def test_cosine_and_exponential_are_those_of_keras() -> None:
    cosine = keras.optimizers.schedules.CosineDecay(0.2, decay_steps=28)
    found = rates(7, epochs=4, learning_rate=0.2, schedule="cosine")
    assert found == pytest.approx([float(cosine(step)) for step in range(28)], rel=1e-5)
    exponential = keras.optimizers.schedules.ExponentialDecay(0.001, 7, 0.5)
    found = rates(7, epochs=4, schedule="exponential", decay=0.5)
    assert found == pytest.approx([float(exponential(step)) for step in range(28)], rel=1e-5)


def test_a_warm_up_rises_to_the_rate_and_the_schedule_follows() -> None:
    found = rates(4, epochs=3, learning_rate=1.0, schedule="cosine", warmup_epochs=1)
    after = keras.optimizers.schedules.CosineDecay(1.0, decay_steps=8)
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4:] == pytest.approx([float(after(step)) for step in range(8)], rel=1e-5)


def test_each_phase_has_its_own_rate_and_schedule() -> None:
    how = {**PRETRAINED, "epochs": 5, "freeze_epochs": 2, "schedule": "cosine"}
    first = keras.optimizers.schedules.CosineDecay(0.001, decay_steps=6)
    second = keras.optimizers.schedules.CosineDecay(0.00001, decay_steps=9)
    wanted = [*(float(first(step)) for step in range(6)), *(float(second(s)) for s in range(9))]
    assert rates(3, **how) == pytest.approx(wanted, rel=1e-5)
    assert rates(3, **how, fine_tune_rate=0.5)[6] == 0.5


def test_without_options_the_rate_is_that_of_keras() -> None:
    own = keras.optimizers.Adam().get_config()["learning_rate"]
    assert rates(3, epochs=1) == pytest.approx([own] * 3)


# --- when a run ends -------------------------------------------------------------------------


def rows(*losses: float) -> list[dict[str, float]]:
    return [{"val_loss": loss} for loss in losses]


@pytest.mark.parametrize(
    ("losses", "changes", "over"),
    [
        ((3, 2, 1), {}, False),
        ((3, 2, 1, 1, 1), {}, True),
        ((1, 2), {"early_stopping": 2}, False),
        ((1, 2, 2), {"early_stopping": 2}, True),
        ((1, 1, 1), {"early_stopping": 2}, True),  # equal is not lower
        ((1, 2, 0.5, 1), {"early_stopping": 2}, False),
        ((1, 2), {"early_stopping": 1, **PRETRAINED, "freeze_epochs": 2}, False),
        ((1, 2, 2), {"early_stopping": 1, **PRETRAINED, "freeze_epochs": 2}, True),
        ((1, 2, 2), {"early_stopping": 2, **PRETRAINED, "freeze_epochs": 2}, False),
        ((float("nan"), 2), {"early_stopping": 1}, False),
    ],
)
def test_a_run_ends_after_its_epochs_or_its_patience(
    losses: tuple[float, ...], changes: dict[str, Any], over: bool
) -> None:
    assert is_over(options(**changes), rows(*losses)) is over


def test_the_best_row_is_the_first_of_the_lowest_loss() -> None:
    assert best_row(rows(float("nan"), 2, 1, 1)) == 2
