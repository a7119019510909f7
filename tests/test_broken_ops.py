"""Ops that each break the contract in one way, and the check that has to say so."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tensorflow as tf

import augreg
from augreg.plugin.registry import default_registry
from augreg.testing import ContractError, check_op
from augreg.testing.contract import BROKEN, NAMES, NOT_DECLARED, NOT_RUN, PASSED, findings

AMOUNT = augreg.Range(0.0, 1.0, default=0.2)
BROKEN_OPS = {}


def breaks(check, found, **declared):
    """Decorator: the function is an op that `check` has to find broken, saying `found`."""

    def decorate(function):
        op = augreg.op(f"acme/{function.__name__}", **declared)(function)
        BROKEN_OPS[op.name] = (op, check, found)
        return op

    return decorate


def lifted(xp, level):
    """A ColorMap that adds `level`, [B]."""
    return augreg.ColorMap(xp.eye(3), xp.stack([level] * 3, axis=-1))


@breaks("declaration", "its example {'amount': 2} is no step", amount=AMOUNT, example={"amount": 2})
def declared_wrongly(xp, amount):
    """Has an example that it does not take."""
    return lifted(xp, amount)


@breaks("call", "raised NameError: name 'undefined' is not defined", amount=AMOUNT)
def fails(xp, amount):
    """Raises."""
    return undefined  # noqa: F821  # the fault that a check is to name


@breaks("shape", "ColorMap.offset has the shape (1, 2); it has to be [B, 1 or 3]", amount=AMOUNT)
def misshapen(xp, amount):
    """Forgets a channel."""
    return augreg.ColorMap(xp.eye(3), xp.stack([amount] * 2, axis=-1))


@breaks("dtype", "ColorMap.offset is float64; it has to be float32", amount=AMOUNT)
def wide(xp, amount):
    """Calculates with NumPy."""
    return augreg.ColorMap(xp.eye(3), np.zeros((1, 3)))


@breaks("range", "its pixels reach 101, and 32 is the most; inside, 1 is white", amount=AMOUNT)
def too_bright(xp, amount):
    """Takes 255 for white."""
    return lifted(xp, amount * 0.0 + 100.0)


@breaks("determinism", "differs between two calls; an op must not draw", amount=AMOUNT)
def draws(xp, amount):
    """Draws for itself."""

    def grain(xp, planes, amount):
        return tuple(p + xp.array(np.random.default_rng().uniform(size=p.shape)) for p in planes)

    return augreg.PixelFunction(grain, (amount,))


@breaks("batch independence", "plane 0 of a sample depends on the batch around it")
def looks_around(xp):
    """Subtracts the mean of the batch, of each pixel."""
    return augreg.PixelFunction(
        lambda xp, planes: tuple(p - xp.mean(p, axis=0, keepdims=True) for p in planes)
    )


@breaks("TensorFlow", "plane 0 differs between NumPy's and TensorFlow's xp")
def two_faced(xp):
    """Does another thing in TensorFlow."""

    def shifted(xp, planes):
        return tuple(p + (0.1 if xp.name == "numpy" else 0.2) for p in planes)

    return augreg.PixelFunction(shifted)


@breaks("annotations", "its matrix has no inverse", amount=AMOUNT, example={"amount": 0.5})
def flattened(xp, amount):
    """Shrinks the image to a line where amount is 0."""
    zero, one = xp.zeros_like(amount), xp.ones_like(amount)
    rows = [[amount, zero, zero], [zero, one, zero]]
    return augreg.AffineMap(xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2))


@breaks("run-time sizes", "where the size is known at run time only")
def needs_two_rows(xp):
    """Takes the second row of every image."""
    return augreg.Neighborhood(lambda xp, planes: tuple(p + p[:, 1:2] * 0.1 for p in planes))


@breaks("XLA", "XLA can't compile it")
def no_kernel(xp):
    """Calls what XLA does not have."""

    def sorted_by_hand(xp, planes):
        if xp.name == "numpy":
            return planes
        return tuple(
            tf.ensure_shape(tf.numpy_function(np.copy, [p], p.dtype), p.shape) for p in planes
        )

    return augreg.PixelFunction(sorted_by_hand)


@breaks("reference and kernels", "TensorFlow differs from the reference by up to 0.002")
def coarse(xp):
    """Is a little off in graphs."""

    def rounded(xp, planes):
        has_values = hasattr(planes[0], "numpy") or xp.name == "numpy"
        return tuple(p + (0.0 if has_values else 0.002) for p in planes)

    return augreg.PixelFunction(rounded)


@breaks("neutral value", "pixels change by up to 0.1", amount=AMOUNT, identity={"amount": 0.1})
def not_neutral(xp, amount):
    """Names the wrong value as its identity."""
    return lifted(xp, amount)


@breaks(
    "serialization", "it can't be written as JSON", amount=augreg.Range(0.0, np.inf, default=np.inf)
)
def unwritable(xp, amount):
    """Has a default that JSON does not know."""
    return lifted(xp, xp.minimum(amount, 0.5))


@pytest.mark.parametrize("name", BROKEN_OPS)
def test_broken_op_is_caught_for_its_own_reason(name):
    op, check, found = BROKEN_OPS[name]
    with pytest.raises(ContractError) as caught:
        check_op(op)
    assert (caught.value.op, caught.value.check) == (name, check)
    assert found in str(caught.value) and str(caught.value).startswith(f'op "{name}"')


def test_every_check_has_an_op_that_breaks_it():
    assert {check for _, check, _ in BROKEN_OPS.values()} == set(NAMES)


def test_findings_go_on_to_the_broken_check_and_say_where_it_is():
    op, check, _ = BROKEN_OPS["acme/draws"]
    found = list(findings(op))
    assert [finding.check for finding in found] == list(NAMES)
    broken = NAMES.index(check)
    states = [*[PASSED] * broken, BROKEN, *[NOT_RUN] * (len(NAMES) - broken - 1)]
    assert [finding.state for finding in found] == states
    line = op.function.__code__.co_firstlineno
    assert found[broken].place == f"{__file__}:{line}"
    assert found[broken].record()["images"] == "24x32x3"


def test_error_of_an_op_is_placed_at_the_line_that_raised_it():
    op, _, _ = BROKEN_OPS["acme/fails"]
    (broken,) = [finding for finding in findings(op) if finding.state == BROKEN]
    line = op.function.__code__.co_firstlineno + 3  # decorator, def and docstring come first
    assert broken.place == f"{__file__}:{line}"


def test_op_without_an_identity_is_not_broken():
    @augreg.op("acme/dim", amount=AMOUNT)
    def dim(xp, amount):
        """Darkens."""
        return lifted(xp, -amount)

    states = {finding.check: finding.state for finding in findings(dim)}
    assert states.pop("neutral value") == NOT_DECLARED
    assert set(states.values()) == {PASSED}


def test_identity_that_no_policy_takes_is_named():
    @augreg.op("acme/dim", amount=AMOUNT, identity={"amount": [1, 0]})
    def dim(xp, amount):
        """Has an identity whose range runs backwards."""
        return lifted(xp, -amount)

    with pytest.raises(ContractError, match=r"with {'amount': \[1, 0\]}: ") as caught:
        check_op(dim)
    assert caught.value.check == "declaration"
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.check) == (str(caught.value), "declaration")


def test_hidden_pixels_that_still_show_the_image_are_named():
    @augreg.op("acme/bar")
    def bar(xp):
        """Says that it hides what it darkens."""

        def darkened(xp, planes, *, y, x, size):
            return tuple(xp.where(x < 4, plane * 0.5, plane) for plane in planes)

        return augreg.PixelFunction(
            darkened, coordinates=True, hidden=lambda xp, *, y, x, size: x < 4
        )

    with pytest.raises(ContractError, match="100% of the pixels that `hidden` names still show"):
        check_op(bar)


def test_offsets_that_fold_the_image_are_named():
    @augreg.op("acme/fold")
    def fold(xp):
        """Moves neighbouring points past each other."""
        steps = xp.reshape(xp.cast(xp.arange(6) % 2, "float32"), (1, 1, 6, 1)) * 40.0
        x = steps + xp.reshape(xp.zeros_like(xp.cast(xp.arange(6), "float32")), (1, 6, 1, 1))
        return augreg.Displacement(xp.concat([x, xp.zeros_like(x)], axis=3), "linear")

    with pytest.raises(ContractError, match="its offsets fold the image") as caught:
        check_op(fold)
    assert caught.value.check == "annotations"


def test_version_that_no_hash_can_hold_is_named():
    op = augreg.op("acme/x", version=np.int64(2))(BROKEN_OPS["acme/two_faced"][0].function)
    with pytest.raises(ContractError, match=r"its version is np.int64\(2\); it has to be an int"):
        check_op(op)


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("masks", lambda masks: masks[:, ::-1], "masks show another place than the image in"),
        ("masks", lambda masks: masks[:, 1:], r"masks become \(23, 32\), and images \(24, 32\)"),
        ("keypoints", lambda points: points * np.nan, "keypoints become NaN or infinite"),
        ("boxes", lambda boxes: {"boxes": boxes["boxes"] + 1}, "boxes leave the image"),
    ],
)
def test_annotations_that_do_not_follow_are_named(monkeypatch, part, value, said):
    """No op can do this by itself, so augreg is broken here."""
    flip = default_registry().get("flip")

    def wrong(*given, **options):
        made = augreg.augment(*given, **options)
        return {**made, part: value(made[part])}

    monkeypatch.setattr("augreg.testing.annotated.augment", wrong)
    with pytest.raises(ContractError, match=said):
        check_op(flip)
