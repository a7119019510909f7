"""Drawn numbers as a form shows them: one kind of distribution as another, the ends of sliders."""

import json

import pytest

from augreg.plugin.params import REQUIRED, Range
from augreg.plugin.registry import default_registry
from augreg.random.numbers import Bounds
from augreg.studio.values import as_kind, ends_of, kind_of, kinds, tidy, track_of

DRAWN = [
    (op, name, spec)
    for op in default_registry().ops.values()
    for name, spec in op.settable.items()
    if isinstance(spec, Range) and not spec.static
]


@pytest.mark.parametrize(("op", "name", "spec"), DRAWN, ids=[f"{o.name}-{n}" for o, n, _ in DRAWN])
def test_every_kind_of_every_parameter_is_accepted(op, name, spec):
    example = op.example.get(name, spec.default)
    values = [None if example is REQUIRED else example, spec.lo, spec.hi, [spec.lo, spec.hi]]
    for value in values:
        for kind in kinds(spec.bounds):
            changed = as_kind(value, kind, spec.bounds)
            assert kind_of(changed) == kind
            spec.parse(json.loads(json.dumps(changed)), op.name)
            for other in kinds(spec.bounds):
                spec.parse(as_kind(changed, other, spec.bounds), op.name)


@pytest.mark.parametrize(("op", "name", "spec"), DRAWN, ids=[f"{o.name}-{n}" for o, n, _ in DRAWN])
def test_a_slider_reaches_what_is_usual_and_stays_in_bounds(op, name, spec):
    track = track_of(op, name)
    assert spec.lo <= track.lo < track.hi <= spec.hi
    for given in (op.example, *op.shown):
        lo, hi = ends_of(given.get(name, spec.lo), spec.bounds)
        assert name not in given or track.lo <= lo <= hi <= track.hi
    assert (track.hi - track.lo) / track.step >= 2
    assert track.including([spec.lo, spec.hi]).hi == spec.hi


def test_ends_of_a_distribution_are_about_those_of_its_draws():
    bounds = Bounds(-10, 10)
    assert ends_of({"normal": [0, 2]}, bounds) == (-4, 4)
    assert ends_of({"choice": [3, 1], "weights": [9, 9]}, bounds) == (1, 3)
    assert ends_of({"schedule": {"from": 0, "to": [2, 5], "epochs": 9}}, bounds) == (0, 5)
    assert ends_of([-99, 99], bounds) == (-10, 10)
    assert ends_of("nonsense", bounds) == (0, 0)


def test_numbers_are_written_as_people_do():
    assert json.dumps([tidy(0.1 + 0.2), tidy(30.0), tidy(1e-9), tidy(-0.7000000001)]) == (
        "[0.3, 30, 1e-09, -0.7]"
    )
