"""The Keras target: Keras 3's habits, saving and exporting, and what it draws without an index."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy, with_ops

import augreg
from augreg.errors import ImageError, PluginError, PolicyError
from augreg.plugin.registry import default_registry

IMAGES = noise(7, 12, 12, 3)
AUGMENT = [{"op": "flip", "p": 0.5}, {"op": "brightness", "delta": [-0.3, 0.3]}]
POLICY = {"version": 1, "augment": AUGMENT}
PREPARED = {
    "version": 1,
    "prepare": {
        "train": [{"op": "resized_crop", "height": 8, "width": 8}],
        "eval": [{"op": "resize", "height": 8, "width": 8}],
    },
    "augment": AUGMENT,
    "output": {"range": [-1, 1]},
}


def _expected(document, images=IMAGES, **options):
    return augreg.augment(images, document, **{"seed": 7, **options})


def _layer(document=POLICY, **options):
    return augreg.AugmentationLayer(document, seed=7, **options)


# --- what it draws


def test_index_and_epoch_give_the_pixels_of_tf_data():
    index = np.array([5, 2**32 - 1, 3, 0, 9, 8, 7])

    found = _layer()(IMAGES, training=True, index=index, epoch=4)

    np.testing.assert_allclose(found, _expected(POLICY, index=index, epoch=4), atol=1e-6)
    tensors = _layer()(IMAGES, training=True, index=tf.constant(index), epoch=tf.constant(4))
    np.testing.assert_array_equal(tensors, found)


def test_without_index_samples_count_up_from_the_first():
    layer = _layer()
    first, second = layer(IMAGES[:4], training=True), layer(IMAGES[4:], training=True)

    np.testing.assert_allclose(
        np.concatenate([first, second]), _expected(POLICY, index=np.arange(7)), atol=1e-6
    )
    again = _layer()
    np.testing.assert_array_equal(again(IMAGES[:4], training=True), first)


def test_inference_and_given_indices_do_not_count():
    layer = _layer()
    layer(IMAGES, training=False)
    layer(IMAGES, training=True, index=np.arange(7))

    np.testing.assert_allclose(layer(IMAGES, training=True), _expected(POLICY), atol=1e-6)


def test_training_is_off_unless_said():
    plain = IMAGES * np.float32(1 / 255)

    for options in ({}, {"training": None}, {"training": False}):
        np.testing.assert_allclose(_layer()(IMAGES, **options), plain, atol=1e-7)
    model = keras.Sequential([keras.Input((12, 12, 3), dtype="uint8"), _layer()])
    np.testing.assert_allclose(model(IMAGES), plain, atol=1e-7)
    np.testing.assert_allclose(model(IMAGES, training=True), _expected(POLICY), atol=1e-6)


def test_inference_does_prepare_eval_and_output():
    np.testing.assert_allclose(
        _layer(PREPARED)(IMAGES), _expected(PREPARED, training=False), atol=1e-5
    )


def test_one_image_is_a_batch_of_one():
    layer = _layer()

    found = [layer(image, training=True) for image in IMAGES[:3]]

    np.testing.assert_allclose(found, _expected(POLICY)[:3], atol=1e-6)
    alone = layer(IMAGES[0], training=True, index=5, epoch=2)
    expected = _expected(POLICY, IMAGES[0], index=5, epoch=2)
    np.testing.assert_allclose(alone, expected, atol=1e-6)


def test_sections_leave_prepare_to_a_data_set():
    layer = _layer(PREPARED, sections=("augment", "output"))
    prepared = _expected(PREPARED, sections=("prepare",))

    found = layer(prepared, training=True, index=np.arange(7))

    np.testing.assert_allclose(found, _expected(PREPARED), atol=1e-5)


def test_float_images_mean_what_input_range_says():
    layer = _layer(input_range=(-1, 1))
    images = IMAGES.astype(np.float32) / 127.5 - 1

    found = layer(images, training=True, index=np.arange(7))

    np.testing.assert_allclose(found, _expected(POLICY), atol=1e-5)


# --- shapes and dtypes


@pytest.mark.parametrize(
    ("document", "shape", "expected"),
    [
        (POLICY, (None, 12, 10, 3), (None, 12, 10, 3)),
        (POLICY, (4, None, None, 3), (4, None, None, 3)),
        (POLICY, (12, 10, 1), (12, 10, 1)),
        (PREPARED, (None, None, None, 3), (None, 8, 8, 3)),
        ({"version": 1, "augment": [{"op": "rot90"}]}, (2, 5, 9, 3), (2, None, None, 3)),
        ({"version": 1, "augment": [{"op": "rot90"}]}, (2, 9, 9, 3), (2, 9, 9, 3)),
        ({"version": 1, "prepare": [{"op": "rot90"}]}, (2, 5, 9, 3), (2, 9, 5, 3)),
        (
            {"version": 1, "augment": [{"op": "grayscale", "channels": 1}]},
            (2, 5, 9, 3),
            (2, 5, 9, None),
        ),
        (
            {"version": 1, "augment": [{"op": "crop", "height": 4, "width": 9}]},
            (2, 5, 9, 3),
            (2, None, 9, 3),
        ),
    ],
)
def test_output_shape_is_what_training_and_inference_agree_on(document, shape, expected):
    layer = _layer(document)

    assert layer.compute_output_shape(shape) == expected
    spec = layer.compute_output_spec(keras.KerasTensor(shape, dtype="uint8"))
    assert spec.shape == expected


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "uint8"])
def test_output_spec_has_the_policys_dtype(dtype):
    document = {**POLICY, "output": {"dtype": dtype}}
    images = keras.Input((12, 12, 3), dtype="uint8")

    result = _layer(document)(images)
    found = _layer(document)(IMAGES, training=True)

    assert result.dtype == dtype
    assert found.dtype == dtype
    expected = _expected(document).astype(np.float32)
    np.testing.assert_allclose(np.asarray(found).astype(np.float32), expected, rtol=2**-7)


def test_without_output_bytes_stay_bytes_only_where_nothing_augments():
    images = keras.KerasTensor((None, 12, 12, 3), dtype="uint8")

    assert _layer(sections=("prepare",)).compute_output_spec(images).dtype == "uint8"
    assert _layer(sections=("prepare", "augment")).compute_output_spec(images).dtype == "float32"


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16"])
def test_sequential_takes_bytes_and_floats(dtype):
    images = IMAGES if dtype == "uint8" else (IMAGES / 255).astype(dtype)
    model = keras.Sequential([keras.Input((12, 12, 3), dtype=dtype), _layer()])

    assert model.output_shape == (None, 12, 12, 3)
    np.testing.assert_allclose(model(images, training=True), _expected(POLICY, images), atol=1e-6)


def test_functional_model_with_an_index():
    images = keras.Input((12, 12, 3), dtype="uint8")
    index = keras.Input((), dtype="int64")
    model = keras.Model([images, index], _layer()(images, index=index))

    found = model([IMAGES, np.arange(7) + 50], training=True)

    np.testing.assert_allclose(found, _expected(POLICY, index=np.arange(7) + 50), atol=1e-6)


def test_mixed_precision_does_not_touch_what_goes_in():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = keras.Sequential(
            [keras.Input((12, 12, 3)), _layer(), keras.layers.Conv2D(2, 3), keras.layers.Flatten()]
        )
        images = (IMAGES / 255).astype(np.float32)
        assert model.layers[0].compute_dtype == "float32"
        found = model.layers[0](images, training=True)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, _expected(POLICY, images), atol=1e-6)
        assert model(images).dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


# --- training


def _classifier(jit_compile, document=POLICY):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3), dtype="uint8"),
            _layer(document),
            keras.layers.Conv2D(2, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=jit_compile)
    return model


def test_fit_under_xla_is_fit_without_it():
    labels = np.arange(7) % 3
    losses = []
    for jit_compile in (True, False):
        model = _classifier(jit_compile)
        history = model.fit(IMAGES, labels, epochs=2, batch_size=4, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
        assert int(model.layers[0].samples_seen) == 14

    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_supports_jit_does_not_turn_xla_off_for_the_model():
    assert _layer().supports_jit
    assert _classifier("auto").supports_jit


def test_layer_has_one_weight_that_is_not_trained():
    layer = _layer()

    assert layer.built
    assert layer.trainable_weights == []
    assert [weight.name for weight in layer.non_trainable_weights] == ["samples_seen"]


# --- saving


def test_config_makes_the_same_layer():
    layer = _layer(PREPARED, input_range=(-1, 1), sections=("prepare", "augment"), name="mine")

    config = layer.get_config()
    again = augreg.AugmentationLayer.from_config(config)

    assert config["policy"] == PREPARED
    assert config["plugins"] == {"augreg": augreg.__version__}
    assert again.get_config() == config
    assert (again.seed, again.name, again.options.input_range) == (7, "mine", (-1.0, 1.0))
    assert again.policy.hash == layer.policy.hash


@pytest.mark.parametrize("name", ["model.keras", "folder"])
def test_saved_model_goes_on_where_it_was(name, tmp_path):
    model = keras.Sequential([keras.Input((12, 12, 3), dtype="uint8"), _layer()])
    model(IMAGES, training=True)
    if name == "folder":
        config, weights = model.get_config(), model.get_weights()
        loaded = keras.Sequential.from_config(config)
        loaded.set_weights(weights)
    else:
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)

    np.testing.assert_allclose(loaded(IMAGES), model(IMAGES), atol=1e-7)
    following = _expected(POLICY, index=np.arange(7, 14))
    np.testing.assert_allclose(loaded(IMAGES, training=True), following, atol=1e-6)


FRESH = """
{imports}
import keras
model = keras.saving.load_model({path!r})
print(type(model.layers[0]).__name__)
"""


@pytest.mark.parametrize(
    "imports", ["from augreg import AugmentationLayer", "import augreg.layer", "import keras"]
)
def test_saved_model_loads_in_a_fresh_process_that_imported_the_layer(tmp_path, imports):
    path = str(tmp_path / "m.keras")
    keras.Sequential([keras.Input((12, 12, 3), dtype="uint8"), _layer()]).save(path)
    command = [sys.executable, "-W", "ignore", "-c", FRESH.format(imports=imports, path=path)]
    root = Path(__file__).parents[1]
    paths = os.pathsep.join([str(root), str(root / "plugins"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    if "layer" in imports.lower():
        assert done.stdout == "AugmentationLayer\n", done.stderr
    else:  # what the documentation says of it has to stay true
        found = done.stdout == "AugmentationLayer\n"  # an older Keras imports what the file names
        assert found or "Could not locate class 'AugmentationLayer'" in done.stderr


def test_export_takes_raw_images_of_any_size_and_prepares_only(tmp_path):
    # what goes in has no known size; prepare.eval fixes it
    model = keras.Sequential(
        [keras.Input((None, None, 3), dtype="uint8"), _layer(PREPARED), keras.layers.Flatten()]
    )
    model.export(tmp_path / "export", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "export")).serve

    for size in ((30, 20), (12, 45)):
        images = noise(2, *size, 3)
        expected = _expected(PREPARED, images, training=False).reshape(2, -1)
        np.testing.assert_allclose(served(images), expected, atol=1e-5)


def test_fault_69_file_that_needs_a_missing_plugin_names_the_wheel(tmp_path, monkeypatch):
    registry = with_ops(_tint)
    monkeypatch.setattr("augreg.policy.loader.default_registry", lambda: registry)
    model = keras.Sequential([keras.Input((12, 12, 3)), _layer(_TINT)])
    model.save(tmp_path / "m.keras")
    monkeypatch.setattr("augreg.policy.loader.default_registry", default_registry)

    with pytest.raises(PluginError) as caught:
        keras.models.load_model(tmp_path / "m.keras")

    assert str(caught.value) == (
        '/augment/0/op: unknown op "acme/tint"; no installed plugin has it: install the wheel '
        'that ships "acme" ops; the layer was saved with: acme-ops 2.5'
    )


def test_file_whose_ops_give_other_pixels_now_is_refused(monkeypatch):
    registry = with_ops(_tint)
    monkeypatch.setattr("augreg.policy.loader.default_registry", lambda: registry)
    config = _layer(_TINT).get_config()
    newer = with_ops(augreg.op("acme/tint", version=2)(_plain))
    monkeypatch.setattr("augreg.policy.loader.default_registry", lambda: newer)

    with pytest.raises(PluginError, match=r"give other pixels than .* \(acme-ops 2.5\); install"):
        augreg.AugmentationLayer.from_config(config)


def _plain(xp):
    """Does nothing."""
    return augreg.ColorMap(xp.eye(3), xp.array([0.0, 0.0, 0.0]))


_tint = augreg.op("acme/tint")(_plain)
_TINT = {"version": 1, "augment": [{"op": "acme/tint"}]}


# --- errors


@pytest.mark.parametrize("how", ["eager", "graph", "functional", "Sequential", "fit", "shape"])
def test_policy_error_reaches_the_caller_as_itself(how):
    layer = _layer({"version": 1, "augment": [{"op": "crop", "height": 99, "width": 9}]})

    def run():
        match how:
            case "eager":
                layer(IMAGES, training=True)
            case "graph":
                tf.function(lambda x: layer(x, training=True), autograph=False)(IMAGES)
            case "functional":
                layer(keras.Input((12, 12, 3)))
            case "Sequential":
                keras.Sequential([keras.Input((12, 12, 3)), layer])
            case "fit":
                model = keras.Sequential([layer])
                model.compile(loss="mse")
                model.fit(IMAGES, IMAGES, verbose=0)
            case "shape":
                layer.compute_output_shape((None, 12, 12, 3))

    with pytest.raises(PolicyError) as caught:
        run()
    assert caught.value.pointer == "/augment/0/height"
    assert str(caught.value).startswith("/augment/0/height: a crop height of 99 is larger than")


def test_wrong_policy_is_refused_by_the_constructor():
    with pytest.raises(PolicyError, match=r'/augment/0/op: unknown op "flop"'):
        _layer({"version": 1, "augment": [{"op": "flop"}]})


@pytest.mark.parametrize("shape", [(12, 12), (12, 12, 12), (2, 0, 12, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ImageError):
        _layer()(np.zeros(shape, np.uint8), training=True)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_seed_outside_of_uint32_is_refused(seed):
    with pytest.raises(ValueError, match="seed has to be"):
        augreg.AugmentationLayer(POLICY, seed=seed)


def test_index_outside_of_uint32_is_refused():
    with pytest.raises(ValueError, match="index has to be in 0 to 4294967295"):
        _layer()(IMAGES[:1], training=True, index=[2**32])


def test_policy_object_is_taken_as_it_is():
    loaded = policy(*AUGMENT)

    assert augreg.AugmentationLayer(loaded).policy is loaded


# --- distribution: two logical CPUs have to be set up before TensorFlow starts


_MIRRORED = """
    import keras, numpy as np, tensorflow as tf, augreg
    from samples import noise

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    images = noise(8, 12, 12, 3)
    document = {"version": 1, "augment": [{"op": "brightness", "delta": [-0.3, 0.3]}]}
    with strategy.scope():
        layer = augreg.AugmentationLayer(document, seed=7)

    def step(x):
        return layer(x, training=True)

    ds = strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensor_slices(images).repeat(2).batch(8))
    run = tf.function(lambda x: strategy.run(step, (x,)))
    found = [np.concatenate(strategy.experimental_local_results(run(x))) for x in ds]
    assert len(found) == 2
    # replica r of 2 sees its j-th sample at 2 j + r
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    for batch, shift in zip(found, (0, 8)):
        expected = augreg.augment(images, document, seed=7, index=np.array(order) + shift)
        np.testing.assert_allclose(batch, expected, atol=1e-6)
    assert layer.samples_seen == 8

    with strategy.scope():
        model = keras.Sequential([keras.Input((12, 12, 3), dtype="uint8"),
            augreg.AugmentationLayer(document, seed=7), keras.layers.Flatten(),
            keras.layers.Dense(3)])
        model.compile("sgd", "mse")
    history = model.fit(images, np.zeros((8, 3)), epochs=2, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    seen = model.layers[0].samples_seen
    assert seen == 8  # two epochs of two batches of two on each replica
    print("agreed")
"""


def test_replicas_draw_samples_of_their_own():
    command = [sys.executable, "-c", textwrap.dedent(_MIRRORED)]
    tests = Path(__file__).parent
    run = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False)

    assert run.stdout.strip().endswith("agreed"), run.stderr[-3000:]
