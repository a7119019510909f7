"""`augreg apply`: photographs to PNG files, beside encoding the same PNGs alone on all cores."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tensorflow as tf

import augreg
from augreg.apply.encoding import PNG
from augreg.apply.run import Report, apply_folder
from augreg.apply.settings import ApplyOptions
from benchmarks import work
from benchmarks.files import RESIZE, SIDE
from benchmarks.measure import Runner
from benchmarks.race import Contestant, race, ratio

COPIES, IMAGES = 4, 50
KINDS = {"own": ("at their own sizes", []), "resized": (f"resized to {SIDE}×{SIDE}", [RESIZE])}


def _maker(kind: str, photographs: Path) -> Callable[[Path], None]:
    steps = {"prepare": KINDS[kind][1], "augment": work.policy("full")["augment"]}
    policy = augreg.load_policy({"version": 1, **steps})
    return lambda output: apply_folder(
        ApplyOptions(policy, photographs, output, copies=COPIES), Report()
    )


def _apply(kind: str, photographs: Path) -> Runner:
    make = _maker(kind, photographs)

    def run(batches: int) -> None:
        for _ in range(batches):
            with TemporaryDirectory() as folder:
                make(Path(folder) / "made")

    return Runner(run, lambda: None)


def _encode(kind: str, photographs: Path) -> Runner:
    with TemporaryDirectory() as folder:
        _maker(kind, photographs)(Path(folder) / "made")
        images = [tf.io.decode_png(file.read_bytes()) for file in Path(folder).rglob("*.png")]
    encode = tf.function(
        lambda image: tf.io.encode_png(image, compression=PNG.level),
        input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
    )
    threads = ThreadPoolExecutor(os.cpu_count())

    def run(batches: int) -> None:
        for _ in range(batches):
            list(threads.map(lambda image: encode(image).numpy(), images))

    return Runner(run, lambda: None, close=threads.shutdown)


def run(settings: work.Settings) -> dict[str, Any]:
    """Both kinds; `share` is the rate over that of encoding alone."""
    entries: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        every = sorted(settings.data.rglob("*.jpg"))
        for path in every[:: max(1, len(every) // IMAGES)][:IMAGES]:
            shutil.copy(path, folder)
        for kind, (where, _) in KINDS.items():
            chosen = [
                Contestant("encode", f"encoding alone, {where}", partial(_encode, kind)),
                Contestant("apply", f"apply, full, {where}", partial(_apply, kind)),
            ]
            turns, found = race(chosen, Path(folder), settings, IMAGES * COPIES, floor="encode")
            found[1]["share"] = ratio(turns, "apply", "encode")
            entries += found
    return {"copies": COPIES, "contestants": entries}
