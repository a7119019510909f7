"""Modules that kernels write themselves: each function is TensorFlow's, and every op is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy
from test_parity import EVERYTHING

import augreg
from augreg.backends.stablehlo.functions import FUNCTIONS
from augreg.backends.stablehlo.writer import Value, writing, written
from augreg.backends.tensorflow import arrays, compiled, module, ops
from augreg.plugin.registry import default_registry
from augreg.testing.cases import case_of

xla = pytest.importorskip("tensorflow.compiler.tf2xla.python.xla")
if not hasattr(tf.mlir.experimental, "run_pass_pipeline") or tf.__version__ < "2.21":
    pytest.skip("an older TensorFlow may read another text", allow_module_level=True)

VERSION = xla.call_module_maximum_supported_version()
RANDOM = np.random.default_rng(0)
FLOATS = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
POSITIVE = np.abs(FLOATS) + np.float32(0.1)
WHOLE = RANDOM.integers(-9, 10, (2, 3, 4), np.int32)
WORDS = RANDOM.integers(0, 2**32, (2, 3, 4), np.uint32)
BYTES = RANDOM.integers(0, 256, (2, 3, 4), np.uint8)
FLAGS = WHOLE > 0
MATRICES = RANDOM.normal(size=(2, 3, 3)).astype(np.float32)
PLACES = np.array([[2, 0], [1, 1]], np.int32)


def run(function: Callable[..., Any], *given: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the module makes that the function writes."""
    text, (shape, dtype) = written(function, [(array.shape, array.dtype) for array in given])
    form = {"Tout": [tf.as_dtype(dtype)], "Sout": [shape], "platforms": ["CPU"], "version": VERSION}

    @tf.function(jit_compile=True)
    def called(*given: tf.Tensor) -> tf.Tensor:
        return xla.call_module(given, module=text.encode(), **form)[0]

    return called(*map(tf.constant, given)).numpy()


def loop(x: Any) -> Any:
    """Each row of x is its double plus the sum of the rows before."""
    rows = ops.TensorArray(tf.float32, size=2, element_shape=(3, 4), clear_after_read=False)

    def turn(i: Any, total: Any, rows: Any) -> Any:
        row = ops.gather(x, ops.reshape(i, (1,)))[0]
        before = ops.where(i == 0, 0.0, rows.read(ops.maximum(i - 1, 0)))
        return i + 1, [total[0] + row], rows.write(i, row * 2 + total[0] + 0 * before)

    start = (ops.constant(0), [ops.zeros((3, 4))], rows.unstack(ops.zeros((2, 3, 4))))
    return ops.while_loop(lambda i, *_: i < 2, turn, start)[2].stack()


