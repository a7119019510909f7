"""Debug mode: each fault of an op is named by its step's pointer; off, no operation is left of it.

Ops at fault stand between good ones, so that a pointer can be wrong.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import augreg
from augreg.apply import ApplyOptions, Report, apply_folder
from augreg.backends.options import RunOptions
from augreg.backends.tensorflow import debug as debug_mode
from augreg.backends.tensorflow.compiled import Compiled, shared_program
from augreg.errors import OpError
from augreg.random.generator import SampleKey
from augreg.testing import registry_with

AMOUNT = augreg.Range(0.0, 1.0, default=0.5)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 24, 32, 3)).astype(np.uint8)
NAME = ".{1,2}acme/bad.{1,2}"  # TensorFlow writes quotes as C does
POINTER = "/augment/1/sequence/1"


def broken(function: Callable[..., Any], drawn: bool = True, path: Path | None = None) -> Any:
    """A policy in which `function` is the op of the step at `POINTER`."""
    function.__doc__ = "Is at fault."
    op = augreg.op("acme/bad", amount=AMOUNT)(function)
    step = {"op": "acme/bad", "amount": [0.2, 0.8] if drawn else 0.5}
    sequence = [{"op": "brightness", "delta": [0, 0.1]}, step]
    policy = {"version": 1, "augment": [{"op": "flip"}, {"sequence": sequence}, {"op": "invert"}]}
    if path is None:
        return augreg.load_policy(policy, registry=registry_with(op))
    path.write_text(json.dumps(policy, indent=1))
    return augreg.load_policy(path, registry=registry_with(op))


def color(xp: Any, gain: Any, offset: Any) -> augreg.ColorMap:
    gain = xp.reshape(gain, (-1, 1, 1)) * xp.reshape(xp.eye(3), (1, 3, 3))
    return augreg.ColorMap(gain, xp.stack([offset] * 3, axis=-1))


def planes(function: Callable[..., Any], kind: Any = augreg.PixelFunction) -> Callable[..., Any]:
    return lambda xp, amount: kind(lambda xp, planes, a: function(xp, planes, a), (amount,))


def no_number(xp: Any, amount: Any) -> Any:
    with np.errstate(all="ignore"):
        return color(xp, amount, xp.log(amount - 2.0))


def endless_warp(xp: Any, amount: Any) -> Any:
    zero = xp.zeros_like(amount)
    one = zero + 1.0
    with np.errstate(all="ignore"):
        endless = one / zero
    rows = [xp.stack([endless, zero, zero], axis=-1), xp.stack([zero, one, zero], axis=-1)]
    return augreg.AffineMap(xp.stack(rows, axis=1))


# What the op does -> what is said after the pointer. All of it shows only where it runs.
RUNNING = {
    "NaN in a colour map": (
        no_number,
        f"{NAME} returned NaN or infinite values in its offset",
    ),
    "infinity in a warp": (
        endless_warp,
        f"{NAME} returned NaN or infinite values in its matrix",
    ),
    "NaN in pixels": (
        planes(lambda xp, planes, a: tuple(xp.log(p - 9.0) + a for p in planes)),
        "NaN or infinite pixels",
    ),
    "levels to 255": (
        lambda xp, amount: color(xp, xp.zeros_like(amount) + 255.0, amount * 0.0),
        "values out of range: ",
    ),
    "pixels to 255": (
        planes(lambda xp, planes, a: tuple(p * 255.0 + a for p in planes)),
        "values out of range: ",
    ),
    "numbers of its own": (
        lambda xp, amount: color(xp, amount, amount * 0.0 + xp.array(random.random())),
        f"{NAME} returned another offset each time: it draws numbers of its own",
    ),
    "pixels with numbers of its own": (
        planes(lambda xp, planes, a: tuple(p + xp.array(random.random()) for p in planes)),
        "another result each time: it draws numbers of its own",
    ),
}
# The same of what shows while the policy is traced.
TRACING = {
    "pixels of another shape": (
        planes(lambda xp, planes, a: tuple(p[:, 1:] for p in planes)),
        r"its pixel function returned \(float32 \[.*23, 32\]",
    ),
    "a window of another shape": (
        planes(lambda xp, planes, a: tuple(p[:, 1:] for p in planes), augreg.Neighborhood),
        r"its pixel function returned \(float32 \[.*23, 32\]",
    ),
    "passes that end in another shape": (
        lambda xp, amount: augreg.Neighborhood(
            (
                lambda xp, planes, a: tuple(p[:, 1:] for p in planes),
                lambda xp, planes, a: tuple(p * 1.0 for p in planes),
            ),
            (amount,),
        ),
        r"its pixel function returned \(float32 \[.*23, 32\]",
    ),
    "pixels of another dtype": (
        planes(lambda xp, planes, a: tuple(xp.cast(p, "int32") for p in planes)),
        r"its pixel function returned \(int32",
    ),
    "a window of another dtype": (
        planes(lambda xp, p, a: tuple(xp.cast(x, "int32") for x in p), augreg.Neighborhood),
        r"its pixel function returned \(int32",
    ),
    "too few planes": (planes(lambda xp, planes, a: planes[:2]), "its pixel function returned"),
    "pixels that raise": (planes(lambda xp, planes, a: 1 / 0), "raised ZeroDivisionError"),
    "another dtype": (
        lambda xp, amount: color(xp, amount, xp.cast(amount, "float64")),
        "ColorMap.offset is float64; it has to be float32",
    ),
    "another shape": (
        lambda xp, amount: augreg.AffineMap(xp.eye(2)),
        r"AffineMap.matrix has the shape",
    ),
    "a fill of 255": (
        lambda xp, amount: augreg.AffineMap(
            xp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), fill="constant", fill_value=255.0
        ),
        "fills with 255.0; levels are 0 to 1",
    ),
}


def in_dataset(policy: Any) -> Any:
    ds = tf.data.Dataset.from_tensor_slices(IMAGES)
    return list(augreg.augment_dataset(ds, policy, batch_size=4, debug=True))


def in_layer(policy: Any) -> Any:
    return augreg.AugmentationLayer(policy, debug=True)(IMAGES, training=True)


def in_model(policy: Any) -> Any:
    layer = augreg.AugmentationLayer(policy, debug=True)
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input(IMAGES.shape[1:], dtype="uint8"), layer, *head])
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model.compile("sgd", "mse", jit_compile=True)  # XLA would leave the checks out
    return model.fit(IMAGES, np.zeros((4, 1), "float32"), verbose=0)


@pytest.mark.parametrize("target", [in_dataset, in_layer])
@pytest.mark.parametrize("fault", RUNNING)
def test_fault_of_an_op_is_named_by_its_pointer(fault: str, target: Callable[..., Any]) -> None:
    function, words = RUNNING[fault]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{POINTER}: {words}"):
        target(broken(function))


def test_model_that_asks_for_xla_is_checked_too() -> None:
    function, words = RUNNING["levels to 255"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{POINTER}: {words}"):
        in_model(broken(function))


@pytest.mark.parametrize("fault", ["NaN in a colour map", "infinity in a warp"])
def test_fault_of_a_step_that_draws_nothing_is_an_error_of_ours(fault: str) -> None:
    function, words = RUNNING[fault]
    with pytest.raises(OpError, match=f"^{POINTER}: {words}"):
        in_dataset(broken(function, drawn=False))


@pytest.mark.parametrize("target", [in_dataset, in_layer])
@pytest.mark.parametrize("fault", TRACING)
def test_wrong_shape_or_dtype_is_named_by_its_pointer(
    fault: str, target: Callable[..., Any]
) -> None:
    function, words = TRACING[fault]
    with pytest.raises(OpError, match=f"^{POINTER}: .*{words}"):
        target(broken(function))


@pytest.mark.parametrize("fault", TRACING)
def test_wrong_shape_or_dtype_is_named_without_debug_mode_too(fault: str) -> None:
    function, words = TRACING[fault]
    policy = broken(function)
    with pytest.raises(OpError, match=f"^{POINTER}: .*{words}"):
        augreg.augment(IMAGES, policy, seed=0)
    with pytest.raises(OpError, match=f"^{POINTER}: .*{words}"):
        list(augreg.augment_dataset(tf.data.Dataset.from_tensors(IMAGES[0]), policy))


@pytest.mark.parametrize("fault", RUNNING)
def test_apply_names_the_image_the_file_and_the_place(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(IMAGES[0]).save(tmp_path / "in/a.png")
    function, words = RUNNING[fault]
    policy = broken(function, path=tmp_path / "a {}] é p.json")
    monkeypatch.setenv(debug_mode.VARIABLE, "1")
    words = words.replace(NAME, '"acme/bad"')
    place = rf"a\.png: .*/a {{}}] é p\.json:\d+:\d+ {POINTER}: {words}"
    with pytest.raises(augreg.AugregError, match=place):
        apply_folder(ApplyOptions(policy, tmp_path / "in", tmp_path / "out"), Report())
    assert not list(tmp_path.glob("out/*.png"))


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (lambda planes: tuple(tf.cast(p, tf.float64) for p in planes), "pixels of float64; they"),
        (lambda planes: tuple(p[:, 1:] for p in planes), r"images of \(23, 32\); planned are \(24"),
        (lambda planes: planes[:1], "it made 1 channels; planned are 3"),
        (lambda planes: tuple(tf.repeat(p, 2, axis=0) for p in planes), "images of 8x24x32x3;"),
    ],
    ids=["dtype", "shape", "channels", "batch"],
)
def test_kernel_of_ours_that_makes_another_shape_or_dtype_is_found(
    monkeypatch: pytest.MonkeyPatch, kernel: Callable[..., Any], words: str
) -> None:
    from augreg.backends.tensorflow import pointwise

    real = pointwise.pointwise
    monkeypatch.setattr(
        pointwise, "pointwise", lambda *a: debug_mode.Planar(kernel(real(*a).planes))
    )
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "flip"}, {"op": "invert"}]})
    with pytest.raises((OpError, tf.errors.InvalidArgumentError), match=f"/augment/1: .*{words}"):
        in_layer(policy)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda images: images + 1.0, "values leave the range of the output: 1 to "),
        (lambda images: tf.cast(images, tf.float16), "float16 left, not float32"),
    ],
    ids=["range", "dtype"],
)
def test_output_of_another_range_or_dtype_is_found(
    monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any], words: str
) -> None:
    from augreg.backends.tensorflow import program

    real = program.finish
    monkeypatch.setattr(program, "finish", lambda *a: end(real(*a)))
    with pytest.raises((OpError, tf.errors.InvalidArgumentError), match=f"/output: {words}"):
        in_layer(augreg.load_policy({"version": 1, "augment": [{"op": "flip"}]}))


@pytest.mark.parametrize("name", ["flowers", "imagenet"])
def test_policy_that_works_passes(name: str) -> None:
    source = json.loads((Path(__file__).parents[1] / "policies" / f"{name}.json").read_text())
    policy = augreg.load_policy({**source, "output": {"dtype": "bfloat16"}})
    ds = tf.data.Dataset.from_tensor_slices(IMAGES)
    (images,) = augreg.augment_dataset(ds, policy, batch_size=4, debug=True)
    assert images.dtype == policy.output.dtype and images.shape[0] == 4


def test_steps_may_leave_0_to_1_between_them() -> None:
    steps = [{"op": "contrast", "factor": 10}] * 3 + [{"op": "sharpness", "factor": 10}]
    in_dataset(augreg.load_policy({"version": 1, "augment": steps}))


def traced(debug: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, int], list[str]]:
    """How often each operation occurs in a map function's graph, and which checks were made."""
    shared_program.cache_clear()  # to see it traced
    asked: list[str] = []
    for name in ("checked", "checked_output", "CheckedLowering"):
        real = getattr(debug_mode, name)

        def watching(*args: Any, name: str = name, real: Any = real) -> Any:
            asked.append(name)
            return real(*args)

        module = "kernels" if name == "checked" else "program"
        monkeypatch.setattr(f"augreg.backends.tensorflow.{module}.{name}", watching)
    policy = {"version": 1, "augment": [{"op": "rotate", "degrees": [0, 9]}, {"op": "invert"}]}
    fn = augreg.map_fn(policy, batched=True, debug=debug)
    graph = tf.function(lambda i, x: fn(i, x)).get_concrete_function(
        tf.TensorSpec((4,), tf.int64), tf.TensorSpec(IMAGES.shape, tf.uint8)
    )
    definition = graph.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    counts: dict[str, int] = {}
    for node in nodes:
        counts[node.op] = counts.get(node.op, 0) + 1
    return counts, asked


