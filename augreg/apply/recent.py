"""What was made last, for those that want the same soon."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Recent(Generic[K, T]):
    """`make(key)`, kept for the latest keys. Threads that want one at a time share its making.

    What `make` raises is raised for each of them.
    """

    def __init__(self, make: Callable[[K], T], count: int) -> None:
        self._make, self._count = make, count
        self._made: dict[K, Future[T]] = {}  # in the order of their making
        self._lock = Lock()

    def __call__(self, key: K) -> T:
        with self._lock:
            found = self._made.get(key)
            future = found or Future[T]()
            if found is None:
                self._made[key] = future
                while len(self._made) > self._count:
                    del self._made[next(iter(self._made))]
        if found is None:
            try:
                future.set_result(self._make(key))
            except BaseException as error:
                future.set_exception(error)
        return future.result()
