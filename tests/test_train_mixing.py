"""The trainer with policies that mix samples and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from train_runs import POLICY, assert_same, history, run

from augreg.errors import RunError

MIX = [{"op": "mixup", "alpha": 1.0, "classes": 10}, {"op": "cutmix", "classes": 10, "p": 0.5}]


def policy(*steps: dict[str, Any]) -> dict[str, Any]:
    return {**POLICY, "augment": [*POLICY["augment"], *steps]}


def test_both_placements_mix_alike(tmp_path: Path) -> None:
    mixing = {"policy": policy(*MIX), "epochs": 1}
    run(tmp_path / "data", placement="data", export=False, **mixing)
    run(tmp_path / "model", placement="model", **mixing)
    assert_same(tmp_path / "data", tmp_path / "model")
    run(tmp_path / "plain", policy=policy(), epochs=1, export=False)
    assert history(tmp_path / "plain") != history(tmp_path / "data")


def test_another_number_of_classes_than_the_data_s_is_refused(tmp_path: Path) -> None:
    wrong = policy({"op": "mixup", "classes": 5})
    with pytest.raises(RunError, match=r'5 classes, and digits has 10; set "classes": 10 in mixup'):
        run(tmp_path, policy=wrong)
    run(tmp_path / "off", policy=wrong, augment=False, epochs=1, export=False)
