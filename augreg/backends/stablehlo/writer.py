"""The text of a StableHLO module, an operation a line, and the values that its lines name.

The specification is at https://openxla.org/stablehlo/spec. Lines are in MLIR's generic form, which
leaves nothing to a printer's taste.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

DType = np.dtype[Any]
Shape = tuple[int, ...]
Form = tuple[Shape, DType]

_writing: ContextVar[Writer | None] = ContextVar("_writing", default=None)


class Value:
    """What a line makes: an array of a known shape and dtype, whose numbers the module makes.

    It has Python's operators (see `operators`): as of TensorFlow's tensors, `==` compares elements.
    """

    __slots__ = ("dtype", "name", "shape")
    __array_ufunc__ = None  # NumPy's arrays leave operators to this class
    __hash__ = object.__hash__

    def __init__(self, name: str, shape: Shape, dtype: DType) -> None:
        self.name, self.shape, self.dtype = name, shape, dtype

    def __repr__(self) -> str:
        return f"Value({self.name}, {self.dtype.name} {list(self.shape)})"

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no value before the module runs")

    @property
    def form(self) -> Form:
        return self.shape, self.dtype


@dataclass
class _Function:
    """A function that is being written.

    Attributes:
        lines: of the region that is being written.
        defined: what its lines and regions name.
        given: its arguments, by the names that they have where it is called.
        constants: those of the region, and of the regions around it.
    """

    lines: list[str] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    given: dict[str, Value] = field(default_factory=dict)
    constants: list[dict[Any, Value]] = field(default_factory=lambda: [{}])


class Writer:
    """Writes `main`, and the functions that it calls."""

    def __init__(self) -> None:
        self._count = 0
        self._written: list[str] = []
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}  # of constants, by name
        self._now = _Function()

    def argument(self, form: Form) -> Value:
        """A value that a function or a region is given."""
        self._count += 1
        return self._defined(Value(f"%{self._count}", *form))

    def line(
        self,
        operation: str,
        operands: Sequence[Value],
        results: Sequence[Form],
        attributes: str = "",
        regions: Sequence[str] = (),
    ) -> list[Value]:
        """Writes an operation of StableHLO with its regions; what it makes."""
        properties = f" <{{{attributes}}}>" if attributes else ""
        inner = f" ({', '.join(regions)})" if regions else ""
        return self._made(f'"stablehlo.{operation}"', operands, results, properties + inner)

    def constant(self, array: np.ndarray[Any, Any]) -> Value:
        """The array, written once for all who can see the line."""
        key = array.dtype.name, array.shape, array.tobytes()
        for known in self._now.constants:
            if key in known:
                return known[key]
        value = f"value = dense<{_literal(array)}> : {_type(array.shape, array.dtype)}"
        (made,) = self.line("constant", (), [(array.shape, array.dtype)], value)
        self._now.constants[-1][key] = made
        self._arrays[made.name] = array
        return made

    def region(
        self, arguments: Sequence[Form], body: Callable[..., Sequence[Value]]
    ) -> tuple[str, list[Form]]:
        """The text of a region that returns what `body(*arguments)` does, and the forms of that."""
        now = self._now
        outer, now.lines = now.lines, []
        now.constants.append({})
        try:
            given = [self.argument(form) for form in arguments]
            made = list(body(*given))
            now.lines.append(f'"stablehlo.return"({self._names(made)}) : ({_types(made)}) -> ()')
            head = f"^bb0({_head(given)}):\n" if given else ""
            return "{\n" + head + "\n".join(now.lines) + "\n}", [value.form for value in made]
        finally:
            now.lines = outer
            now.constants.pop()

    def apart(self, body: Callable[[], Sequence[Value]]) -> list[Value]:
        """What `body()` makes, in a function of its own, which XLA is told not to inline."""
        outer, self._now = self._now, _Function()
        try:
            made = list(body())
            returned, inner = self._names(made), self._now
        finally:
            self._now = outer
        if not made:
            return made
        given = list(inner.given.values())
        head = ", ".join(f"{_given(i)}: {_type(*value.form)}" for i, value in enumerate(given))
        name = f"@apart_{len(self._written)}"
        self._written.append(_function(f"private {name}", head, inner.lines, returned, made))
        told = ' {mhlo.frontend_attributes = {inlineable = "false"}}'
        return self._made(f"func.call {name}", given, [value.form for value in made], told)

    def module(self, given: Sequence[Value], made: Value) -> str:
        """The whole text, of a function from the values given to the one made."""
        main = _function("public @main", _head(given), self._now.lines, self._name(made), [made])
        return "\n".join(["module @augreg {", *self._written, main, "}"])

    def _made(
        self, operation: str, operands: Sequence[Value], results: Sequence[Form], more: str
    ) -> list[Value]:
        self._count += 1
        base, many = f"%{self._count}", len(results) > 1
        made = [
            self._defined(Value(f"{base}#{i}" if many else base, *form))
            for i, form in enumerate(results)
        ]
        named = f"{base}:{len(results)}" if many else base
        types = f"({_types(operands)}) -> ({_types(made)})"
        line = f"{named} = {operation}({self._names(operands)}){more} : {types}"
        self._now.lines.append(line)
        return made

    def _defined(self, value: Value) -> Value:
        self._now.defined.add(value.name)
        return value

    def _name(self, value: Value) -> str:
        """What the function that is being written calls a value: its caller gives what is not its.

        A constant of the caller's is written again, so that XLA knows it here.
        """
        if value.name in self._now.defined:
            return value.name
        if value.name in self._arrays:
            return self.constant(self._arrays[value.name]).name
        given = self._now.given
        given.setdefault(value.name, value)
        return _given([*given].index(value.name))

    def _names(self, values: Sequence[Value]) -> str:
        return ", ".join(map(self._name, values))


def written(function: Callable[..., Value], arguments: Sequence[Form]) -> tuple[str, Form]:
    """The module that does what `function` does with arrays of these forms, and what it makes."""
    with _new_writer() as made:
        given = [made.argument(form) for form in arguments]
        result = function(*given)
        return made.module(given, result), result.form


def writing() -> bool:
    """Whether a module is being written, in this thread."""
    return _writing.get() is not None


def writer() -> Writer:
    """The writer of the module that is being written."""
    found = _writing.get()
    assert found is not None, "no module is being written"
    return found


@contextmanager
def _new_writer() -> Iterator[Writer]:
    made = Writer()
    token = _writing.set(made)
    try:
        yield made
    finally:
        _writing.reset(token)


def _function(
    name: str, head: str, lines: Sequence[str], returned: str, made: Sequence[Value]
) -> str:
    types = _types(made)
    first, last = f"func.func {name}({head}) -> ({types}) {{", f"return {returned} : {types}"
    return "\n".join([first, *lines, last, "}"])


def _head(values: Sequence[Value]) -> str:
    return ", ".join(f"{value.name}: {_type(*value.form)}" for value in values)


def _given(number: int) -> str:
    return f"%given_{number}"


def _types(values: Sequence[Value]) -> str:
    return ", ".join(_type(*value.form) for value in values)


@lru_cache(1024)
def _type(shape: Shape, dtype: DType) -> str:
    letters = {"b": "i", "i": "i", "u": "ui", "f": "f", "V": "bf"}[dtype.kind]
    bits = 1 if dtype.kind == "b" else 8 * dtype.itemsize
    return f"tensor<{''.join(f'{side}x' for side in shape)}{letters}{bits}>"


def _literal(array: np.ndarray[Any, Any]) -> str:
    """The numbers; of floats the bits, so that none is rounded."""
    digits = 2 * array.dtype.itemsize
    written = str if array.dtype.kind in "iu" else lambda value: str(bool(value)).lower()
    if array.dtype.kind in "fV":
        array, written = array.view(f"u{array.dtype.itemsize}"), f"0x{{:0{digits}X}}".format

    def nested(part: Any) -> str:
        if part.ndim == 0:
            return str(written(part.item()))
        return f"[{', '.join(map(nested, part))}]"

    alike = array.size and (array == array.flat[0]).all()
    return nested(array[(0,) * array.ndim] if alike else array)
