"""Policies, plans and errors that are copied: pickled, deep-copied, sent to another process."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import augreg
from augreg import errors
from augreg.errors import AugregError, OpError, ParameterError, PluginError, PolicyError
from augreg.plan import Plan, plan
from augreg.plugin.registry import default_registry, registered
from augreg.policy import Policy

EVERYTHING = {
    "version": 1,
    "name": "everything",
    "prepare": {
        "train": [{"op": "resized_crop", "height": 16, "width": 16}],
        "eval": [{"op": "resize", "height": 16, "width": 16}],
    },
    "augment": [
        {"op": "rotate", "degrees": {"schedule": {"from": 0, "to": [5, 9], "epochs": 4}}},
        {"one_of": [{"op": "gamma", "gamma": {"log_uniform": [0.5, 2]}}, {"op": "gaussian_noise",
         "std": {"normal": [0, 0.1]}}], "weights": [1, 2]},
        {"some_of": [{"op": "erase"}, {"op": "posterize", "bits": {"choice": [3, 5]}}],
         "n": [1, 2]},
        {"mixture": [{"op": "invert"}, {"random_order": [{"op": "flip"}, {"op": "clip"}]}]},
        {"op": "rand_augment"},
        {"op": "mixup", "classes": 4, "p": 0.5},
    ],
    "output": {"normalize": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}},
}  # fmt: skip


@pytest.fixture
def policy() -> Policy:
    return augreg.load_policy(EVERYTHING)


def copies(value: Any) -> list[Any]:
    pickled = [
        pickle.loads(pickle.dumps(value, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL)
    ]
    return [*pickled, copy.copy(value), copy.deepcopy(value)]


def test_copies_of_a_policy_and_of_its_plans_are_equal_and_hash_alike(policy: Policy) -> None:
    planned = [policy, plan(policy), plan(policy, size=(30, 40), training=False)]
    for value in (*planned, augreg.load_policy("imagenet"), augreg.load_policy("randaugment")):
        for other in copies(value):
            assert other == value and hash(other) == hash(value) and repr(other) == repr(value)
    assert {policy: 1}[copy.deepcopy(policy)] == 1
    assert hash(policy) != hash(augreg.load_policy("flowers"))


def test_copy_is_one_of_its_own(policy: Policy) -> None:
    other: Any = copy.deepcopy(policy)
    other.source["augment"].clear()
    assert len(policy.source["augment"]) == 6


def test_copy_gives_the_same_pixels(policy: Policy) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 20, 24, 3), np.uint8)
    element = {"images": images, "labels": np.arange(4)}
    one, two = (
        augreg.augment(element, p, seed=3, index=range(4), epoch=2)
        for p in (policy, pickle.loads(pickle.dumps(policy)))
    )
    np.testing.assert_array_equal(one["images"], two["images"])


def described(policy: Policy, planned: Plan) -> tuple[str, int, str, bool]:
    """In the other process."""
    again = plan(policy, size=planned.size_in)
    return policy.hash, hash(policy), repr(planned), again == planned


def test_policy_and_plan_go_to_a_spawned_process_and_back(policy: Policy) -> None:
    planned = plan(policy, size=(30, 40))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        found = pool.submit(described, policy, planned).result()
        with pytest.raises(PolicyError) as caught:
            pool.submit(augreg.load_policy, {"version": 1, "augment": [{"op": "x"}, 5]}).result()
    assert found == (policy.hash, hash(policy), repr(planned), True)
    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/augment/0/op", "/augment/1"]


def test_op_of_another_version_in_the_other_process_is_refused_by_name() -> None:
    flip = default_registry().ops["flip"]
    assert registered("flip", flip.version) is flip
    with pytest.raises(PluginError, match=f'op "flip" .* version 99 .* version {flip.version}'):
        registered("flip", 99)
    with pytest.raises(PluginError, match='unknown op "acme/gone"'):
        registered("acme/gone", 1)


MADE = {
    OpError: OpError("no", "flip", "/augment/0"),
    ParameterError: ParameterError("no", "/lo"),
    PolicyError: PolicyError("no", path="p.json", pointer="/a", line=1, column=2),
}


@pytest.mark.parametrize("kind", [k for k in vars(errors).values() if isinstance(k, type)])
def test_every_error_goes_to_another_process_as_it_is(kind: type[Exception]) -> None:
    if not issubclass(kind, AugregError):
        pytest.skip("not an error")
    error = MADE.get(kind) or kind("no")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error) and vars(again) == vars(error)


def test_interrupted_run_goes_to_another_process_as_it_is() -> None:
    from augreg.train.signals import Interrupted

    again = pickle.loads(pickle.dumps(Interrupted(15, "kept")))
    assert (again.exit_code, str(again)) == (143, "stopped by SIGTERM; kept")
