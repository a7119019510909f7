"""Functions of ops in programs kept by structure: by their code and what they hold."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from kept_programs import BYTES, Kept, counted
from samples import with_ops

import augreg
from augreg.errors import OpError
from augreg.policy import Policy


@pytest.fixture
def kept() -> Iterator[Kept]:
    with counted() as programs:
        yield programs


def _held(number: float) -> Any:
    """A function that holds a number, and is made at each call."""

    def function(xp: Any, planes: Any) -> Any:
        return tuple(plane * number for plane in planes)

    return function


def _default(number: float) -> Any:
    def function(xp: Any, planes: Any, number: float = number) -> Any:
        return tuple(plane * number for plane in planes)

    return function


def _scaled(xp: Any, planes: Any, number: Any) -> Any:
    return tuple(plane * number for plane in planes)


class Scale:
    def __init__(self, number: float) -> None:
        self.number = number

    def __call__(self, xp: Any, planes: Any) -> Any:
        return tuple(plane * self.number for plane in planes)


def _op(make: Any, constant: Any = float) -> augreg.Op:
    @augreg.op("acme/dim", number=augreg.Option("0.5", "0.25"))
    def dim(xp: Any, number: str) -> augreg.PixelFunction:
        """Darkens."""
        return augreg.PixelFunction(make(constant(number)))

    return dim


def _dim(op: augreg.Op, number: str) -> Policy:
    step = {"op": "acme/dim", "number": number}
    return augreg.load_policy({"version": 1, "augment": [step], **BYTES}, registry=with_ops(op))


def _half(xp: Any, planes: Any) -> Any:
    return tuple(plane * 0.5 for plane in planes)


def _quarter(xp: Any, planes: Any) -> Any:
    return tuple(plane * 0.25 for plane in planes)


HOLDERS = {
    "code": ({0.5: _half, 0.25: _quarter}.get, float),
    "closure": (_held, float),
    "array in a closure": (_held, np.float32),
    "default": (_default, float),
    "partial": (lambda number: functools.partial(_scaled, number=number), float),
}


@pytest.mark.parametrize("name", list(HOLDERS))
def test_what_a_function_holds_is_structure(name: str, kept: Kept) -> None:
    op = _op(*HOLDERS[name])
    for number in ("0.5", "0.25", "0.5"):
        kept.agrees(_dim(op, number))

    assert kept.compiled == 2


def test_what_can_not_be_told_apart_is_left_to_the_reference(kept: Kept) -> None:
    kept(_dim(_op(Scale), "0.5"))

    assert kept.by_reference
    assert kept.compiled == 0


def _by_tensorflow(number: float) -> Any:
    def function(xp: Any, planes: Any) -> Any:
        return tuple(
            plane * number if xp.name == "numpy" else tf.multiply(plane, number) for plane in planes
        )

    return function


def test_a_function_that_calls_tensorflow_is_traced(kept: Kept) -> None:
    op = _op(_by_tensorflow)
    kept.agrees(_dim(op, "0.5"))
    kept.agrees(_dim(op, "0.25"))

    assert kept.compiled == 2


def _failing(number: float) -> Any:
    def function(xp: Any, planes: Any) -> Any:
        raise ZeroDivisionError(number)

    return function


def test_a_function_that_fails_is_left_to_the_reference_and_tried_once(kept: Kept) -> None:
    for _ in range(2):
        kept(_dim(_op(_failing), "0.5"))

    assert kept.by_reference
    assert kept.compiled == 1


def test_an_op_that_fails_is_named_with_its_place(kept: Kept) -> None:
    @augreg.op("acme/dim", number=augreg.Range(0.0, 1.0))
    def dim(xp: Any, number: Any) -> Any:
        """Darkens."""
        if len(number) > 1:  # not when it is planned
            raise ZeroDivisionError(number)
        return augreg.PixelFunction(_held(0.5))

    steps = [{"op": "invert"}, {"op": "acme/dim", "number": [0, 1]}]
    loaded = augreg.load_policy({"version": 1, "augment": steps}, registry=with_ops(dim))

    with pytest.raises(OpError, match=r'/augment/1.*"acme/dim" raised ZeroDivisionError'):
        kept(loaded)


def test_arguments_that_are_no_batch_are_left_to_the_reference(kept: Kept) -> None:
    @augreg.op("acme/dim")
    def dim(xp: Any) -> Any:
        """Darkens."""
        return augreg.PixelFunction(_scaled, (xp.array([0.5, 0.2, 0.1]),))

    loaded = augreg.load_policy(
        {"version": 1, "augment": [{"op": "acme/dim"}]}, registry=with_ops(dim)
    )
    kept(loaded)

    assert kept.by_reference