def test_off_it_leaves_no_operation_in_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, asked = traced(False, monkeypatch)
    assert not {"Assert", "IsFinite", "StringJoin", "AsString"} & set(counts) and not asked
    counts, asked = traced(True, monkeypatch)
    assert counts["Assert"] > 5 and {"checked", "checked_output", "CheckedLowering"} == set(asked)


def test_off_it_leaves_nothing_in_what_xla_compiles() -> None:
    policy = augreg.load_policy({"version": 1, "augment": [{"op": "rotate", "degrees": [0, 9]}]})
    options = RunOptions.of(policy, 0, sections=("augment", "output"), debug=False)
    compiled = Compiled(options)
    images, word = tf.constant(IMAGES / np.float32(255)), tf.constant(0, tf.uint32)
    key = SampleKey(word, word, tf.constant([0, 1, 2, 3], tf.uint32))
    program = compiled.program(("augment", "output"), images, key)
    whole = tf.function(lambda *given: program(*given), autograph=False, jit_compile=True)
    text = whole.experimental_get_compiler_ir(images, key)(stage="hlo")
    assert "gather" in text and "is-finite" not in text


@pytest.mark.parametrize(("value", "on"), [("1", True), ("0", False), ("", False), ("yes", True)])
def test_environment_turns_it_on(value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(debug_mode.VARIABLE, value)
    assert debug_mode.wanted(None) is on
    assert debug_mode.wanted(not on) is not on
