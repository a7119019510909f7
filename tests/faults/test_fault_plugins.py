"""Faults 60 to 69 of plugins, as the commands answer them. No plugin here is a wheel: their entry
points are."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fault_tools import Said, applied, command, encoded, pixels, policy_file
from samples import EntryPoint, Plugin

import augreg
from augreg.errors import OpError, PluginError
from augreg.plugin import registry
from augreg.testing import check_op
from augreg.train import load_model

STEP = {"version": 1, "augment": [{"op": "acme/op"}]}


def op(function: Callable[..., Any], name: str = "acme/op") -> augreg.Op:
    function.__doc__ = "Is at fault."
    return augreg.op(name, amount=augreg.Range(0.0, 1.0, default=0.2))(function)


def shift(xp: Any, by: Any) -> augreg.ColorMap:
    """Adds `by` [B] to every channel."""
    return augreg.ColorMap(xp.eye(3), xp.stack([by] * 3, axis=-1))


GOOD = op(lambda xp, amount: shift(xp, amount))
OTHER = replace(GOOD, name="other/op")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has only augreg's own entry point and those given be found."""
    own = [point for point in registry._entry_points() if point.dist.name == "augreg"][:1]

    def only(*points: EntryPoint) -> None:
        monkeypatch.setattr(registry, "_entry_points", lambda: [*own, *points])
        registry.default_registry.cache_clear()

    return only


def listed(name: str) -> str:
    """The line of a plugin in `augreg plugins`; the first-party ops go on to work."""
    said = command("plugins", "--json")
    assert said.code == 0
    (found,) = (p for p in json.loads(said.out) if p["name"] == name)
    assert command("ops").code == command("validate", "flowers").code == 0
    return f"{found['state']}: {found['error']}"


def refused(tmp_path: Path, *words: str) -> None:
    path = policy_file(tmp_path, STEP)
    said = command("validate", path)
    assert said.code == 3
    assert said.err.startswith(f"augreg: {path}:1:35 /augment/0/op: "), said.err
    assert all(word in said.err for word in words), said.err


def test_fault_60_plugin_that_raises_at_import_is_listed_as_failed(
    tmp_path: Path, install: Any
) -> None:
    install(EntryPoint("acme", ImportError("no libfoo")), EntryPoint("ok", Plugin(OTHER)))
    assert listed("acme") == "failed: ImportError: no libfoo"
    assert listed("ok") == "ready: "
    refused(tmp_path, 'plugin "acme" is failed: ImportError: no libfoo')


def test_fault_61_plugin_that_exits_at_import_is_isolated(tmp_path: Path, install: Any) -> None:
    install(EntryPoint("acme", SystemExit(3)))
    assert listed("acme") == "failed: SystemExit: 3"
    refused(tmp_path, 'plugin "acme" is failed: SystemExit: 3')


def test_fault_62_plugin_that_takes_a_first_party_name_fails(install: Any) -> None:
    taken = op(lambda xp, amount: shift(xp, amount), name="flip")
    install(EntryPoint("acme", Plugin(taken)))
    assert 'op "flip" has a plain name, which is kept for first-party ops' in listed("acme")
    assert "axis" in command("ops", "flip").out


def test_fault_63_name_of_two_plugins_names_both_wheels(tmp_path: Path, install: Any) -> None:
    install(
        EntryPoint("one", Plugin(GOOD), "wheel-one", "1.2"),
        EntryPoint("two", Plugin(GOOD), "wheel-two", "3.4"),
    )
    both = ('"one" (wheel-one 1.2)', '"two" (wheel-two 3.4)', "AUGREG_DISABLE_PLUGINS=two")
    refused(tmp_path, *both)
    said = command("plugins")
    assert said.code == 1 and all(word in said.out for word in both)


def test_fault_64_plugin_of_another_api_is_skipped_with_the_reason(
    tmp_path: Path, install: Any
) -> None:
    install(EntryPoint("acme", Plugin(GOOD, api=7)))
    assert listed("acme") == "skipped: it speaks plugin API 7, this augreg speaks 1"
    refused(tmp_path, "it speaks plugin API 7")


