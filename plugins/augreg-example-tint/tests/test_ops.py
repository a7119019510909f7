# ruff: noqa: D103
"""The contract of each op, and what each is for."""

import acme_tint
import numpy as np
from acme_tint.straighten import straighten

import augreg
from augreg.testing import check_op


def test_tint_keeps_the_contract():
    check_op(acme_tint.tint, identity={"amount": 0})


def test_gamma_keeps_the_contract():
    check_op(acme_tint.gamma, identity={"exponent": 1})


def test_straighten_keeps_the_contract():
    check_op(straighten, identity={"degrees": 0})


def test_tint_moves_red_up_and_blue_down():
    grey = np.full((1, 4, 4, 3), 0.5, np.float32)
    policy = {"version": 1, "augment": [{"op": "acme/tint", "amount": 0.25}]}
    pixel = augreg.augment(grey, policy, seed=0)[0, 0, 0]
    np.testing.assert_allclose(pixel, [0.75, 0.5, 0.25])


def bend(op):
    """How far from flat a ramp is after turning: 0 unless something outside was filled in."""
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[:, None], (4, 40, 64, 1))
    step = {"op": op, "degrees": {"choice": [-45, -17, 17, 45]}}
    turned = augreg.augment(ramp, {"version": 1, "augment": [step]}, seed=3)
    return np.abs(np.diff(turned, n=2, axis=1)).max()


def test_straighten_leaves_no_corner_empty():
    assert bend("rotate") > 0.01
    assert bend("acme/straighten") < 1e-5
