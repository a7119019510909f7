"""End to end: JPEG files at their own sizes, read, decoded, resized to 180, augmented, batched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine, work
from benchmarks.goals import FILE_GOALS, file_rows
from benchmarks.measure import Runner, Turn, interleave
from benchmarks.peers.keras_layers import stack
from benchmarks.peers.placement import pulled
from benchmarks.peers.tf_image import tutorial as tutorial_tf_image
from benchmarks.report import show_plain, times
from benchmarks.results import spread, summarize
from benchmarks.speed import Settings

SIDE, BATCH, FLOOR = work.BASE, 32, "decode_resize"


def listed(folder: Path) -> Any:
    """Paths and labels of `folder/**/label/*.jpg`, shuffled once, without end in practice."""
    import numpy as np
    import tensorflow as tf

    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        raise SystemExit(f"{folder}: no .jpg files there; name a folder of them with --data")
    order = np.random.default_rng(0).permutation(len(paths))
    names = sorted({path.parent.name for path in paths})
    labels = [names.index(paths[i].parent.name) for i in order]
    shuffled = [str(paths[i]) for i in order]
    return tf.data.Dataset.from_tensor_slices((shuffled, labels)).repeat(1_000_000)


def _decoded(path: Any, label: Any) -> Any:
    import tensorflow as tf

    return tf.io.decode_jpeg(tf.io.read_file(path), channels=3), label


def _resize_and_rescale(image: Any, label: Any) -> Any:
    """The tutorial's function of this name."""
    import tensorflow as tf

    image = tf.image.resize(tf.cast(image, tf.float32), [SIDE, SIDE])
    return image / 255.0, label


def plain(folder: Path) -> Any:
    """Read, decode, resize, rescale: what is there without augmentation, as (image, label)."""
    import tensorflow as tf

    images = listed(folder).map(_decoded, num_parallel_calls=tf.data.AUTOTUNE)
    return images.map(_resize_and_rescale, num_parallel_calls=tf.data.AUTOTUNE)


def _baseline(folder: Path) -> Runner:
    return pulled(plain(folder).batch(BATCH, drop_remainder=True).prefetch(2))


def _keras(folder: Path, policy: str) -> Runner:
    """The tutorial's `prepare`: its Keras layers, or more of them, on batches."""
    import keras
    import tensorflow as tf

    # `_resize_and_rescale` has rescaled already, so without the stack's own Rescaling.
    augmentation = keras.Sequential(stack(policy).layers[1:])

    def augment(images: Any, labels: Any) -> Any:
        return augmentation(images, training=True), labels

    batches = plain(folder).batch(BATCH, drop_remainder=True)
    return pulled(batches.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2))


def _tf_image(folder: Path) -> Runner:
    import tensorflow as tf

    def augment(sample: Any, seed: Any) -> Any:
        image, label = _resize_and_rescale(*sample)
        return tutorial_tf_image(image, seed, SIDE), label

    counter = tf.data.Dataset.counter()
    images = listed(folder).map(_decoded, num_parallel_calls=tf.data.AUTOTUNE)
    seeded = tf.data.Dataset.zip((images, tf.data.Dataset.zip((counter, counter))))
    mapped = seeded.map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return pulled(mapped.batch(BATCH, drop_remainder=True).prefetch(2))


def _ours(folder: Path, policy: str | None) -> Runner:
    """Encoded bytes into `augment_dataset`: decoding and resizing are part of the plan."""
    import tensorflow as tf

    import augreg

    def read(path: Any, label: Any) -> Any:
        return tf.io.read_file(path), label

    resize = {"op": "resize", "height": SIDE, "width": SIDE}
    steps = work.policy(policy)["augment"] if policy else []
    loaded = augreg.load_policy({"version": 1, "prepare": [resize], "augment": steps})
    encoded = listed(folder).map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return pulled(augreg.augment_dataset(encoded, loaded, batch_size=BATCH, seed=7, training=True))


