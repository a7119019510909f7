"""What XLA has to be told: what it must keep apart, which branch to take, which samples to do.

A choice among operations gives each to a few samples of a batch. What costs little is done for all
and selected; a warp, a window or a histogram is done in a loop over the samples that need it, of
which XLA learns the number at run time. The loop writes into its buffers in place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import tensorflow as tf

from augreg.backends.stablehlo.writer import writing
from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.arrays import map_tensors, tensors_of, with_tensors

PlaneTuple = tuple[tf.Tensor, ...]
Keep = Callable[[Callable[[], Any]], Any]  # as `Scope.barrier`
T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """What kernels have to know of their surroundings.

    Attributes:
        predicate: bool [B], what barriers hang on; None outside of XLA.
        single: the batch is one image, so that what it does not take part in can be skipped.
        exact: a stage to come has steps, so that warps keep to floats.
        last: no kernel follows.
    """

    predicate: tf.Tensor | None
    single: bool = False
    exact: bool = False
    last: bool = True

    @property
    def xla(self) -> bool:
        return self.predicate is not None

    def barrier(self, compute: Callable[[], T]) -> T:
        """`compute()` behind the predicate, so that XLA does not recompute it in its consumers.

        The predicate is always true, but XLA can't know: a conditional is not fused into what
        follows, where an `optimization_barrier` was. Outside of XLA there is nothing to keep apart.
        """
        predicate = self.predicate
        if predicate is None:
            return compute()
        if writing():
            return _apart(compute)
        batch = tf.shape(predicate)[0]
        made: list[Any] = []  # the true branch is traced first and leaves its form here

        def tensors() -> list[tf.Tensor]:
            made.append(compute())
            return tensors_of(made[0])

        def zeros() -> list[tf.Tensor]:
            forms = [(tuple(x.shape), x.dtype) for x in tensors_of(made[0])]
            shapes = {shape: [batch if s is None else s for s in shape] for shape, _ in forms}
            each = {form: tf.zeros(shapes[form[0]], form[1]) for form in forms}
            return [each[form] for form in forms]

        branch = tf.cast(~tf.reduce_any(predicate), tf.int32)
        kept = switch(branch, [tensors, zeros], predicate)
        return cast("T", with_tensors(made[0], kept))

    def map_active(
        self, active: tf.Tensor | None, planes: PlaneTuple, arguments: Any, compute: Any
    ) -> PlaneTuple:
        """`compute(planes, arguments)` for the samples where `active` holds; the others stay.

        Args:
            active: bool [B] or [1]; None for all.
            planes: [B,H,W] each, of a static size; `compute` keeps size and number.
            arguments: tensors with a leading dimension of B or 1, in dataclasses, lists and tuples.
        """
        if self.xla and self.single:
            if active is None:
                return tuple(compute(planes, arguments))
            done = [lambda: list(compute(planes, arguments)), lambda: list(planes)]
            return tuple(switch(ops.cast(~active[0], tf.int32), done, self.predicate))
        return _in_loop(
            ops.constant([True]) if active is None else active, planes, arguments, compute
        )


def _apart(compute: Callable[[], T]) -> T:
    made: list[T] = []

    def tensors() -> list[Any]:
        made.append(compute())
        return tensors_of(made[0])

    values = ops.apart(tensors)  # which fills `made`
    return cast("T", with_tensors(made[0], values))


def switch(
    chosen: tf.Tensor, branches: Sequence[Callable[[], list[tf.Tensor]]], predicate: tf.Tensor
) -> list[tf.Tensor]:
    """What the branch that `chosen` (int32 scalar) numbers makes; XLA does no other.

    XLA turns a conditional of elementwise operations, slices and sums into a select and fuses it,
    draws and all, into every pixel of what follows: minutes of compilation. It leaves a conditional
    alone that holds a loop whose result is used; so the first branch adds a zero that only a loop
    of one turn shows.
    """

    def looped(branch: Callable[[], list[tf.Tensor]]) -> list[tf.Tensor]:
        values = branch()
        zero = _zero if writing() else _TRACED_ZERO
        return [_plus(values[0], zero(predicate)), *values[1:]] if values else []

    traced = [functools.partial(looped, branches[0]), *branches[1:]]
    if len(traced) == 2:
        return list(tf.nest.flatten(ops.cond(ops.equal(chosen, 0), *traced)))
    return list(tf.nest.flatten(ops.switch_case(chosen, traced)))


def _zero(predicate: tf.Tensor) -> tf.Tensor:
    """0, which only a loop shows."""
    turns = ops.reduce_max(ops.cast(predicate, tf.int32))
    return ops.while_loop(lambda i: i < turns, lambda i: [i + 1], [ops.constant(0)])[0] - turns


# traced once for all programs
_TRACED_ZERO = tf.function(_zero, [tf.TensorSpec([None], tf.bool)], autograph=False)


def _plus(value: tf.Tensor, zero: tf.Tensor) -> tf.Tensor:
    if value.dtype == tf.bool:
        return value | (zero > 0)
    return value + ops.cast(zero, value.dtype)


def at_run_time(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The values, in a way that they are known when a program runs and not before.

    TensorFlow compiles a program anew for each number that a slice begins at, where that comes from
    the program's arguments alone: for each sample that is drawn. What a loop made does not.
    """
    if writing():
        return values
    drawn = {i: value for i, value in enumerate(values) if tf.get_static_value(value) is None}
    if not drawn:
        return values
    zeros = [tf.zeros(tf.shape(value), value.dtype) for value in drawn.values()]
    _, *made = tf.while_loop(
        lambda turn, *_: turn < 1, lambda turn, *_: [turn + 1, *drawn.values()], [0, *zeros]
    )
    later = dict(zip(drawn, made, strict=True))
    return [later.get(i, value) for i, value in enumerate(values)]


