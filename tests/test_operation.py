"""Declaring an op: what `augreg.op` takes and refuses, and what a call of an op checks."""

from __future__ import annotations

import numpy as np
import pytest
from samples import noise, policy, with_ops

import augreg
from augreg.errors import OpError, PolicyError
from augreg.families.call import call_op
from augreg.xp import NUMPY


def _declare(name="acme/x", doc="Does something.", function=None, **parameters):
    def plain(xp):
        return augreg.ColorMap(xp.eye(3), xp.array([0.0, 0.0, 0.0]))

    function = function or plain
    function.__doc__ = doc
    return augreg.op(name, **parameters)(function)


def test_op_of_fifteen_lines_works_in_a_policy():
    @augreg.op("acme/tint", amount=augreg.Range(0.0, 1.0, default=0.2))
    def tint(xp, amount):
        """Moves red up and blue down.

        amount: 0 is the identity.
        """
        zero = xp.zeros_like(amount)
        return augreg.ColorMap(xp.eye(3), xp.stack([amount, zero, -amount], axis=-1))

    assert (tint.name, tint.summary) == ("acme/tint", "Moves red up and blue down.")
    assert tint.doc.endswith("amount: 0 is the identity.")
    image = np.full((1, 2, 2, 3), 0.5, np.float32)
    found = augreg.augment(image, policy({"op": "acme/tint"}, registry=with_ops(tint)), seed=0)
    np.testing.assert_allclose(found[0, 0, 0], [0.7, 0.5, 0.3], atol=1e-6)


@pytest.mark.parametrize(
    "name", ["Tint", "acme/Tint", "os.system", "__class__", "a/b/c", "1st", ""]
)
def test_name_that_no_policy_could_call_is_refused(name):
    with pytest.raises(OpError, match='is no name for an op; write "package/op" in small letters'):
        _declare(name)


def test_op_without_docstring_is_refused():
    with pytest.raises(OpError) as caught:
        _declare(doc=None)

    assert str(caught.value) == (
        'op "acme/x" has no docstring; its first line is shown by `augreg ops`'
    )


@pytest.mark.parametrize("name", ["op", "p", "id", "choice", "xp", "size"])
def test_reserved_parameter_is_refused(name):
    with pytest.raises(OpError, match=f'op "acme/x": the name "{name}" is reserved'):
        _declare(**{name: augreg.Range(0.0, 1.0)})


def test_function_and_parameters_have_to_agree():
    with pytest.raises(OpError, match='op "acme/x": its function and its parameters differ in a'):
        _declare(a=augreg.Range(0.0, 1.0, default=0))
    with pytest.raises(OpError, match="differ in b"):
        _declare(function=lambda xp, b: None)
    with pytest.raises(OpError, match=r"differ in b$"):
        _declare(function=lambda xp, b, **rest: None, a=augreg.Range(0.0, 1.0))


def test_function_may_take_the_parameters_that_it_does_not_name():
    op = _declare(function=lambda xp, **modes: modes["a"], a=augreg.Fill(), b=augreg.Fill())
    assert list(op.params) == ["a", "b"] and not op.wants_size


class Odd(augreg.Range):
    def schema(self):
        return {"type": "nonsense"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (augreg.Range(1.0, 0.0), r'parameter "a" has an empty range \[1.0, 0.0\]'),
        (augreg.Range(float("nan"), 0.0), r'parameter "a" has an empty range \[nan, 0.0\]'),
        (augreg.Range("0", "1"), 'parameter "a" has an empty range'),
        (augreg.Range(True, 5.0), 'parameter "a" has an empty range'),
        (augreg.Range(0.0, 1.0, default=2), 'the default of "a" does not fit: 2 is above 1.0'),
        (augreg.Integer(0, 3, default=[1, 9]), 'the default of "a" does not fit: 9 is above 3'),
        (augreg.Fill([0, 1]), 'the default of "a" does not fit: 2 levels'),
        (augreg.Option(object()), 'parameter "a" offers .* no JSON constants'),
        (augreg.Option(None, 1), 'parameter "a" offers .* no JSON constants'),
        (0.5, 'parameter "a" is no specification but 0.5'),
        (Odd(0.0, 1.0), 'parameter "a" is no specification but Odd'),
    ],
)
def test_fault_65_specification_that_is_no_valid_schema_is_named(spec, message):
    with pytest.raises(OpError, match=f'op "acme/x": {message}'):
        _declare(function=lambda xp, a: None, a=spec)


# --- calls


def _lower(function, size=(4, 4)):
    return call_op(_declare(function=function), NUMPY, {}, size)


def test_what_is_no_element_is_refused():
    with pytest.raises(OpError) as caught:
        _lower(lambda xp: xp.eye(3))

    # families of other test modules follow
    assert str(caught.value).startswith(
        'op "acme/x" returned a ndarray; it has to return one of AffineMap, '
        "ColorMap, Displacement, LatticeMap, Mix, Mosaic, Neighborhood, Paste, PixelFunction, "
        "ProjectiveMap, Resize"
    )