def test_fault_65_specification_that_is_no_valid_schema_is_named(install: Any) -> None:
    class Lazy:
        @augreg.hookimpl
        def register_ops(self) -> list[augreg.Op]:
            empty = augreg.Range(1.0, 0.0)
            return [augreg.op("acme/op", amount=empty)(GOOD.function)]

    install(EntryPoint("acme", Lazy()))
    assert 'op "acme/op": parameter "amount" has an empty range [1.0, 0.0]' in listed("acme")


def used(install: Any, tmp_path: Path, function: Callable[..., Any]) -> Said:
    """What `apply` says of a policy with an op; no output is left."""
    install(EntryPoint("acme", Plugin(op(function))))
    run = applied(tmp_path, {"a.png": encoded(pixels())}, policy=STEP)
    assert run.images == {}
    return run.said


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda xp, amount: augreg.ColorMap(xp.eye(2), xp.eye(2)), "ColorMap.matrix has the shape"),
        (lambda xp, amount: augreg.AffineMap(xp.eye(3)), "AffineMap.matrix has the shape (1, 3,"),
        (lambda xp, amount: shift(xp, xp.cast(amount, "float64")), "offset is float64; it has to"),
        (lambda xp, amount: amount, "returned a ndarray; it has to return one of"),
        (lambda xp, amount: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (
            lambda xp, amount: augreg.PixelFunction(lambda xp, planes: planes[:2]),
            "its pixel function returned (float32",
        ),
    ],
    ids=["shape of a colour map", "shape of a warp", "dtype", "no transform", "raises", "planes"],
)
def test_fault_66_wrong_shape_or_dtype_names_the_op_and_its_step(
    install: Any, tmp_path: Path, function: Any, words: str
) -> None:
    said = used(install, tmp_path, function)
    last = said.err.splitlines()[-1]  # before it stands how many outputs are whole
    assert said.code == 1
    place = f"augreg: {tmp_path / 'p.json'}:1:28 /augment/0: "
    assert last.startswith(f'{place}op "acme/op"') and words in last, said.err


def nothing(xp: Any, amount: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return shift(xp, xp.log(amount - 2.0))


def dice(xp: Any, amount: Any) -> Any:
    return shift(xp, amount * 0.0 + xp.array(random.random()))


@pytest.mark.parametrize(
    ("function", "in_debug", "in_check"),
    [
        pytest.param(
            nothing, "NaN or infinite values in its offset", "ColorMap.offset holds NaN", id="67"
        ),
        pytest.param(
            dice,
            "another offset each time: it draws numbers of its own",
            "must not draw random numbers of its own",
            id="68",
        ),
    ],
)
def test_fault_67_68_nan_and_own_random_numbers_are_named_by_debug_mode_and_check_op(
    install: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: Any,
    in_debug: str,
    in_check: str,
) -> None:
    with pytest.raises(OpError, match=f'op "acme/op".*{in_check}'):
        check_op(op(function))
    monkeypatch.setenv("AUGREG_DEBUG", "1")
    said = used(install, tmp_path, function)
    assert said.code == 1
    assert "p.json:1:28 /augment/0: " in said.err, said.err
    assert in_debug in said.err


def test_fault_69_policy_or_model_that_needs_a_missing_plugin_names_the_wheel(
    install: Any, tmp_path: Path
) -> None:
    install(EntryPoint("acme", Plugin(GOOD), "acme-ops", "2.5"))
    model = keras.Sequential([keras.Input((4, 4, 3)), augreg.AugmentationLayer(STEP)])
    model.save(tmp_path / "model.keras")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(encoded(pixels()))
    run = ("apply", policy_file(tmp_path, STEP), tmp_path / "in", tmp_path / "out")
    assert command(*run).code == 0
    install()
    said = command("validate", tmp_path / "out/policy.json")  # which augreg wrote
    assert said.code == 3 and "out/policy.json:5:13 /augment/0/op: " in said.err, said.err
    assert said.err.endswith("; the policy was written with acme-ops 2.5\n")
    said = command("replay", tmp_path / "out/manifest.jsonl", 1, "-o", tmp_path / "again.png")
    assert said.code == 3 and "was written with acme-ops 2.5" in said.err
    refused(tmp_path, 'unknown op "acme/op"', 'install the wheel that ships "acme" ops')
    with pytest.raises(PluginError, match=r"the layer was saved with: acme-ops 2\.5"):
        load_model(tmp_path / "model.keras")
