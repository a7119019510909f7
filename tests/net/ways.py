"""The ways of running a case. Each gives the parts of its element as NumPy arrays.

The cheap ones run eagerly; the costly ones (`COSTLY`) trace or compile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

import augreg
from augreg.annotations.element import targets_of
from augreg.annotations.parts import LABELS, TargetRules
from augreg.backends.reference import kernels
from augreg.backends.reference.interpreter import Interpreter
from augreg.backends.reference.pixels import output
from augreg.backends.tensorflow import per_image
from augreg.backends.tensorflow.moving import AnnotationProgram
from augreg.backends.tensorflow.program import Program
from augreg.errors import PolicyError
from augreg.families import MixStage
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.plan.passes import optimize
from augreg.random import generator
from augreg.random.generator import SampleKey
from augreg.xp import NUMPY
from net.case import Case
from net.generator import reason

Parts = dict[str, Any]
EAGER = type(tf.constant(0))
THREEFRY = generator.threefry2x32


class RefusedHereError(Exception):
    """A plan that knows less refuses the policy, for a reason that the net knows."""


def _rules(case: Case) -> dict[str, Any]:
    form = case.box_format if "boxes" in case.parts else None
    return {"input_range": case.input_range, "bounding_box_format": form}


def reference(case: Case) -> Parts:
    """The NumPy reference."""
    words = (case.seed, case.index, case.epoch, case.training)
    return augreg.augment(case.element, case.policy, *words, **_rules(case))


def passes_in_numpy(case: Case) -> Parts:
    """The reference's interpreter on the optimized plan: the passes alone, at little cost."""
    planned, _ = optimize(_planned(case, case.size))
    lowering = Lowering(NUMPY, Draws.make(NUMPY, planned.draws, _key(case)))
    run = Interpreter(case.policy, lowering)
    images = case.unit_images
    if planned.prepare:
        images = run.stages(planned.prepare, images)
        images = kernels.quantize(images) if case.dtype == "uint8" else images
    images = run.stages(planned.augment, images)
    return {"images": output(kernels.to_unit(images), case.policy.output)}


def _key(case: Case) -> SampleKey:
    return SampleKey(
        *(np.asarray(n).astype(np.uint32) for n in (case.seed, case.epoch, case.index))
    )


def _planned(case: Case, size: Any, unfused: bool = False) -> Any:
    options: dict[str, Any] = {"training": case.training, "channels": case.channels}
    try:
        return plan(case.policy, size=size, unfused=unfused, **options)
    except PolicyError as error:
        if size == case.size:
            raise
        raise RefusedHereError(reason(error)) from error


def eager(case: Case, passes: bool, debug: bool = False) -> Parts:
    """TensorFlow's plain ops, one after another; `passes`: of the optimized plan."""
    planned = _planned(case, case.size, unfused=debug)
    program = Program(optimize(planned)[0] if passes else planned, xla=False, debug=debug)
    key = SampleKey(*map(tf.constant, _key(case)))
    images = tf.constant(case.unit_images)
    with (
        _lowered_in_numpy(case, planned) if passes else contextlib.nullcontext(),
        mock.patch.object(Draws, "make", _drawn_in_numpy),
        mock.patch.object(generator, "threefry2x32", _threefry_in_numpy),
        mock.patch.object(EAGER, "__getitem__", _taken),
    ):
        result = {**case.element, "images": program(images, key)}
    given = targets_of(case.element)
    if not planned.mixes:
        given.pop(LABELS, None)
        if case.mixes is not None:  # they become one-hot all the same, but not by this program
            result.pop(LABELS)
    if given and not passes:
        given = tf.nest.map_structure(tf.convert_to_tensor, given)
        program = AnnotationProgram(planned, TargetRules(case.box_format))
        result |= program(given, tf.constant(case.size), key, {})[0]
    elif passes:
        result = {"images": result["images"]}
    return _arrays(result)


def _threefry_in_numpy(xp: Any, key: Any, counter: Any) -> Any:
    """The words, the same to the bit: a hundred ops one after another cost too much."""
    key, counter = tf.nest.map_structure(np.asarray, (key, counter))
    words = THREEFRY(NUMPY, key, counter)
    return words if xp is NUMPY else tuple(tf.constant(word) for word in words)


def _taken(tensor: Any, key: Any) -> Any:
    """Part of an eager tensor by NumPy, which takes a fifth of TensorFlow's time for it."""
    keys = key if isinstance(key, tuple) else (key,)
    return tf.constant(tensor.numpy()[tuple(map(_number, keys))])


def _number(key: Any) -> Any:
    if isinstance(key, slice):
        return slice(*(_number(k) for k in (key.start, key.stop, key.step)))
    return key.numpy() if isinstance(key, tf.Tensor) else key


def _drawn_in_numpy(xp: Any, draws: Any, key: SampleKey) -> Draws:
    """The words, which are the same to the bit, by NumPy: one op at a time they cost too much."""
    ids = tuple(generator.draw_id(path, name) for path, name in draws)
    if not ids:
        return Draws({}, key.epoch)
    pair = generator.words(NUMPY, ids, SampleKey(*(number.numpy() for number in key)))
    first, second = (tf.unstack(tf.constant(words)) for words in pair)
    return Draws(dict(zip(draws, zip(first, second, strict=True), strict=True)), key.epoch)