def test_fault_66_wrong_shape_names_the_op():
    with pytest.raises(OpError) as caught:
        _lower(lambda xp: augreg.AffineMap(xp.eye(3)))

    assert str(caught.value) == (
        'op "acme/x": AffineMap.matrix has the shape (1, 3, 3); it has to be [B, 2, 3]'
    )


def test_fault_66_wrong_dtype_names_the_op():
    with pytest.raises(OpError) as caught:
        _lower(lambda xp: augreg.ColorMap(np.eye(3), xp.array([0.0] * 3)))

    assert str(caught.value) == 'op "acme/x": ColorMap.matrix is float64; it has to be float32'


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda xp, planes: planes[:2], r"\((float32 \[(2|None), 4, 4\](, )?){2}\)"),
        (lambda xp, planes: planes[0], "a (ndarray|EagerTensor|SymbolicTensor|Tensor)"),
        (lambda xp, planes: None, "a NoneType"),
        (lambda xp, planes: [0.5] * 3, r"\(a float, a float, a float\)"),
        (
            lambda xp, planes: tuple(xp.cast(p, "float64") for p in planes),
            r"\(float64 \[(2|None), 4, 4\], .*\)",
        ),
        (
            lambda xp, planes: tuple(p[:, :1] for p in planes),
            r"\(float32 \[(2|None), 1, 4\], .*\)",
        ),
    ],
)
def test_fault_66_pixel_function_that_returns_other_planes_names_the_op(function, found):
    odd = _declare(function=lambda xp: augreg.PixelFunction(function))
    loaded = policy({"op": "acme/x"}, registry=with_ops(odd))
    images = noise(2, 4, 4, 3)
    planes = r"\(float32 \[(2|None), 4, 4\]"
    message = f'op "acme/x": its pixel function returned {found}, expected {planes}'

    with pytest.raises(OpError, match=message):
        augreg.augment(images, loaded, seed=0)
    with pytest.raises(OpError, match=message):
        augreg.map_fn(loaded, batched=True)(np.arange(2), images)


def test_pixel_function_may_know_more_of_its_shape_than_its_input_does():
    scaled = augreg.op("acme/scale", factor=augreg.Range(0.0, 1.0))(_scale)
    loaded = policy({"op": "acme/scale", "factor": [0, 1]}, registry=with_ops(scaled))
    layer = augreg.AugmentationLayer(loaded)

    import tensorflow as tf

    spec = tf.TensorSpec([None, 4, 4, 3], tf.uint8)
    graph = tf.function(lambda x: layer(x, training=True, index=[5, 6]), input_signature=[spec])
    images = noise(2, 4, 4, 3)
    expected = augreg.augment(images, loaded, seed=0, index=[5, 6])
    np.testing.assert_allclose(graph(images), expected, atol=1e-6)


def _scale(xp, factor):
    """Scales."""
    return augreg.PixelFunction(
        lambda xp, planes, f: tuple(plane * f for plane in planes), (factor,)
    )


def test_op_that_asks_for_size_gets_it():
    seen = []

    def function(xp, size):
        seen.append(size)
        return augreg.ColorMap(xp.eye(3), xp.array([0.0] * 3))

    _lower(function, size=(5, 7))

    assert seen == [(5, 7)]


def test_refusal_of_a_size_has_the_place_of_its_parameter():
    def refuse(h, w, /, a):
        raise augreg.ParameterError("not today", "/a")

    odd = augreg.op("acme/x", output_size=refuse, a=augreg.Range(0.0, 1.0, default=0, static=True))(
        _with_a
    )
    loaded = policy({"op": "flip"}, {"op": "acme/x", "a": 1}, registry=with_ops(odd))

    with pytest.raises(PolicyError) as caught:
        augreg.augment(noise(1, 4, 4, 3), loaded, seed=0)

    assert str(caught.value) == "/augment/1/a: not today"


def _with_a(xp, a):
    """Flips."""
    return augreg.LatticeMap(xp.array([[1, 0], [0, 1]], "int32"), xp.array([0, 0], "int32"))


def test_strengths_are_the_ends_and_middle_of_the_examples_ranges_where_none_are_given():
    parameters = {
        "degrees": augreg.Range(0, 90),
        "times": augreg.Integer(1, 8),
        "fill": augreg.Fill(),
    }
    example = {"degrees": [0, 60], "times": [1, 4], "fill": [0.1, 0.2, 0.3], "p": 0.5}

    def several(xp, degrees, times, fill):
        pass

    op = _declare(function=several, example=example, **parameters)
    assert [(s["degrees"], s["times"], s["fill"]) for s in op.shown] == [
        (0, 1, [0.1, 0.2, 0.3]),
        (30.0, 2, [0.1, 0.2, 0.3]),
        (60, 4, [0.1, 0.2, 0.3]),
    ]
    assert not any("p" in given for given in op.shown)
    assert _declare(example={"p": 0.5}).shown == ({},)
    given = [{"degrees": d, "times": 1, "fill": 0} for d in (5, 10, 90)]
    assert _declare(function=several, strengths=given, **parameters).shown == tuple(given)