def opaque_true(index: tf.Tensor) -> tf.Tensor:
    """bool [B], all true in a way that only the data shows: what barriers hang on."""
    return ops.not_equal(ops.bitwise_or(index, ops.constant(1, index.dtype)), 0)


def _in_loop(active: tf.Tensor, planes: PlaneTuple, arguments: Any, compute: Any) -> PlaneTuple:
    """`Scope.map_active` of a batch."""
    batch = ops.shape(planes[0])[0]
    active = ops.broadcast_to(active, (batch,))
    order = ops.argsort(ops.cast(~active, tf.int32), stable=True)
    count = ops.reduce_sum(ops.cast(active, tf.int32))
    buffers = [
        ops.TensorArray(
            plane.dtype, size=batch, element_shape=plane.shape[1:], clear_after_read=False
        ).unstack(plane)
        for plane in planes
    ]

    def one(i: tf.Tensor, buffers: list[Any]) -> tuple[tf.Tensor, list[Any]]:
        b = order[i]
        mine = tuple(buffer.read(b)[tf.newaxis] for buffer in buffers)
        made = compute(mine, row(arguments, b))
        written = [buffer.write(b, new[0]) for buffer, new in zip(buffers, made, strict=True)]
        return i + 1, written

    _, after = ops.while_loop(lambda i, _: i < count, one, (ops.constant(0), buffers))
    return tuple(
        ops.ensure_shape(buffer.stack(), plane.shape)
        for buffer, plane in zip(after, planes, strict=True)
    )


def row(values: T, b: tf.Tensor) -> T:
    """Sample `b` of all tensors [B,...] in `values`, as [1,...]; what is [1,...] is every sample's.

    values: tensors, in dataclasses, dicts, lists and tuples.
    """
    which = ops.reshape(b, (1,))
    return cast("T", map_tensors(lambda x: x if x.shape[0] == 1 else ops.gather(x, which), values))
