"""Two hundred fixed cases of the net; `make fuzz-policies N=20000` runs as many as one likes."""

from __future__ import annotations

import random

import pytest

import augreg
from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.plugin.registry import default_registry
from augreg.policy import Policy
from net.case import make
from net.coverage import Coverage
from net.generator import Generator, reason
from net.known import KNOWN, known
from net.running import Tally, failures, run, ways_of
from net.ways import CHEAP

CASES, EVERY, PART = 260, 50, 20


@pytest.mark.parametrize("first", range(0, CASES, PART))
def test_generated_policies_come_out_alike_in_every_way(first):
    tally = Tally()
    for number in range(first, first + PART):
        run(number, ways_of(number, EVERY), tally)

    assert not tally.failures, "\n".join(map(str, tally.failures))


@pytest.mark.parametrize("name", KNOWN)
def test_what_once_went_wrong_comes_out_alike(name):
    ways = [*CHEAP, "no passes", "unknown size"]

    assert not list(map(str, failures(known(name), ways)))


class Careless(Generator):
    """Changes sizes in branches, and gives p to any step."""

    careful = 0.5


@pytest.mark.parametrize("first", range(0, 100, 50))
def test_what_some_size_refuses_is_refused_where_no_size_is_known(first):
    sizes, ops = [(12, 12), (9, 14), (16, 16), (25, 30)], frozenset(default_registry().ops)
    for number in range(first, first + 50):
        generator = Careless(random.Random(f"careless {number}"), (12, 12), 3, ops)
        policy = augreg.load_policy(generator.document())
        why = {_refusal(policy, size) for size in sizes} & SHAPELESS
        assert not why or _refusal(policy, (None, None)), f"{why} at a known size: {policy.source}"


SHAPELESS = {"takes no p here", "shapes disagree", "odd turn", "mixture changes shape"}


def _refusal(policy: Policy, size: tuple[int | None, int | None]) -> str:
    try:
        plan(policy, size=size)
    except PolicyError as error:
        return reason(error)
    return ""


def test_the_generator_reaches_every_op_group_and_kind_of_value():
    coverage, refused = Coverage(), 0
    for number in range(CASES):
        case = make(number)
        coverage.add(case)
        refused += sum(case.refused.values())

    seen: dict[str, set[str]] = {}
    for kind, name in coverage.seen:
        seen.setdefault(kind, set()).add(name)
    assert seen["op"] >= set(default_registry().ops) - {
        "mosaic",
        "copy_paste",
    }  # they take no labels
    assert seen["macro"] == set(default_registry().macros)
    assert seen["group"] >= {
        *("sequence", "one_of", "some_of", "some_of with replacement", "random_order", "mixture")
    }
    assert seen["distribution"] >= {
        *(
            "Constant",
            "Uniform",
            "Choice",
            "Normal",
            "LogUniform",
            "UniformArray",
            "NoiseKey",
            "Schedule",
        )
    }
    assert "scheduled" in seen["p"]
    assert seen["part"] == {"masks", "boxes", "keypoints", "labels"}
    assert refused < 0.15 * CASES
