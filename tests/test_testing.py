"""`check_op` accepts what keeps the contract, and names what breaks it."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

import augreg
from augreg.errors import OpError
from augreg.plugin.registry import default_registry
from augreg.testing import check_op

AMOUNT = augreg.Range(0.0, 1.0, default=0.2)

# What leaves an image as it is, for the first-party ops whose documentation says so.
IDENTITY = {
    "brightness": {"delta": 0},
    "central_crop": {"fraction": 1},
    "coarse_dropout": {"hole_height": 0},
    "contrast": {"factor": 1},
    "fog": {"density": 0},
    "grid_mask": {"ratio": 0},
    "iso_noise": {"luminance": 0, "hue": 0},
    "rain": {"amount": 0},
    "rot90": {"k": 0},
    "rotate": {"degrees": 0},
    "salt_and_pepper": {"amount": 0},
    "saturation": {"factor": 1},
    "sepia": {"strength": 0},
    "shadow": {"strength": 0},
    "shear": {"x_degrees": 0, "y_degrees": 0},
    "shot_noise": {"scale": 0},
    "tone_curve": {},
    "translate": {"x": 0, "y": 0},
    "zoom": {"factor": 1},
}


def _eye(xp):
    return xp.reshape(xp.eye(3), (1, 3, 3))


def _zeros(xp, amount):
    return xp.stack([xp.zeros_like(amount)] * 3, axis=-1)


@pytest.mark.parametrize("name", list(default_registry().ops))
def test_every_installed_op_keeps_the_contract(name):
    check_op(default_registry().get(name), identity=IDENTITY.get(name))


def test_identity_that_changes_pixels_is_named():
    op = default_registry().get("brightness")
    with pytest.raises(OpError, match=r"to be the identity, but pixels change by up to 0\.1"):
        check_op(op, identity={"delta": 0.1})


def test_float64_is_named():
    @augreg.op("acme/wide", amount=AMOUNT)
    def wide(xp, amount):
        """Forgets xp."""
        return augreg.ColorMap(np.eye(3), _zeros(xp, amount))

    with pytest.raises(OpError, match=r"ColorMap.matrix is float64; it has to be float32"):
        check_op(wide)


def test_wrong_shape_is_named():
    @augreg.op("acme/flat", amount=AMOUNT)
    def flat(xp, amount):
        """Returns a vector for a matrix."""
        return augreg.ColorMap(amount, _zeros(xp, amount))

    with pytest.raises(OpError, match=r'"acme/flat".* ColorMap.matrix has the shape'):
        check_op(flat)


def test_what_is_no_element_is_named():
    @augreg.op("acme/nothing", amount=AMOUNT)
    def nothing(xp, amount):
        """Forgets to return."""

    with pytest.raises(OpError, match=r"returned a NoneType; it has to return one of AffineMap"):
        check_op(nothing)


def test_nan_at_the_end_of_a_range_is_named():
    @augreg.op("acme/log", amount=AMOUNT, example={"amount": [0.5, 1]})
    def logarithm(xp, amount):
        """Is not defined at 0."""
        level = xp.log(amount) - xp.log(amount)
        return augreg.ColorMap(_eye(xp), xp.stack([level] * 3, axis=-1))

    with pytest.raises(OpError, match=r"'choice': \[0.0, 1.0\].*ColorMap.offset holds NaN"):
        check_op(logarithm)


def test_nan_of_a_pixel_function_outside_of_the_unit_range_is_named():
    @augreg.op("acme/gamma", power=augreg.Range(0.2, 5.0, default=0.5))
    def gamma(xp, power):
        """Forgets to clip."""
        return augreg.PixelFunction(
            lambda xp, planes, power: tuple(xp.power(plane, power) for plane in planes), (power,)
        )

    with pytest.raises(OpError, match=r"plane 0 holds NaN or infinity where its input is below 0"):
        check_op(gamma)


def _left(xp, plane, by=1):
    """Each pixel is that `by` to the left of it."""
    return xp.concat([plane[:, :, :by], plane[:, :, :-by]], axis=2)


PLANE_FUNCTIONS = {
    "neighbours": lambda xp, planes: tuple((p + _left(xp, p)) * 0.5 for p in planes),
    "corner": lambda xp, planes: tuple(p - p[:, :1, :1] for p in planes),
    "own mean": lambda xp, planes: tuple(p - xp.mean(p, (1, 2), keepdims=True) for p in planes),
}


@pytest.mark.parametrize("name", PLANE_FUNCTIONS)
def test_pixel_function_that_reads_other_pixels_is_named(name):
    @augreg.op("acme/nosy")
    def nosy(xp):
        """Looks around."""
        return augreg.PixelFunction(PLANE_FUNCTIONS[name])

    with pytest.raises(OpError, match=r"reads other pixels than the one it makes; return a Neigh"):
        check_op(nosy)


MOVES = {
    "flip": lambda xp, planes: tuple(p[:, :, ::-1] for p in planes),
    "upside down": lambda xp, planes: tuple(p[:, ::-1] for p in planes),
    "shift": lambda xp, planes: tuple(_left(xp, p, 3) for p in planes),
    "roll": lambda xp, planes: tuple(xp.concat([p[:, -5:], p[:, :-5]], axis=1) for p in planes),
}


@pytest.mark.parametrize("name", MOVES)
def test_neighborhood_that_moves_pixels_is_named(name):
    @augreg.op("acme/mover", gray=True)
    def mover(xp):
        """Leaves masks behind."""
        return augreg.Neighborhood(MOVES[name])

    with pytest.raises(OpError, match=r"it moves pixels \(.*%.*\), and masks.*return a LatticeMap"):
        check_op(mover)


def _median(xp, planes):
    def middle(a, b, c):
        return xp.maximum(xp.minimum(a, b), xp.minimum(xp.maximum(a, b), c))

    return tuple(middle(p, _left(xp, p, 2), _left(xp, p, 4)) for p in planes)


def _blocks(xp, planes):
    """Each block of 8 columns becomes its first."""
    columns = xp.shape(planes[0])[2]
    return tuple(xp.take(p, xp.arange(columns) // 8 * 8, axis=2) for p in planes)


STAYS = {
    "a median": _median,
    "blocks": _blocks,
    "a neighbour": lambda xp, planes: tuple(_left(xp, p) for p in planes),
    "one channel": lambda xp, planes: (_left(xp, planes[0], 5), *planes[1:]),
}


@pytest.mark.parametrize("name", STAYS)
def test_filter_that_picks_values_of_others_is_no_move(name):
    @augreg.op("acme/filter")
    def filtered(xp):
        """Has values of other pixels, and leaves the scene where it is."""
        return augreg.Neighborhood(STAYS[name])

    check_op(filtered)


def test_constants_beside_draws_of_a_batch_are_tried():
    @augreg.op(
        "acme/table",
        row=augreg.Range(0.0, 9.0),
        table=augreg.Uniform01(16),
        example={"row": [0, 9]},
    )
    def table(xp, row, table):
        """Reads tables of a batch by a row that may be one for all."""

        def read(xp, planes, row, table):
            found = xp.lookup(xp.reshape(table, (-1, 16)), xp.cast(row, "int32"))
            return tuple(p + found for p in planes)

        return augreg.PixelFunction(read, (row, table))

    with pytest.raises(OpError, match=r"acme/table\" with {'row': 0.0}"):
        check_op(table)


def test_hidden_places_that_differ_between_backends_are_named():
    @augreg.op("acme/peekaboo")
    def peekaboo(xp):
        """Hides more in TensorFlow."""
        return augreg.PixelFunction(
            lambda xp, planes: planes,
            hidden=lambda xp, *, y, x, size: x < (3 if xp.name == "numpy" else 9),
        )

    with pytest.raises(OpError, match=r"hidden differs between NumPy's and TensorFlow's xp"):
        check_op(peekaboo)


def test_wrong_number_of_planes_is_named():
    @augreg.op("acme/drop")
    def drop(xp):
        """Loses blue."""
        return augreg.PixelFunction(lambda xp, planes: planes[:2])

    with pytest.raises(OpError, match=r"pixel function returned .* expected"):
        check_op(drop)


def test_own_random_numbers_are_named():
    @augreg.op("acme/dice", amount=AMOUNT)
    def dice(xp, amount):
        """Throws its own dice."""
        return augreg.ColorMap(_eye(xp), _zeros(xp, amount) + xp.array(random.random()))

    with pytest.raises(OpError, match=r"must not draw random numbers of its own.*augreg.Uniform01"):
        check_op(dice)


def test_own_random_numbers_in_a_pixel_function_are_named():
    @augreg.op("acme/noise")
    def noise(xp):
        """Throws its own dice, pixel by pixel."""
        rng = np.random.default_rng()
        return augreg.PixelFunction(
            lambda xp, planes: tuple(p + xp.array(rng.uniform(size=p.shape)) for p in planes)
        )

    with pytest.raises(OpError, match=r"plane 0 of its pixel function differs between two calls"):
        check_op(noise)


def test_seeded_random_numbers_of_a_batch_are_named():
    @augreg.op("acme/loaded", amount=AMOUNT, example={"amount": [0.1, 0.4]})
    def loaded(xp, amount):
        """Throws loaded dice, one for each row."""
        drawn = xp.array(np.random.default_rng(0).uniform(size=len(amount)))
        return augreg.ColorMap(_eye(xp), _zeros(xp, drawn) + xp.reshape(drawn, (-1, 1)))

    with pytest.raises(OpError, match=r"depends on the batch around it"):
        check_op(loaded)


def test_sample_that_sees_its_batch_is_named():
    @augreg.op("acme/herd", amount=AMOUNT, example={"amount": [0, 1]})
    def herd(xp, amount):
        """Follows the mean of the batch."""
        level = amount - xp.mean(amount, axis=0, keepdims=True)
        return augreg.ColorMap(_eye(xp), xp.stack([level] * 3, axis=-1))

    with pytest.raises(OpError, match=r"ColorMap.offset of a sample depends on the batch"):
        check_op(herd)


def test_kernel_that_differs_from_the_reference_is_named():
    @augreg.op("acme/two_faced", amount=AMOUNT)
    def two_faced(xp, amount):
        """Looks at which backend it is."""
        shift = xp.array(0.1 if xp.name == "numpy" else 0.2)
        return augreg.ColorMap(_eye(xp), _zeros(xp, amount) + shift)

    with pytest.raises(OpError, match=r"ColorMap.offset differs between NumPy's and TensorFlow's"):
        check_op(two_faced)


def test_size_that_is_taken_for_a_python_number_is_named():
    @augreg.op("acme/half")
    def half(xp, size):
        """Breaks where the size is a tensor."""
        shift = [[1.0, 0.0, float(size[1]) / 2], [0.0, 1.0, 0.0]]
        if not isinstance(size[1], int):
            raise TypeError("no number")
        return augreg.AffineMap(xp.array([shift]))

    with pytest.raises(OpError, match=r"TypeError with numpy's xp and a size that is known"):
        check_op(half)


def test_look_at_a_value_is_named():
    @augreg.op("acme/peek", amount=AMOUNT, example={"amount": [0, 1]})
    def peek(xp, amount):
        """Branches on a value, which a graph does not have."""
        shift = 0.1 if float(amount[0]) > 2 else 0.0
        return augreg.ColorMap(_eye(xp), _zeros(xp, amount) + xp.array(shift))

    with pytest.raises(OpError, match=r"in a TensorFlow graph, where arrays have no values yet"):
        check_op(peek)


def test_strengths_that_are_no_steps_or_not_three_are_named():
    def declared(*strengths):
        @augreg.op("acme/far", amount=AMOUNT, example={"amount": 1}, strengths=strengths)
        def far(xp, amount):
            """Has strengths that can't be shown."""
            return augreg.ColorMap(_eye(xp), _zeros(xp, amount))

        return far

    with pytest.raises(OpError, match=re.escape("its strength {'amount': 2} is no step")):
        check_op(declared({"amount": 0.5}, {"amount": 1}, {"amount": 2}))
    with pytest.raises(OpError, match="2 strengths; give low, middle and high"):
        check_op(declared({"amount": 0.5}, {"amount": 1}))