CONTESTANTS: dict[str, tuple[str, Callable[[Path], Runner]]] = {
    FLOOR: ("read, decode, resize only", _baseline),
    "augreg_resize": ("augreg, resize only", lambda folder: _ours(folder, None)),
    "augreg_tutorial": (
        "augreg, tutorial (Keras)",
        lambda folder: _ours(folder, "tutorial_keras"),
    ),
    "tutorial": ("the tutorial's own code, Keras", lambda folder: _keras(folder, "tutorial_keras")),
    "augreg_tf_image": (
        "augreg, tutorial (tf.image)",
        lambda folder: _ours(folder, "tutorial_tf_image"),
    ),
    "tutorial_tf_image": ("the tutorial's own code, tf.image", _tf_image),
    "augreg_full": ("augreg, full", lambda folder: _ours(folder, "full")),
    "keras_full": ("Keras layers, full", lambda folder: _keras(folder, "full")),
}


def _share(turns: dict[str, list[Turn]], ours: str, other: str) -> dict[str, float] | None:
    """The rate of one over that of another, round by round."""
    if ours not in turns or other not in turns:
        return None
    pairs = zip(turns[ours], turns[other], strict=True)
    return spread([mine.rate / theirs.rate for mine, theirs in pairs])


def run(
    settings: Settings, folder: Path, console: Console, only: tuple[str, ...] = ()
) -> dict[str, Any]:
    """All of them, interleaved; `share` is the rate over that of reading and resizing alone."""
    unknown = set(only) - set(CONTESTANTS)
    if unknown:
        raise SystemExit(f"no contestant {', '.join(unknown)}; there are: {', '.join(CONTESTANTS)}")
    runners: dict[str, Runner] = {}
    skipped: dict[str, str] = {}
    for name, (_, make) in CONTESTANTS.items():
        if only and name not in only:
            continue
        try:
            runner = make(folder)
            runner.sample()
            runners[name] = runner
        except Exception as error:
            # As in `speed`: who breaks is in the table, and the others still run.
            skipped[name] = f"FAILED: {type(error).__name__}: {error}"[:500]
    turns = interleave(runners, settings.rounds, settings.seconds, BATCH)
    for runner in runners.values():
        runner.close()
    titles = {n: t for n, (t, _) in CONTESTANTS.items() if n in turns or n in skipped}
    entries = summarize(turns, titles, skipped, floor=FLOOR)
    for entry in entries:
        entry["share"] = _share(turns, entry["name"], FLOOR)
    found = {
        "kind": "files",
        "machine": machine.describe(),
        "files": len(list(folder.rglob("*.jpg"))),
        "rounds": settings.rounds,
        "contestants": entries,
        "pairs": [_share(turns, ours, other) for ours, other, _ in FILE_GOALS],
    }
    show(found, console)
    return found


HEADERS = ("end to end from JPEG files", "images/s", "spread", "cores", "of reading alone")


def rows(found: dict[str, Any]) -> list[list[str]]:
    """The table's lines, fastest first."""
    measured = [entry for entry in found["contestants"] if "skipped" not in entry]
    measured.sort(key=lambda entry: -entry["images_per_second"]["median"])
    return [
        [
            entry["title"],
            f"{entry['images_per_second']['median']:,.0f}",
            f"{entry['images_per_second']['min']:,.0f}-{entry['images_per_second']['max']:,.0f}",
            f"{entry['cores']['median']:.1f}",
            times(entry["share"]),
        ]
        for entry in measured
    ]


def show(found: dict[str, Any], console: Console) -> None:
    """Print the table and who was skipped."""
    show_plain(f"{found['files']} files, to {SIDE}x{SIDE}", HEADERS, rows(found), console)
    for entry in found["contestants"]:
        if "skipped" in entry:
            console.print(f"  {entry['title']}: {entry['skipped']}", style="dim", markup=False)
    lines = file_rows(found)
    if lines:
        show_plain("goals", ("policy", "against", "goal", "measured", ""), lines, console)
