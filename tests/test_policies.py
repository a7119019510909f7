"""The ready policies, and the generated schema that lies beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import augreg
from augreg.plan import plan
from augreg.plugin.registry import FIRST_PARTY, Registry, default_registry
from augreg.policy import Step, ready_policies, walk
from augreg.policy.schema import policy_schema

READY = sorted(p for p in ready_policies().glob("*.json") if p.name != "policy.schema.json")
NAMES = {
    "brightness",
    "central_crop",
    "digits",
    "flip_left_right",
    "flowers",
    "grayscale",
    "imagenet",
    "invert",
    "randaugment",
    "rot90",
    "saturation",
    "tutorial_keras",
    "tutorial_tf_image",
}


def first_party() -> Registry:
    """What the repository's schema is made from: other plugins may be installed beside."""
    found = default_registry()
    ours = {
        name: op for name, op in found.ops.items() if found.owner[name].distribution == FIRST_PARTY
    }
    macros = {
        name: macro
        for name, macro in found.macros.items()
        if found.owner[name].distribution == FIRST_PARTY
    }
    return Registry(ours, found.plugins, found.owner, macros=macros)


def test_every_policy_that_is_promised_is_there() -> None:
    assert {path.stem for path in READY} == NAMES


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_policy_loads_says_what_it_is_for_and_names_its_schema(path: Path) -> None:
    policy = augreg.load_policy(path)
    assert policy.name == path.stem
    assert len(policy.description) > 20
    assert policy.source["$schema"] == "policy.schema.json"


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
@pytest.mark.parametrize("training", [True, False])
def test_ready_policy_runs_on_photographs(path: Path, training: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 300, 260, 3), np.uint8)
    result = augreg.augment(images, path, seed=7, training=training)
    assert np.isfinite(result.astype("float32")).all()
    assert result.shape[0] == 2


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_policy_passes_the_schema_in_an_independent_validator(path: Path) -> None:
    import jsonschema

    schema = json.loads((path.parent / "policy.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(path.read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    jsonschema.Draft7Validator(schema).validate(document)


def test_schema_in_the_repository_is_current() -> None:
    written = json.loads((ready_policies() / "policy.schema.json").read_text())
    assert written == json.loads(json.dumps(policy_schema(first_party()))), "run: make generate"


def test_digits_policy_never_mirrors_and_turns_little() -> None:
    steps = list(walk(augreg.load_policy(ready_policies() / "digits.json").augment))
    assert all(isinstance(step, Step) and step.op.name not in ("flip", "rot90") for step in steps)
    (rotate,) = [s for s in steps if isinstance(s, Step) and s.op.name == "rotate"]
    assert max(map(abs, rotate.arguments["degrees"].support)) <= 15


def test_flowers_policy_resamples_once() -> None:
    planned = plan(augreg.load_policy(ready_policies() / "flowers.json"), size=(300, 400))
    assert [type(stage).__name__ for stage in planned.augment].count("AffineStage") == 1


# tf.image is what no one here wrote; the tutorial's calls, on a random image.
CALLS = {
    "flip_left_right": lambda tf, x: tf.image.flip_left_right(x),
    "grayscale": lambda tf, x: tf.image.rgb_to_grayscale(x),
    "saturation": lambda tf, x: tf.image.adjust_saturation(x, 3),
    "brightness": lambda tf, x: tf.clip_by_value(tf.image.adjust_brightness(x, 0.4), 0, 1),
    "central_crop": lambda tf, x: tf.image.central_crop(x, 0.5),
    "rot90": lambda tf, x: tf.image.rot90(x),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_single_op_policy_gives_what_the_tutorials_call_gives(name: str) -> None:
    import tensorflow as tf

    image = np.random.default_rng(1).random((61, 48, 3), np.float32)
    ours = augreg.augment(image, ready_policies() / f"{name}.json", seed=0)
    theirs = CALLS[name](tf, tf.constant(image)).numpy()
    np.testing.assert_allclose(ours, np.clip(theirs, 0, 1), atol=2e-6)


def test_invert_policy_inverts_about_half() -> None:
    images = np.zeros((400, 1, 1, 1), np.uint8)
    result = augreg.augment(images, ready_policies() / "invert.json", seed=3)
    assert set(np.unique(result)) == {0.0, 1.0}
    assert 160 < int(result.sum()) < 240
