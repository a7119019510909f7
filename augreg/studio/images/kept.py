"""What was read or made, kept as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The values that were asked for last, of so many bytes altogether; threads may share it."""

    def __init__(self, room: int, size_of: Callable[[Value], int]) -> None:
        self._room, self._size_of = room, size_of
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._taken, self._lock = 0, Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made where it is not there; one that is too large is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            if key in self._values:  # another thread was faster: all get the same object
                return self._values[key]
            self._values[key] = value
            self._taken += self._size_of(value)
            while self._taken > self._room:
                self._taken -= self._size_of(self._values.popitem(last=False)[1])
        return value
