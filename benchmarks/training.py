"""Where to put the augmentation: one training step of the tutorial's CNN, placed every way."""

from collections.abc import Callable
from typing import Any

from rich.console import Console

from benchmarks import machine, work
from benchmarks.measure import Runner, Skipped, interleave
from benchmarks.peers import Source
from benchmarks.peers.keras_layers import stack
from benchmarks.peers.ours import SEED, load
from benchmarks.peers.placement import dataset, stepped
from benchmarks.report import show_plain
from benchmarks.results import spread, summarize

CASE = work.Case("full", 180)
CLASSES = 5


def _labelled(source: Source) -> Any:
    """(uint8 [H,W,3], int64 label) from memory; labels are made up, as only time counts here."""
    import tensorflow as tf

    counted = tf.data.Dataset.zip((dataset(source), tf.data.Dataset.counter()))
    return counted.map(lambda image, at: (image, at % CLASSES))


def model(first: list[Any], xla: bool, raw: bool) -> Any:
    """The tutorial's CNN behind the layers `first`; raw: uint8 images come in, not floats."""
    import keras
    from keras import layers

    body = [
        part
        for filters in (16, 32, 64)
        for part in (
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
        )
    ]
    side = CASE.size
    made = keras.Sequential(
        [
            keras.Input((side, side, 3), dtype="uint8" if raw else "float32"),
            *first,
            *body,
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(optimizer="adam", loss=loss, metrics=["accuracy"], jit_compile=xla)
    return made


def _steps(trained: Any, batched: Any) -> Runner:
    """A runner of training steps, the ones that `fit` would take."""
    iterator = iter(batched.prefetch(2))
    trained.make_train_function()
    return stepped(lambda: trained.train_function(iterator))


def _batched(source: Source) -> Any:
    return _labelled(source).batch(CASE.batch, drop_remainder=True)


def _none(source: Source, xla: bool) -> Runner:
    """No augmentation: only the rescaling that the model needs anyway."""
    import tensorflow as tf

    def scale(images: Any, labels: Any) -> Any:
        return tf.cast(images, tf.float32) * (1 / 255), labels

    scaled = _batched(source).map(scale, num_parallel_calls=tf.data.AUTOTUNE)
    return _steps(model([], xla, raw=False), scaled)


def _in_data(source: Source, xla: bool) -> Runner:
    policy = load(CASE)
    import augreg

    made = augreg.augment_dataset(
        _labelled(source), policy, batch_size=CASE.batch, seed=SEED, training=True
    )
    return _steps(model([], xla, raw=False), made)


def _in_model(source: Source, xla: bool) -> Runner:
    policy = load(CASE)
    import augreg

    layer = augreg.AugmentationLayer(policy, seed=SEED)
    return _steps(model([layer], xla, raw=True), _batched(source))


def _keras_in_data(source: Source) -> Runner:
    import tensorflow as tf

    layers = stack(CASE.policy)

    def augment(images: Any, labels: Any) -> Any:
        return layers(images, training=True), labels

    mapped = _batched(source).map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return _steps(model([], False, raw=False), mapped)


def _keras_in_model(source: Source) -> Runner:
    """Keras turns XLA off for a model with such a layer, so there is no entry with it."""
    return _steps(model(stack(CASE.policy).layers, False, raw=True), _batched(source))


PLACES: dict[str, tuple[str, Callable[[Source], Runner]]] = {
    "none": ("no augmentation", lambda source: _none(source, False)),
    "none_xla": ("no augmentation, XLA model", lambda source: _none(source, True)),
    "augreg": ("augreg in tf.data", lambda source: _in_data(source, False)),
    "augreg_data_xla": ("augreg in tf.data, XLA model", lambda source: _in_data(source, True)),
    "augreg_model": ("augreg layer in the model", lambda source: _in_model(source, False)),
    "augreg_model_xla": ("augreg layer in an XLA model", lambda source: _in_model(source, True)),
    "keras_data": ("Keras layers in tf.data", _keras_in_data),
    "keras_model": ("Keras layers in the model", _keras_in_model),
}


def run(quick: bool, console: Console) -> dict[str, Any]:
    """All placements of `full`, interleaved."""
    source = Source(CASE, work.images(CASE))
    runners: dict[str, Runner] = {}
    skipped: dict[str, str] = {}
    for name, (_, make) in PLACES.items():
        try:
            runner = make(source)
            runner.sample()
            runners[name] = runner
        except Skipped as reason:
            skipped[name] = str(reason)
        except Exception as error:
            # As in `speed`: who breaks is in the table, and the others still run.
            skipped[name] = f"FAILED: {type(error).__name__}: {error}"[:500]
    turns = interleave(runners, 3 if quick else 7, 0.5, CASE.batch)
    for runner in runners.values():
        runner.close()
    titles = {name: title for name, (title, _) in PLACES.items()}
    entries = summarize(turns, titles, skipped, floor="none")
    for entry in entries:
        if entry["name"] in turns:
            steps = [1e3 * CASE.batch / turn.rate for turn in turns[entry["name"]]]
            entry["step_ms"] = spread(steps)
    found = {"kind": "training", "machine": machine.describe(), "contestants": entries}
    show_plain("a training step of the tutorial's CNN, full", HEADERS, rows(found), console)
    for name, why in skipped.items():
        console.print(f"  {titles[name]}: {why}", style="dim", markup=False)
    return found


HEADERS = ("placement of full", "ms/step", "spread", "images/s", "cores", "× no augmentation")


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Fastest first: ms a step of 32 images, images a second, and the time over `none`'s."""
    measured = [entry for entry in found["contestants"] if "skipped" not in entry]
    measured.sort(key=lambda entry: entry["microseconds"])
    return [
        [
            entry["title"],
            f"{entry['step_ms']['median']:.1f}",
            f"{entry['step_ms']['min']:.1f}-{entry['step_ms']['max']:.1f}",
            f"{entry['images_per_second']['median']:,.0f}",
            f"{entry['cores']['median']:.1f}",
            f"{entry['floors']['median']:.2f}x" if "floors" in entry else "",
        ]
        for entry in measured
    ]
