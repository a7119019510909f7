"""`augreg apply`: photographs to PNG files, beside encoding the same pixels alone on all cores."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tensorflow as tf

import augreg
from augreg.apply.run import Report, apply_folder
from augreg.apply.settings import ApplyOptions
from augreg.images.png import encode_png
from benchmarks import work
from benchmarks.files import RESIZE, SIDE
from benchmarks.measure import Runner
from benchmarks.race import Contestant, race, ratio

COPIES, IMAGES = 4, 50
KINDS = {"own": ("at their own sizes", []), "resized": (f"resized to {SIDE}×{SIDE}", [RESIZE])}
_tensorflow = tf.function(
    lambda image: tf.io.encode_png(image, compression=1),
    input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
)
ENCODERS = {
    "encode": ("TensorFlow's", lambda image: _tensorflow(image).numpy()),
    "ours": ("augreg's", lambda image: encode_png(image.numpy())),
}
_NUMBERS = count()


def _made(kind: str, photographs: Path) -> Path:
    """A new folder of outputs. It stays: a file system is slow for a while after files went."""
    steps = {"prepare": KINDS[kind][1], "augment": work.policy("full")["augment"]}
    policy = augreg.load_policy({"version": 1, **steps})
    output = photographs.parent / str(next(_NUMBERS))
    apply_folder(ApplyOptions(policy, photographs, output, copies=COPIES), Report())
    return output


def _apply(kind: str, photographs: Path) -> Runner:
    def run(batches: int) -> None:
        for _ in range(batches):
            _made(kind, photographs)

    return Runner(run, lambda: None)


def _encode(kind: str, encode: Callable[[Any], Any], photographs: Path) -> Runner:
    files = _made(kind, photographs).rglob("*.png")
    images = [tf.io.decode_png(file.read_bytes()) for file in files]
    threads = ThreadPoolExecutor(os.cpu_count())

    def run(batches: int) -> None:
        for _ in range(batches):
            list(threads.map(encode, images))

    return Runner(run, lambda: None, close=threads.shutdown)


def run(settings: work.Settings) -> dict[str, Any]:
    """Both kinds; `share` is the rate over that of encoding alone by TensorFlow, at level 1."""
    entries: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        photographs = Path(folder) / "photographs"
        photographs.mkdir()
        every = sorted(settings.data.rglob("*.jpg"))
        for path in every[:: max(1, len(every) // IMAGES)][:IMAGES]:
            shutil.copy(path, photographs)
        for kind, (where, _) in KINDS.items():
            chosen = [
                Contestant(name, f"{whose} PNGs alone, {where}", partial(_encode, kind, encode))
                for name, (whose, encode) in ENCODERS.items()
            ]
            chosen.append(Contestant("apply", f"apply, full, {where}", partial(_apply, kind)))
            turns, found = race(chosen, photographs, settings, IMAGES * COPIES, floor="encode")
            for entry in found[1:]:
                entry["share"] = ratio(turns, entry["name"], "encode")
            entries += found
    return {"copies": COPIES, "contestants": entries}
