"""How long one waits: commands, a policy's first batch, another iterator, batches of one image."""

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine, work
from benchmarks.goals import verdict
from benchmarks.race import spread

Figures = dict[str, float]
AGAIN = 5  # iterators started in a process


def _timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def waits(peer: str, policy: str) -> None:
    """Print what a dataset of a policy takes: to build it, to its first batch, and to another's."""
    from benchmarks.peers import Source

    case = work.Case(policy, work.BASE)
    source = Source(case, work.images(case))
    pipeline = importlib.import_module(f"benchmarks.peers.{peer}").pipeline
    _print_waits(lambda: pipeline(source))


def waits_for_files(policy: str, folder: str) -> None:
    """Print the same over JPEG files; "" is TensorFlow's own reading and resizing alone."""
    from benchmarks import files

    place = Path(folder)
    _print_waits(lambda: files.dataset(policy, place) if policy else files.plain(place))


def _print_waits(make: Callable[[], Any]) -> None:
    made: list[Any] = []
    found = {"building": _timed(lambda: made.append(make()))}
    found["first"] = found["building"] + _timed(lambda: next(iter(made[0])))
    again = [_timed(lambda: next(iter(made[0]))) for _ in range(AGAIN)]
    print(json.dumps({**found, "again": statistics.median(again)}))


def small(way: str) -> None:
    """Print the milliseconds an image of `full` takes in small batches, by their size."""
    import tensorflow as tf

    import augreg

    policy, images = work.policy("full"), work.images(work.Case("full", work.BASE))
    layer = augreg.AugmentationLayer(policy, seed=7)
    function = augreg.map_fn(policy, seed=7, batched=True)
    call: Callable[..., Any] = {
        "layer": lambda index, batch: layer(batch, training=True),
        "eager": function,
        "graph": tf.function(function),
    }[way]
    found = {}
    for size in work.SMALL:
        given = tf.range(size, dtype=tf.int64), tf.constant(images[:size])
        for _ in range(5):
            call(*given)
        turns = [_timed(lambda given=given: call(*given)) for _ in range(640 // size)]
        found[f"batch_{size}"] = 1e3 * statistics.median(turns) / size
    print(json.dumps(found))


def _wall(*arguments: str) -> Figures:
    """Seconds from start to end of a Python process that must succeed."""
    return {"whole": _timed(lambda: machine.output(sys.executable, *arguments))}


def _told(function: str, *arguments: str) -> Figures:
    """What a function of this module prints, in a process of its own, TensorFlow imported."""
    ready = "import gc, tensorflow; gc.collect()"  # 0.2 s, which would fall on what runs next
    code = f"{ready}; from benchmarks import startup; startup.{function}{arguments!r}"
    found: Figures = json.loads(machine.output(sys.executable, "-c", code).splitlines()[-1])
    return found


def _peers() -> dict[str, Callable[[], Figures]]:
    """The waits of each policy, for augreg and, where it has the work, for Keras."""
    ours, keras = ("ours", "augreg"), ("keras_layers", "Keras layers in tf.data")
    peers = dict.fromkeys(("tutorial_keras", "full", "randaugment"), (ours, keras))
    return {
        f"{policy}, {title}": lambda policy=policy, peer=peer: _told("waits", peer, policy)
        for policy, named in {**peers, "aug_mix": (ours,), "random_order": (ours,)}.items()
        for peer, title in named
    }


def _files(folder: Path) -> dict[str, Callable[[], Figures]]:
    """The waits over JPEG files, where there are any."""
    if next(folder.rglob("*.jpg"), None) is None:
        return {}
    return {
        "full, augreg, from JPEG files": lambda: _told("waits_for_files", "full", str(folder)),
        "read, decode, resize only, from files": lambda: _told("waits_for_files", "", str(folder)),
    }


# What is timed, how, and the most that it may take where that was set.
COMMANDS = {
    "python -c pass": lambda: _wall("-c", "pass"),
    "augreg --help": lambda: _wall("-m", "augreg", "--help"),
    "augreg validate": lambda: _wall("-m", "augreg", "validate", str(work.FOLDER / "full.json")),
}
SMALL = {
    "map_fn in a tf.function": lambda: _told("small", "graph"),
    "map_fn, called eagerly": lambda: _told("small", "eager"),
    "AugmentationLayer, called eagerly": lambda: _told("small", "layer"),
}
MOST: dict[str, tuple[str, float]] = {
    "augreg --help": ("whole", 0.4),
    "augreg validate": ("whole", 0.8),
    "full, augreg": ("first", 1.0),
    "randaugment, augreg": ("first", 2.5),
    "aug_mix, augreg": ("first", 8.0),
    "random_order, augreg": ("first", 8.0),
}


def run(settings: work.Settings) -> dict[str, Any]:
    """Everything in turn, each in a process of its own, without a compilation cache."""
    os.environ["AUGREG_CACHE"] = ""
    parts = {
        "commands": COMMANDS,
        "policies": {**_peers(), **_files(settings.data)},
        "small": SMALL,
    }
    subjects = {name: take for part in parts.values() for name, take in part.items()}
    turns: dict[str, list[Figures]] = {name: [] for name in subjects}
    skipped: dict[str, str] = {}
    for _ in range(settings.rounds):
        for name, take in subjects.items():
            try:
                if name not in skipped:
                    turns[name].append(take())
            except (RuntimeError, OSError) as error:
                skipped[name] = " ".join(str(error).split())[-200:]

    def entry(name: str) -> dict[str, Any]:
        if name in skipped:
            return {"title": name, "skipped": skipped[name]}
        found = {key: spread([turn[key] for turn in turns[name]]) for key in turns[name][0]}
        if name not in MOST:
            return {"title": name, **found}
        key, most = MOST[name]
        kept = verdict(found[key]["median"] <= most)
        return {"title": name, **found, "most": most, "verdict": kept}

    made = {part: [entry(name) for name in names] for part, names in parts.items()}
    for line in made["small"]:
        if "skipped" not in line:
            line["single"] = line["batch_1"]["median"] / line["batch_32"]["median"]
    return made
