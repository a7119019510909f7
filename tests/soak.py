"""`python tests/soak.py`: does memory grow over a million samples, or while plugins fail?

pytest does not run it: it takes minutes, and its figures are for people to judge.
"""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import tensorflow as tf
import typer

import augreg
from augreg.plugin.registry import build

SIDE, BATCH, DISTINCT = 8, 256, 1000
STEPS = [
    {"op": "flip", "p": 0.5},
    {"op": "rotate", "degrees": [-30, 30]},
    {"op": "brightness", "delta": [-0.2, 0.2]},
]
POLICY = {"version": 1, "augment": STEPS}
FAILING = {"version": 1, "augment": [{"op": "acme/op"}]}
WARM = 0.2  # of a part: what is compiled and cached by then is not growth


@dataclass
class Memory:
    """MiB resident after how many samples or rounds."""

    sizes: list[tuple[int, float]] = field(default_factory=list)

    def read(self, done: int) -> None:
        self.sizes.append((done, psutil.Process().memory_info().rss / 2**20))

    def growth(self) -> float:
        """MiB between the end of the warm part and the end: means of a fifth of the readings."""
        count = max(1, len(self.sizes) // 5)
        warm = [size for done, size in self.sizes if done >= WARM * self.sizes[-1][0]]
        first, last = warm[:count], warm[-count:]
        return sum(last) / len(last) - sum(first) / len(first)

    def say(self, what: str) -> None:
        every = max(1, len(self.sizes) // 10)
        shown = ", ".join(f"{done:,}: {size:.0f}" for done, size in self.sizes[::every])
        done, _ = self.sizes[-1]
        print(
            f"{done:,} {what}: {self.growth():+.1f} MiB\n  MiB resident at {shown}",
            flush=True,
        )


def run_samples(count: int, end: float) -> Memory:
    """Up to `count` small samples through one `augment_dataset`, in epochs, shuffled."""
    images = np.random.default_rng(0).integers(0, 256, (DISTINCT, SIDE, SIDE, 3), np.uint8)
    labels = np.arange(DISTINCT)
    ds = tf.data.Dataset.from_tensor_slices((images, labels))
    batches = augreg.augment_dataset(
        ds, POLICY, batch_size=BATCH, seed=7, shuffle=True, epochs=-(-count // DISTINCT)
    )
    done, reading, memory = 0, 0, Memory()
    for _, numbers in batches:
        done += len(numbers)
        if done >= reading:
            memory.read(done)
            reading += max(count // 100, 1)
        if time.monotonic() > end:
            break
    memory.read(done)
    return memory


# --- plugins that fail ------------------------------------------------------------------------


def _point(load: Callable[[], Any]) -> Any:
    """An entry point whose module is made when it is loaded."""
    dist = SimpleNamespace(name="acme-ops", version="1.0")
    return SimpleNamespace(name="acme", load=load, dist=dist)


def _points() -> Iterator[tuple[str, Any]]:
    """Plugins that fail at import, when they are collected, when they are lowered, in pixels."""

    def plugin(lower: Callable[..., Any], **attributes: Any) -> Any:
        @augreg.op("acme/op", amount=augreg.Range(0.0, 1.0, default=0.2))
        def made(xp: Any, amount: Any) -> Any:
            """Fails."""
            return lower(xp, amount)

        hook = augreg.hookimpl(lambda: [made])
        return _point(lambda: SimpleNamespace(register_ops=hook, **attributes))

    def broken(error: BaseException) -> Callable[..., Any]:
        def load(*_: Any) -> Any:
            raise error

        return load

    def level(xp: Any, value: Any) -> Any:
        return augreg.ColorMap(xp.eye(3), xp.stack([value] * 3, axis=-1))

    yield "raises at import", _point(broken(RuntimeError("broken")))
    yield "exits at import", _point(broken(SystemExit(3)))
    yield "another API", plugin(lambda xp, amount: level(xp, amount), AUGREG_API=99)
    yield "raises when it is used", plugin(broken(ValueError("no")))
    yield "returns no transform", plugin(lambda xp, amount: amount)
    yield "wrong shape", plugin(lambda xp, amount: augreg.ColorMap(xp.eye(2), xp.eye(2)))
    yield "NaN", plugin(lambda xp, amount: level(xp, xp.log(amount - 2.0)))


def _used(registry: Any, images: Any, debug: bool) -> str:
    """What comes of a policy that uses the failing op: the error's type, or 'pixels'."""
    try:
        policy = augreg.load_policy(FAILING, registry=registry)
        fn = augreg.map_fn(policy, seed=7, batched=True, debug=debug)
        fn(range(len(images)), images).numpy()
    except Exception as error:  # whatever a plugin raises: the soak counts what came
        return type(error).__name__
    return "pixels"


def run_plugins(rounds: int, end: float) -> tuple[Memory, dict[str, str]]:
    """Plugins that fail in turn, beside the first-party ops, which have to go on the same."""
    first = [p for p in entry_points(group="augreg") if p.dist and p.dist.name == "augreg"][:1]
    images = np.random.default_rng(0).integers(0, 256, (16, SIDE, SIDE, 3), np.uint8)
    memory, seen = Memory(), dict[str, str]()
    expected = augreg.augment(images, POLICY, seed=7)
    for done in range(rounds):
        for kind, point in _points():
            registry = build([*first, point])
            came = _used(registry, images, debug=kind == "NaN")
            if seen.setdefault(kind, came) != came:
                raise SystemExit(f"{kind}: {came} in round {done}, {seen[kind]} before")
            policy = augreg.load_policy(POLICY, registry=registry)
            if not np.array_equal(augreg.augment(images, policy, seed=7), expected):
                raise SystemExit(f"round {done}: after '{kind}' the other ops give other pixels")
        gc.collect()
        memory.read(done + 1)
        if time.monotonic() > end:
            break
    return memory, seen


def main(samples: int = 1_000_000, rounds: int = 200, seconds: float = 300) -> None:
    """Does memory grow over many samples, or in rounds of all the failing plugins?

    Each part ends after SECONDS at the latest.
    """
    begun = time.monotonic()
    memory = run_samples(samples, begun + seconds)
    spent = time.monotonic() - begun
    memory.say(f"samples of {SIDE}x{SIDE}x3 in {spent:.0f} s")
    memory, seen = run_plugins(rounds, time.monotonic() + seconds)
    memory.say(f"rounds of {len(seen)} failing plugins")
    for kind, came in seen.items():
        print(f"  {kind}: {came}")


if __name__ == "__main__":
    typer.run(main)
