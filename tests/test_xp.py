"""The namespace: every function gives the same values and dtypes on NumPy and TensorFlow."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf

from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.xp import NUMPY, Namespace

F = np.float32([[0.5, -1.5, 2.5], [0.25, 3, -0.75]])
P = np.abs(F)
I = np.int32([[3, 1, 2], [0, 5, 4]])  # noqa: E741
CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
W = np.uint32([0, 1, 0x80000001, 0xFFFFFFFF])


def _sum_and_carry(xp, x, y):
    return [xp.bitwise_xor(x, y), xp.shift_left(x, 1) + y]


def _halved(x):
    return x * 0.5 + 1.0


CALLS = {
    "array": (([1, 2.5],), ([1, 2], "int32"), (F, "float32"), (3, "uint32"), (True, "bool")),
    "zeros_like": ((F,), (I,)),
    "ones_like": ((F,), (I,)),
    "eye": ((3,),),
    "arange": ((4,),),
    "cast": ((F, "int32"), (I, "float32"), (I, "float64"), (I > 2, "int32"), (W, "float32")),
    "shape": ((F,),),
    "reshape": ((F, (3, 2)), (F, (-1, 1))),
    "stack": (([F, F],), ([F, F], -1), ([F, F[:1]], 0)),
    "concat": (([F, F],), ([F, F], 1)),
    "split": ((F, 0), (I, 1)),
    "unstack": ((F,), (I, 1)),
    "broadcast_to": ((F[:1], (4, 3)),),
    "transpose": ((F, (1, 0)),),
    "take": ((np.float32([5, 6, 7]), np.int32([2, 0, 2])), (F, np.int32([1, 0]), 1)),
    "lookup": ((F, np.int32([[2, 0], [1, 1]])), (CUBE, np.int32([[2, 0], [1, 1]]))),
    "window": (
        (CUBE, np.int32([1, 0]), np.int32([0, 2]), (2, 2)),
        (CUBE[:1], np.int32([1]), np.int32([2]), (2, 1)),
    ),
    "where": ((F > 0, F, -F), (I > 2, I, -I)),
    "minimum": ((F, F[:, ::-1]), (I, I[:, ::-1])),
    "maximum": ((F, F[:, ::-1]), (I, I[:, ::-1])),
    "clip": ((F, np.float32(-1), np.float32(1)),),
    "abs": ((F,), (I,)),
    "floor": ((F,),),
    "round": ((np.float32([0.5, 1.5, 2.5, -0.5]),),),
    "reciprocal": ((P,), (np.float32([1e-12, 1e-6, 0.3, 1, 1.9999, 2, 255]),)),
    "sqrt": ((P,),),
    "exp": ((F,),),
    "log": ((P,),),
    "power": ((P, F),),
    "sin": ((F,),),
    "cos": ((F,),),
    "tan": ((F,),),
    "matmul": ((F, F.T),),
    "sum": ((F, 1), (F, (0, 1)), (F, 0, True), (I, 1)),
    "mean": ((F, 1), (F, (0, 1), True)),
    "max": ((F, 1), (I, 0, True)),
    "min": ((F, 1), (I, 0, True)),
    "argsort": ((F,), (np.float32([1, 0, 1, 0]),)),
    "cumsum": ((F,), (I,)),
    "counts": ((I, 7), (np.int32([[1, 1, 1], [0, 2, 0]]), 3)),
    "iterate": ((_halved, 4, F), (_halved, 0, F)),
    "shift_left": ((W, 5),),
    "shift_right": ((W, 8),),
    "bitwise_or": ((W, W[::-1]),),
    "bitwise_xor": ((W, W[::-1]),),
    "elementwise": ((_sum_and_carry, W, W[::-1]), (_sum_and_carry, W[:, None], W[:1])),
}


def test_every_function_of_the_namespace_is_called_here():
    functions = {name for name, _ in inspect.getmembers(Namespace, inspect.isfunction)}

    assert {name for name in functions if not name.startswith("_")} == set(CALLS)
    for table in (NUMPY, TENSORFLOW):
        assert all(callable(getattr(table, name)) for name in CALLS)


def _tensors(value):
    if isinstance(value, list):
        return [_tensors(item) for item in value]
    return tf.constant(value) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", list(CALLS))
def test_numpy_and_tensorflow_agree_in_values_and_dtypes(name):
    for arguments in CALLS[name]:
        expected = getattr(NUMPY, name)(*arguments)
        found = getattr(TENSORFLOW, name)(*map(_tensors, arguments))
        if name == "shape":
            assert found == expected
            continue
        if isinstance(expected, list):
            found, expected = np.stack(found), np.stack(expected)
        assert np.asarray(found).dtype == expected.dtype
        asked = {argument for argument in arguments if isinstance(argument, str)}
        assert np.asarray(found).dtype.name in {"float32", "int32", "uint32", "bool", *asked}
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_window_of_each_sample_begins_at_its_own_place():
    found = NUMPY.window(CUBE, np.int32([1, 0]), np.int32([0, 2]), (2, 2))
    np.testing.assert_array_equal(found, [CUBE[0, 1:3, 0:2], CUBE[1, 0:2, 2:4]])


def test_lookup_takes_whole_rows_of_larger_tables():
    found = NUMPY.lookup(CUBE, np.int32([[2, 0], [1, 1]]))
    np.testing.assert_array_equal(found, [CUBE[0, [2, 0]], CUBE[1, [1, 1]]])


def test_shape_gives_scalars_where_a_side_is_not_static():
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None, 3])], autograph=False)
    def graph(x):
        seen.append(TENSORFLOW.shape(x))
        return TENSORFLOW.shape(x)[0]

    assert int(graph(tf.zeros([5, 3]))) == 5
    assert seen[0][1] == 3 and not isinstance(seen[0][0], int)


def test_stack_of_unequal_batches_broadcasts():
    many, one = tf.zeros([4]), tf.ones([1])

    assert TENSORFLOW.stack([many, one], -1).shape == (4, 2)
    assert NUMPY.stack([many.numpy(), one.numpy()], -1).shape == (4, 2)


def test_elementwise_keeps_the_shape_that_is_known_in_a_graph():
    words = [tf.TensorSpec([4, 1], tf.uint32), tf.TensorSpec([None], tf.uint32)]

    @tf.function(input_signature=words, autograph=False)
    def graph(x, y):
        return TENSORFLOW.elementwise(_sum_and_carry, x, y)

    shapes = [tuple(one.shape) for one in graph.get_concrete_function().structured_outputs]
    assert shapes == [(4, None)] * 2


def test_iterate_is_one_step_in_a_graph_of_the_shape_that_is_known():
    def nodes(times):
        @tf.function(input_signature=[tf.TensorSpec([None, 3])], autograph=False, jit_compile=True)
        def graph(x):
            return TENSORFLOW.iterate(_halved, times, x)

        np.testing.assert_array_equal(graph(F), NUMPY.iterate(_halved, times, F))
        made = graph.get_concrete_function()
        assert tuple(made.structured_outputs.shape) == (None, 3)
        body = made.graph.as_graph_def(add_shapes=False)
        return len(body.node) + sum(len(one.node_def) for one in body.library.function)

    assert nodes(2) == nodes(20)


def test_iterate_has_a_gradient_under_xla():
    @tf.function(autograph=False, jit_compile=True)
    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = TENSORFLOW.iterate(lambda part: part * part, 3, x)
        return tape.gradient(y, x)

    np.testing.assert_allclose(slope(tf.constant([0.5, 1.5])), 8 * np.float32([0.5, 1.5]) ** 7)


def test_step_of_iterate_keeps_shape_and_dtype():
    with pytest.raises(ValueError, match=r"makes float32\[2\] of float32\[2, 3\]"):
        NUMPY.iterate(lambda part: part[:, 0], 1, F)
    with pytest.raises(ValueError, match=r"makes float64\[2, 3\] of float32"):
        NUMPY.iterate(lambda part: part.astype(np.float64), 1, F)
