"""`python -m benchmarks.soak`: does memory grow over a million samples, or while plugins fail?

Not part of `python -m benchmarks`, because it measures no speed. Linux only: memory is read from
/proc.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SIDE, BATCH, DISTINCT = 8, 256, 1000
STEPS = [
    {"op": "flip", "p": 0.5},
    {"op": "rotate", "degrees": [-30, 30]},
    {"op": "brightness", "delta": [-0.2, 0.2]},
]
WARM = 0.2  # of a part: what is compiled and cached by then is not growth


def resident() -> float:
    """MiB of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


@dataclass
class Memory:
    """What was resident after how many samples or rounds."""

    sizes: list[tuple[int, float]]

    def growth(self) -> float:
        """MiB between the end of the warm part and the end: means of a fifth of the readings."""
        count = max(1, len(self.sizes) // 5)
        warm = [size for done, size in self.sizes if done >= WARM * self.sizes[-1][0]]
        first, last = warm[:count], warm[-count:]
        return sum(last) / len(last) - sum(first) / len(first)

    def text(self) -> str:
        every = max(1, len(self.sizes) // 10)
        shown = ", ".join(f"{done:,}: {size:.0f}" for done, size in self.sizes[::every])
        return f"MiB resident at {shown}"


def samples(count: int, end: float) -> tuple[int, Memory]:
    """Up to `count` small samples through one `augment_dataset`, in epochs, shuffled."""
    import numpy as np
    import tensorflow as tf

    import augreg

    images = np.random.default_rng(0).integers(0, 256, (DISTINCT, SIDE, SIDE, 3), np.uint8)
    labels = np.arange(DISTINCT)
    ds = tf.data.Dataset.from_tensor_slices((images, labels))
    policy = {"version": 1, "augment": STEPS}
    batches = augreg.augment_dataset(
        ds, policy, batch_size=BATCH, seed=7, shuffle=True, epochs=-(-count // DISTINCT)
    )
    done, reading, memory = 0, 0, Memory([])
    for _, numbers in batches:
        done += len(numbers)
        if done >= reading:
            memory.sizes.append((done, resident()))
            reading += max(count // 100, 1)
        if time.monotonic() > end:
            break
    memory.sizes.append((done, resident()))
    return done, memory


# --- plugins that fail ------------------------------------------------------------------------


class _Point:
    """An entry point whose module is made when it is loaded."""

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name, self.load = name, load
        self.dist = type("Dist", (), {"name": f"{name}-ops", "version": "1.0"})


def _points() -> Iterator[tuple[str, _Point]]:
    """Plugins that fail at import, when they are collected, when they are lowered, in pixels."""
    import augreg

    def plugin(name: str, lower: Callable[..., Any], api: int | None = None) -> _Point:
        @augreg.op(f"{name}/op", amount=augreg.Range(0.0, 1.0, default=0.2))
        def made(xp: Any, amount: Any) -> Any:
            """Fails."""
            return lower(xp, amount)

        module = type("Module", (), {"register_ops": augreg.hookimpl(lambda: [made])})
        if api is not None:
            module.AUGREG_API = api  # type: ignore[attr-defined]
        return _Point(name, lambda: module)

    def broken(error: BaseException) -> Callable[..., Any]:
        def load(*_: Any) -> Any:
            raise error

        return load

    def level(xp: Any, value: Any) -> Any:
        return augreg.ColorMap(xp.eye(3), xp.stack([value] * 3, axis=-1))

    yield "raises at import", _Point("acme", broken(RuntimeError("broken")))
    yield "exits at import", _Point("acme", broken(SystemExit(3)))
    yield "another API", plugin("acme", lambda xp, amount: level(xp, amount), api=99)
    yield "raises when it is used", plugin("acme", broken(ValueError("no")))
    yield "returns no element", plugin("acme", lambda xp, amount: amount)
    yield "wrong shape", plugin("acme", lambda xp, amount: augreg.ColorMap(xp.eye(2), xp.eye(2)))
    yield "NaN", plugin("acme", lambda xp, amount: level(xp, xp.log(amount - 2.0)))


def _used(registry: Any, images: Any, debug: bool) -> str:
    """What comes of a policy that uses the failing op: the error's type, or 'pixels'."""
    import augreg

    try:
        policy = augreg.load_policy(
            {"version": 1, "augment": [{"op": "acme/op"}]}, registry=registry
        )
        fn = augreg.map_fn(policy, seed=7, batched=True, debug=debug)
        fn(range(len(images)), images).numpy()
    except Exception as error:  # whatever a plugin raises: the soak counts what came
        return type(error).__name__
    return "pixels"


def plugins(rounds: int, end: float) -> tuple[int, Memory, dict[str, str]]:
    """Plugins that fail in turn, beside the first-party ops, which have to go on the same."""
    from importlib.metadata import entry_points

    import numpy as np

    import augreg
    from augreg.plugin.registry import build

    first = [p for p in entry_points(group="augreg") if p.dist and p.dist.name == "augreg"][:1]
    images = np.random.default_rng(0).integers(0, 256, (16, SIDE, SIDE, 3), np.uint8)
    expected, seen, memory = None, dict[str, str](), Memory([])
    done = 0
    while done < rounds and time.monotonic() < end:
        for kind, point in _points():
            registry = build([*first, point])
            came = _used(registry, images, debug=kind == "NaN")
            if seen.setdefault(kind, came) != came:
                raise SystemExit(f"{kind}: {came} in round {done}, {seen[kind]} before")
            policy = augreg.load_policy({"version": 1, "augment": STEPS}, registry=registry)
            result = augreg.augment(images, policy, seed=7)
            expected = result if expected is None else expected
            if not np.array_equal(result, expected):
                raise SystemExit(f"round {done}: after '{kind}' the other ops give other pixels")
        done += 1
        gc.collect()
        memory.sizes.append((done, resident()))
    return done, memory, seen


def main() -> None:
    """Runs both parts and says what was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200, help="of all the failing plugins")
    parser.add_argument("--seconds", type=float, default=300, help="the most for each part")
    options = parser.parse_args()
    begun = time.monotonic()
    done, memory = samples(options.samples, begun + options.seconds)
    seconds = time.monotonic() - begun
    print(f"{done:,} samples of {SIDE}x{SIDE}x3 in {seconds:.0f} s: {memory.growth():+.1f} MiB")
    print(f"  {memory.text()}", flush=True)
    begun = time.monotonic()
    rounds, memory, seen = plugins(options.rounds, begun + options.seconds)
    print(f"{rounds} rounds of {len(seen)} failing plugins: {memory.growth():+.1f} MiB")
    print(f"  {memory.text()}")
    for kind, came in seen.items():
        print(f"  {kind}: {came}")


if __name__ == "__main__":
    main()