CASES: dict[str, tuple[Callable[..., Any], Any]] = {
    "arithmetic": (lambda x: (2 - x) * 3 / (x * x + 1) - -x, [FLOATS]),
    "power": (lambda x: x**2.5, [POSITIVE]),
    "of whole numbers": (lambda x: x // 4 + x % 4 - (x // -4) * (x % -3), [WHOLE]),
    "of words": (lambda x: (x // 7) ^ (x % 7), [WORDS]),
    "remainder of floats": (lambda x: x % 0.3 + x // 0.4, [FLOATS]),
    "floormod": (lambda x: ops.floormod(x, 5), [WHOLE]),
    "bits": (lambda x: (x & 255) | (x ^ 3), [WHOLE]),
    "shift of words": (lambda x: ops.right_shift(x, 3) + ops.left_shift(x, 2), [WORDS]),
    "shift of whole numbers": (lambda x: ops.right_shift(x, 1), [WHOLE]),
    "bitwise": (lambda x: ops.bitwise_xor(ops.bitwise_or(x, 4), ops.bitwise_and(x, 9)), [WORDS]),
    "comparisons": (
        lambda x, y: ((x < y) | (x >= 0)) & ~(x == y) | (x != 1) & (y <= 0.5) | (y > 2),
        [FLOATS, FLOATS[::-1].copy()],
    ),
    "functions": (
        lambda x: ops.sin(x) + ops.cos(x) + ops.tan(x) + ops.exp(x) + ops.floor(x), [FLOATS],
    ),
    "of positive numbers": (lambda x: ops.log(x) + ops.sqrt(x) + ops.pow(x, 0.3), [POSITIVE]),
    "round": (lambda x: ops.round(x) + ops.abs(x), [np.arange(-6, 7, dtype=np.float32) / 2]),
    "ends": (lambda x: ops.clip_by_value(ops.minimum(ops.maximum(x, -1), 0.5), -0.5, 1), [FLOATS]),
    "where": (lambda flags, x: ops.where(flags, x, 0.5), [FLAGS, FLOATS[:1]]),
    "where not": (lambda x: ops.where(ops.not_equal(x, 0), 1, x), [WHOLE]),
    "cast": (lambda x: ops.cast(x * 100, tf.int32), [FLOATS]),
    "cast of flags": (lambda x: ops.cast(x, tf.float32) + ops.cast(3, tf.float32), [FLAGS]),
    "cast to flags": (lambda x: ops.cast(x, tf.bool), [WHOLE]),
    "bitcast": (lambda x: ops.bitcast(x, tf.int32), [FLOATS]),
    "sum": (lambda x: ops.reduce_sum(x, (0, 2)) + ops.reduce_sum(x), [WHOLE]),
    "mean": (lambda x: ops.reduce_mean(x, 1, True) + ops.reduce_mean(x, -1, True), [FLOATS]),
    "max": (lambda x: ops.reduce_max(x, 0) - ops.reduce_min(x, 0), [FLOATS]),
    "max of bytes": (lambda x: ops.reduce_max(x, 2) - ops.reduce_min(x, 2), [BYTES]),
    "any": (lambda x: ops.reduce_any(x, 0) & ops.reduce_all(x, 0), [FLAGS]),
    "cumsum": (lambda x: ops.cumsum(x, axis=-1), [WHOLE]),
    "argsort": (lambda x: ops.argsort(x % 3, axis=-1, stable=True), [WHOLE]),
    "matmul": (lambda x, y: ops.matmul(x, y[:1]), [MATRICES, MATRICES]),
    "counts": (lambda x: ops.unsorted_segment_sum(ops.ones_like(x), x, 4), [PLACES[0]]),
    "reshape": (lambda x: ops.reshape(x, (-1, x.shape[0])), [FLOATS]),
    "transpose": (lambda x: ops.transpose(x, (2, 0, 1)), [FLOATS]),
    "broadcast by name": (
        lambda x: arrays.TENSORFLOW.broadcast_to(x[:, :1], shape=(2, 3, 4)), [FLOATS],
    ),
    "broadcast": (lambda x: ops.broadcast_to(x[:, :1], (2, 3, 4)), [FLOATS]),
    "stack": (lambda x: ops.stack([x[0], x[1] * 2], axis=-1), [FLOATS]),
    "concat": (lambda x: ops.concat([x, x[:, ::-1]], axis=1), [FLOATS]),
    "pad": (lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=7), [WHOLE]),
    "split": (lambda x: ops.stack(ops.split(x, 2, axis=2)), [FLOATS]),
    "unstack": (lambda x: ops.unstack(x, axis=1)[-1], [FLOATS]),
    "index": (lambda x: x[..., None, 1:3][:, -1], [FLOATS]),
    "every second, backwards": (lambda x: x[:, ::-1, 3:0:-2], [FLOATS]),
    "a scalar's row": (lambda x, at: x[:, at[1, 0], at[1, 1]], [FLOATS, PLACES]),
    "nothing": (lambda x: x[:, 2:2], [FLOATS]),
    "gather": (lambda x, at: ops.gather(x, at, axis=1), [FLOATS, PLACES]),
    "gather one": (lambda x, at: ops.gather(x, at[:1, :1], axis=2), [FLOATS, PLACES]),
    "gather in each": (lambda x, at: ops.gather(x, at, batch_dims=1), [FLOATS, PLACES]),
    "slice": (lambda x, at: ops.slice(x, [0, at[1, 0], at[0, 0]], [2, 2, 2]), [FLOATS, PLACES]),
    "range": (lambda x: ops.range(4) + x, [WHOLE]),
    "constants": (lambda x: x + ops.constant([[1.5], [-0.0], [1e-30]]), [FLOATS]),
    "loop": (loop, [FLOATS]),
    "cond": (
        lambda x: ops.cond(x[0, 0, 0] > 0, lambda: [x, x + 1], lambda: [x * 2, x])[1], [FLOATS],
    ),
    "switch": (
        lambda x, at: ops.switch_case(at[0, 0], [lambda: [x], lambda: [x + 1], lambda: [x + 2]])[0],
        [FLOATS, PLACES],
    ),
    "zeros": (lambda x: ops.zeros_like(x) + ops.ones_like(x) * 3, [FLOATS]),
    "iterate": (lambda x: arrays.TENSORFLOW.iterate(lambda part: part * 0.5 + 1, 3, x), [FLOATS]),
    "reciprocal": (lambda x: arrays.TENSORFLOW.reciprocal(x), [POSITIVE]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_function_is_tensorflows(name: str) -> None:
    function, given = CASES[name]

    found = run(function, *given)

    expected = tf.function(function, jit_compile=True)(*map(tf.constant, given))
    expected = np.asarray(expected[0] if isinstance(expected, list) else expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


def test_every_function_is_tried() -> None:
    """`apart` and the checks of types have tests of their own."""
    asked: set[str] = set()

    class Asked(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            asked.add(name)
            return FUNCTIONS[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ops, "FUNCTIONS", Asked(FUNCTIONS))
        for function, given in CASES.values():
            written(function, [(array.shape, array.dtype) for array in given])
    others = {"apart", "convert_to_tensor", "equal", "is_tensor", "shape"}
    assert set(FUNCTIONS) - asked == others


def test_what_is_kept_apart_takes_values_of_its_callers() -> None:
    def nested(x: Any) -> Any:
        half, number = x * 0.5, ops.constant(3.0)
        first, second = ops.reduce_max(x, 0), ops.cond(x[0, 0, 0] > 9, lambda: [x], lambda: [half])

        def outer() -> list[Any]:
            return [ops.apart(lambda: [half + number + second[0]])[0] * first]

        (made,) = ops.apart(outer)
        return made + number

    expected = (FLOATS * 0.5 + 3 + FLOATS * 0.5) * FLOATS.max(0) + 3
    np.testing.assert_allclose(run(nested, FLOATS), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint16", "int64", "bool"])
def test_dtype_is_kept(dtype: str) -> None:
    given = tf.cast([0.5, 2, 3], dtype).numpy()
    np.testing.assert_array_equal(run(lambda x: ops.reshape(x, (3, 1)), given)[:, 0], given)
    made = run(lambda x: ops.where(x == x, ops.constant(1, x.dtype), x), given)
    assert (made.dtype, made.tolist()) == (given.dtype, [1, 1, 1])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: ops.reshape(x, (5,)), "can't be reshaped"),
        (lambda x: ops.broadcast_to(x, (2, 3, 5)), "broadcast"),
        (lambda x: ops.ensure_shape(x, (2, None, 5)), "is not of the shape"),
        (lambda x: x + ops.cast(x, tf.int32), "two dtypes"),
        (lambda x: ops.cast(x, tf.int32) / 2, "float64"),
        (lambda x: ops.cast(x, tf.int32) + 0.5, "0.5 is no int32"),
        (lambda x: x if x > 0 else -x, "before the module runs"),
        (lambda x: ops.while_loop(lambda x: x[0] > 0, lambda x: [x[:1]], [x])[0], "a turn makes"),
        (lambda x: ops.cond(x > 0, lambda: [x], lambda: [x[:1]])[0], "branches make"),
    ],
)
def test_mistake_is_said(function: Callable[..., Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        written(function, [((2, 3, 4), np.dtype(np.float32))])
    assert not writing()


# --- policies


@pytest.fixture(autouse=True)
def _new_programs() -> None:
    forget()


def forget() -> None:
    """Programs of before."""
    module.as_module.cache_clear()
    compiled.shared_program.cache_clear()


def dataset(steps: Any, images: Any = None, **rest: Any) -> tf.data.Dataset:
    images = noise(8, 24, 32, 3) if images is None else images
    source = tf.data.Dataset.from_tensor_slices(images)
    return augreg.augment_dataset(source, policy(*steps, **rest), batch_size=4, seed=3)


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    def traced(*_: Any) -> Any:
        raise AssertionError("TensorFlow traces it")

    monkeypatch.setattr(module, "_traced", traced)


@pytest.mark.usefixtures("untraced")
# what asks something of annotations, as copy_paste does, is traced
@pytest.mark.parametrize("name", sorted({*default_registry().ops} - {"copy_paste"}))
def test_every_op_is_written(name: str) -> None:
    op = default_registry().ops[name]
    example = {key: value for key, value in op.example.items() if key in op.settable}
    case = case_of(op, default_registry(), example, 3)
    augment = [*case.policy.prepare_train, *case.policy.augment]
    images = noise(8, *case.size, 3)
    element = images if name == "mosaic" else (images, np.arange(8))  # it takes no labels
    source = tf.data.Dataset.from_tensor_slices(element)
    assert augment
    augreg.augment_dataset(source, case.policy, batch_size=4, seed=3)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("size", [24, 130])
def test_groups_and_macros_are_written(size: int) -> None:
    steps = [
        {"op": "rand_augment"},
        {"op": "aug_mix"},
        {"random_order": [{"op": "rotate", "degrees": [-9, 9]}, {"op": "equalize"}]},
        {"one_of": [{"op": "erase", "p": 0.5}, {"op": "gaussian_noise", "std": 0.1}], "p": 0.5},
    ]
    dataset(steps, noise(8, size, size, 3))


@pytest.mark.parametrize("size", [24, 130])
@pytest.mark.parametrize("name", ["geometry", "colour", "groups"])
def test_pixels_have_the_bits_that_tracing_gives(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = dict(EVERYTHING[name])
    steps, images = document.pop("augment"), noise(8, size, size, 3)
    written_ = [*dataset(steps, images, **document).as_numpy_iterator()]
    forget()
    monkeypatch.setattr(module, "_written", lambda *_: None)
    np.testing.assert_array_equal(
        written_, [*dataset(steps, images, **document).as_numpy_iterator()]
    )


@augreg.op("test/own")
def own(xp: Any) -> augreg.PixelFunction:
    """Inverts, by TensorFlow itself."""

    def inverted(xp: Any, planes: Any) -> Any:
        return tuple(1 - p if xp.name == "numpy" else tf.subtract(1.0, p) for p in planes)

    return augreg.PixelFunction(inverted)


def test_op_that_calls_tensorflow_itself_is_traced() -> None:
    from augreg.testing import registry_with

    images, steps = noise(8, 24, 32, 3), [{"op": "test/own"}, {"op": "flip"}]
    made = np.concatenate(
        [*dataset(steps, images, registry=registry_with(own)).as_numpy_iterator()]
    )
    mine = policy(*steps, registry=registry_with(own))
    np.testing.assert_allclose(made, augreg.augment(images, mine, seed=3), atol=1e-6)


def test_text_that_tensorflow_can_not_read_is_replaced_by_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [{"op": "rotate", "degrees": [-30, 30]}, {"op": "brightness", "delta": [0, 0.2]}]
    expected = [*dataset(steps).as_numpy_iterator()]
    forget()
    real, texts = module.written, []

    def broken(*given: Any) -> Any:
        text, form = real(*given)
        texts.append(text)
        return text.replace("stablehlo.add", "stablehlo.plus"), form

    monkeypatch.setattr(module, "written", broken)
    np.testing.assert_array_equal([*dataset(steps).as_numpy_iterator()], expected)
    assert texts


def test_value_is_no_array_of_numpys() -> None:
    def summed(x: Value) -> Any:
        return np.ones(4, np.float32) + x * np.float32(2)

    np.testing.assert_array_equal(run(summed, FLOATS), FLOATS * 2 + 1)
