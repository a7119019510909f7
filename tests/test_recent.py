"""What was made last is made once, also for threads that want it at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from augreg.apply.recent import Recent
from augreg.errors import ImageError


def test_threads_that_want_one_key_at_a_time_share_its_making() -> None:
    made, here = [], Barrier(4)

    def make(key: str) -> object:
        made.append(key)
        return object()

    recent = Recent(make, 2)

    def want(_: int) -> object:
        here.wait()
        return recent("a")

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(want, range(4)))
    assert made == ["a"]
    assert all(result is results[0] for result in results)


def test_only_the_latest_keys_are_kept() -> None:
    made = []
    recent = Recent(made.append, 2)
    for key in ("a", "b", "a", "c", "b", "a"):
        recent(key)
    assert made == ["a", "b", "c", "a"]


def test_what_fails_fails_for_every_one_that_wants_it() -> None:
    tries = []

    def make(key: str) -> None:
        tries.append(key)
        raise ImageError(f"{key}: damaged")

    recent = Recent(make, 2)
    for _ in range(2):
        with pytest.raises(ImageError, match=r"^a\.jpg: damaged"):
            recent("a.jpg")
    assert tries == ["a.jpg"]
