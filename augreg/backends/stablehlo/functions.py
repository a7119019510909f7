"""The functions that kernels are written in, under TensorFlow's names and with its meaning.

Shapes are known while a module is written, so `shape` gives integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from augreg.backends.stablehlo import arrays, control, operators, reductions
from augreg.backends.stablehlo.operators import binary, unary

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "TensorArray": control.tensor_array,
    "abs": unary("abs"),
    "apart": control.apart,
    "argsort": reductions.argsort,
    "bitcast": arrays.bitcast,
    "bitwise_and": operators.bitwise_and,
    "bitwise_or": operators.bitwise_or,
    "bitwise_xor": operators.bitwise_xor,
    "broadcast_to": arrays.broadcast_to,
    "cast": arrays.cast,
    "clip_by_value": operators.clip_by_value,
    "concat": arrays.concat,
    "cond": control.cond,
    "constant": arrays.constant,
    "convert_to_tensor": arrays.convert_to_tensor,
    "cos": unary("cosine"),
    "cumsum": reductions.cumsum,
    "ensure_shape": arrays.ensure_shape,
    "equal": operators.equal,
    "exp": unary("exponential"),
    "floor": operators.floor,
    "floormod": operators.floormod,
    "gather": control.gather,
    "is_tensor": arrays.is_tensor,
    "left_shift": binary("shift_left"),
    "log": unary("log"),
    "matmul": reductions.matmul,
    "maximum": operators.maximum,
    "minimum": operators.minimum,
    "not_equal": operators.not_equal,
    "ones_like": arrays.ones_like,
    "pad": arrays.pad,
    "pow": operators.power,
    "range": arrays.counted,
    "reduce_all": reductions.reduce_all,
    "reduce_any": reductions.reduce_any,
    "reduce_max": reductions.reduce_max,
    "reduce_mean": reductions.reduce_mean,
    "reduce_min": reductions.reduce_min,
    "reduce_sum": reductions.reduce_sum,
    "reshape": arrays.reshape,
    "right_shift": operators.right_shift,
    "round": unary("round_nearest_even"),
    "shape": arrays.shape,
    "sin": unary("sine"),
    "slice": arrays.sliced,
    "split": arrays.split,
    "sqrt": unary("sqrt"),
    "stack": arrays.stack,
    "switch_case": control.switch_case,
    "tan": unary("tan"),
    "transpose": arrays.transpose,
    "unsorted_segment_sum": reductions.unsorted_segment_sum,
    "unstack": arrays.unstack,
    "where": operators.where,
    "while_loop": control.while_loop,
    "zeros": arrays.zeros,
    "zeros_like": arrays.zeros_like,
}
