"""Outputs that several workers make at a time, in the order of their tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby, islice
from threading import Event
from typing import TypeVar

from augreg.apply.renderer import Made, Opened, Renderer, Task
from augreg.lower.sampled import Drawn

_TOGETHER = 4  # copies of an image that one worker makes
_AT_ONCE = 32  # outputs whose draws are worked out together

_Asked = tuple[Task, Drawn, Future[Made]]
T = TypeVar("T")


def in_order(
    tasks: Iterator[Task],
    workers: int,
    renderer: Callable[[], Renderer],
    make: Callable[[Task, Drawn, Opened], Made],
) -> Iterator[tuple[Task, Future[Made]]]:
    """Each task with its output, or with what was raised instead.

    Whoever asks for no more of them waits for those only that a worker is at.

    Args:
        renderer: gives the one that draws and opens; asked only once there is a task.
        make: an output of a task, its draws and its image; called in workers.
    """
    ended = Event()

    def make_all(group: list[_Asked]) -> None:
        opened = None
        for task, drawn, future in group:
            if ended.is_set():
                return
            try:
                opened = opened or renderer().open(task)
                future.set_result(make(task, drawn, opened))
            except BaseException as error:
                future.set_exception(error)

    pool = ThreadPoolExecutor(max_workers=workers)
    ahead = deque[_Asked]()
    try:
        for group in _groups(tasks, renderer):
            ahead.extend(group)
            pool.submit(make_all, group)
            while len(ahead) >= _TOGETHER * workers:
                task, _, future = ahead.popleft()
                yield task, future
        for task, _, future in ahead:
            yield task, future
    finally:
        ended.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _groups(tasks: Iterator[Task], renderer: Callable[[], Renderer]) -> Iterator[list[_Asked]]:
    """Tasks that one worker does: copies of an image, which has to be opened for them."""
    for some in _batched(tasks, _AT_ONCE):
        asked = zip(some, renderer().drawn(some), (Future[Made]() for _ in some), strict=True)
        for _, copies in groupby(asked, lambda one: one[0].index):
            yield from _batched(copies, _TOGETHER)


def _batched(items: Iterator[T], count: int) -> Iterator[list[T]]:
    """Lists of so many of them, the last of the rest."""
    while some := list(islice(items, count)):
        yield some