def test_example_that_the_schema_refuses_is_named():
    @augreg.op("acme/far", amount=AMOUNT, example={"amount": 2})
    def far(xp, amount):
        """Has an example out of range."""
        return augreg.ColorMap(_eye(xp), _zeros(xp, amount))

    with pytest.raises(OpError, match=re.escape("its example {'amount': 2} is no step")):
        check_op(far)


def test_required_parameter_without_an_example_is_named():
    @augreg.op("acme/shy", amount=augreg.Range(0.0, 1.0))
    def shy(xp, amount):
        """Shows nothing."""
        return augreg.ColorMap(_eye(xp), _zeros(xp, amount))

    with pytest.raises(OpError, match=r'"amount" has no default, so the op needs an example'):
        check_op(shy)


def test_resize_without_a_declared_size_is_named():
    @augreg.op("acme/small")
    def small(xp):
        """Does not say what size comes out."""
        return augreg.Resize((8, 8))

    with pytest.raises(OpError, match=r"returns a Resize, so it has to declare output_size"):
        check_op(small)


def test_what_is_no_op_is_named():
    with pytest.raises(OpError, match=r"is no op; make one with @augreg.op"):
        check_op(lambda xp: None)


def test_branch_on_a_side_that_a_graph_does_not_know_is_named():
    """At a known size the short image is left alone; at run time its side is a tensor."""

    def lines(xp, planes):
        made = []
        for plane in planes:
            side = xp.shape(plane)[1]
            if isinstance(side, int) and side < 4:
                made.append(plane)
                continue
            made.append(xp.concat([plane[:, :2], plane[:, 2:]], axis=1) + plane[:, 1:2] * 0.5)
        return tuple(made)

    @augreg.op("acme/lines", gray=True)
    def op(xp):
        """Adds the second row to all."""
        return augreg.Neighborhood(lines)

    said = r"1x1x3: .*known at run time only|1x7x3: .*known at run time only"
    with pytest.raises(OpError, match=said):
        check_op(op)