@contextlib.contextmanager
def _lowered_in_numpy(case: Case, planned: Any) -> Iterator[None]:
    """The tiny arithmetic of a program by NumPy, which takes a third of TensorFlow's time.

    The other ways do it in TensorFlow.
    """
    drawn, lower = Draws.make(NUMPY, planned.draws, _key(case)), Lowering.stages

    def instead(self: Lowering, stages: Any, size: Any) -> Any:
        return _tensors(lower(replace(self, xp=NUMPY, draws=drawn), stages, size))

    with mock.patch.object(Lowering, "stages", instead):
        yield


def _tensors(value: Any) -> Any:
    """Tensors for the arrays in elements, lists and tuples."""
    if isinstance(value, np.ndarray | np.generic):
        return tf.constant(value)
    if isinstance(value, list | tuple):
        return type(value)(_tensors(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _tensors(getattr(value, f.name)) for f in fields(value)})
    return value


def _fn(case: Case, **options: Any) -> Any:
    return augreg.map_fn(case.policy, case.seed, case.training, **_rules(case), **options)


def xla(case: Case) -> Parts:
    """The map function of batches, compiled."""
    return _arrays(_fn(case, batched=True)(case.index, case.element, case.epoch))


@contextlib.contextmanager
def _in_turns() -> Iterator[None]:
    """Image by image, as large ones are done."""
    with (
        mock.patch.object(per_image, "SMALLEST", 0),
        mock.patch.object(
            per_image, "is_worthwhile", lambda stages: not isinstance(stages[0], MixStage)
        ),
    ):
        yield


def in_turns(case: Case) -> Parts:
    with _in_turns():
        return xla(case)


def one_by_one(case: Case) -> Parts:
    """Single elements in a parallel map; for policies that mix, the dataset's batches."""
    if case.mixes:
        return dataset(case)
    fn = _fn(case, epoch=case.epoch)
    ds = tf.data.Dataset.from_tensor_slices((case.index, case.element))
    made = list(ds.map(fn, num_parallel_calls=2).as_numpy_iterator())
    return tf.nest.map_structure(lambda *parts: np.stack(parts), *made)


def dataset(case: Case) -> Parts:
    """`augment_dataset`: elements are numbered from 0."""
    ds = tf.data.Dataset.from_tensor_slices(case.element)
    batches = augreg.augment_dataset(
        ds,
        case.policy,
        case.batch,
        case.seed,
        case.training,
        first_epoch=case.epoch,
        **_rules(case),
    )
    return next(iter(batches.take(1).as_numpy_iterator()))


def _layer(case: Case) -> Any:
    return augreg.AugmentationLayer(case.policy, case.seed, **_rules(case))


def layer(case: Case) -> Parts:
    """The Keras layer, called as it is."""
    words = {"index": case.index, "epoch": case.epoch}
    return _arrays(_layer(case)(case.element, training=case.training, **words))


def layer_in_graph(case: Case) -> Parts:
    """The layer in a function that is compiled around it."""
    made = _layer(case)

    @tf.function(jit_compile=True, autograph=False)
    def run(element: Any, index: Any, epoch: Any) -> Any:
        return made(element, training=case.training, index=index, epoch=epoch)

    words = (tf.constant(case.index, tf.int64), tf.constant(case.epoch, tf.int64))
    return _arrays(run(tf.nest.map_structure(tf.constant, case.element), *words))


def unknown(case: Case) -> Parts:
    """A graph in which only the data shows the size."""
    _planned(case, (None, None))
    fn = _fn(case, batched=True)

    def spec(name: str, part: Any) -> Any:
        shape = [None] * 3 if name in ("images", "masks") else [None]
        return tf.TensorSpec([*shape, *part.shape[len(shape) :]], part.dtype)

    element = {
        name: {k: spec(k, v) for k, v in part.items()}
        if isinstance(part, dict)
        else spec(name, part)
        for name, part in case.element.items()
    }
    words = [tf.TensorSpec([None], tf.int64), element, tf.TensorSpec([], tf.int64)]
    run = tf.function(fn, input_signature=words, autograph=False)
    given = tf.nest.map_structure(tf.constant, case.element)
    index, epoch = tf.constant(case.index, tf.int64), tf.constant(case.epoch, tf.int64)
    return _arrays(run(index, given, epoch))


def debug(case: Case) -> Parts:
    """With every check, a stage for each step where that can be."""
    return {"images": eager(case, passes=False, debug=True)["images"]}


def _arrays(parts: Any) -> Parts:
    return tf.nest.map_structure(np.asarray, parts)


CHEAP = {
    "reference": reference,
    "passes in NumPy": passes_in_numpy,
    "passes": partial(eager, passes=True),
}
COSTLY = {
    "no passes": partial(eager, passes=False),
    "xla": xla,
    "turns": in_turns,
    "one by one": one_by_one,
    "dataset": dataset,
    "layer": layer,
    "layer in a graph": layer_in_graph,
    "unknown size": unknown,
    "debug": debug,
}
WAYS = CHEAP | COSTLY
