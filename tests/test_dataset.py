"""The tf.data target: order, epochs, shuffling, passing through, checkpoints, and errors."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from samples import graph_of, noise, policy

import augreg
from augreg.annotations.element import Indexed
from augreg.errors import DataError, ImageError, PolicyError
from augreg.plan import SECTIONS

COUNT = 23
IMAGES = noise(COUNT, 12, 10, 3)
DRAWN = [{"op": "flip", "p": 0.5}, {"op": "brightness", "delta": [-0.3, 0.3]}]
RESIZE = {"op": "resize", "height": 8, "width": 8}
POLICY = {"version": 1, "prepare": [RESIZE], "augment": DRAWN}
LIGHT = {"version": 1, "augment": DRAWN}  # batched before anything is done
# All of it in prepare, alone: no XLA, whose compiling would take most of these tests' time.
PREPARE = {"version": 1, "prepare": [RESIZE, *DRAWN]}
ONLY = ("prepare",)


def _source(kind="plain"):
    """The same images: as a dataset, with random access, as PNG files, of unknown length."""
    labels = np.arange(COUNT)
    match kind:
        case "indexed":
            images = tf.constant(IMAGES)
            return Indexed(COUNT, lambda i: (tf.gather(images, i), i))
        case "encoded":
            files = [tf.io.encode_png(image).numpy() for image in IMAGES]
            return tf.data.Dataset.from_tensor_slices((files, labels))
        case "unknown length":
            return tf.data.Dataset.from_tensor_slices((IMAGES, labels)).filter(lambda *_: True)
    return tf.data.Dataset.from_tensor_slices((IMAGES, labels))


KINDS = ["plain", "indexed", "encoded", "unknown length"]


def _run(kind="plain", **options):
    """(images, labels) of each batch."""
    options = {"policy": PREPARE, "sections": ONLY, "batch_size": 8, "seed": 3, **options}
    ds = augreg.augment_dataset(_source(kind), **options)
    return [(x, y.tolist()) for x, y in ds.as_numpy_iterator()]


def _labels(batches):
    return [label for _, labels in batches for label in labels]


def _assert_same(found, expected):
    assert [labels for _, labels in found] == [labels for _, labels in expected]
    for (x, _), (y, _) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x, y)


# --- order and epochs


@pytest.mark.parametrize(
    ("kind", "document"), [(kind, POLICY) for kind in KINDS] + [("plain", LIGHT)]
)
def test_elements_come_in_order_with_the_references_pixels(kind, document):
    batches = _run(kind, policy=document, sections=SECTIONS)

    assert [len(labels) for _, labels in batches] == [8, 8, 7]
    assert _labels(batches) == list(range(COUNT))
    expected = augreg.augment(IMAGES, document, seed=3)
    np.testing.assert_allclose(np.concatenate([x for x, _ in batches]), expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_differ_and_the_same_epoch_does_not(kind):
    batches = _run(kind, epochs=2)
    first, second = batches[:3], batches[3:]

    assert _labels(first) == _labels(second) == list(range(COUNT))
    assert not np.array_equal(first[0][0], second[0][0])
    _assert_same(_run(kind, epochs=2), batches)
    _assert_same(_run(kind, first_epoch=1), second)


def test_iterating_again_replays_the_same_epochs():
    options = {"batch_size": 8, "seed": 3, "shuffle": True, "epochs": 2, "sections": ONLY}
    ds = augreg.augment_dataset(_source(), PREPARE, **options)

    once, twice = ([x for x, _ in ds.as_numpy_iterator()] for _ in range(2))

    for x, y in zip(once, twice, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_no_batch_crosses_an_epoch(kind):
    batches = _run(kind, epochs=3, shuffle=True)

    assert [len(labels) for _, labels in batches] == [8, 8, 7] * 3
    for epoch in range(3):
        assert sorted(_labels(batches[3 * epoch : 3 * epoch + 3])) == list(range(COUNT))


def test_number_of_batches_is_known_where_the_source_is():
    ds = augreg.augment_dataset(_source(), POLICY, batch_size=8, epochs=3, first_batch=1)
    assert int(ds.cardinality()) == 8
    dropped = augreg.augment_dataset(_source(), POLICY, batch_size=8, drop_remainder=True)
    assert int(dropped.cardinality()) == 2
    assert dropped.element_spec[0].shape == (8, 8, 8, 3)
    unknown = augreg.augment_dataset(_source("unknown length"), POLICY)
    assert int(unknown.cardinality()) == tf.data.UNKNOWN_CARDINALITY


@pytest.mark.parametrize(
    "behind",
    [
        lambda ds: ds,
        lambda ds: ds.cache().prefetch(2).with_options(tf.data.Options()),
        lambda ds: ds.prefetch(tf.data.AUTOTUNE).cache(),
    ],
)
@pytest.mark.parametrize("options", [{}, {"drop_remainder": True}, {"num_parallel_calls": 2}])
def test_number_of_batches_is_known_behind_a_batch(behind, options):
    source = behind(_source().batch(5, **options))
    ds = augreg.augment_dataset(source, PREPARE, batch_size=8, sections=ONLY)
    assert len(ds) == len(list(ds)) == 3


@pytest.mark.parametrize(
    "behind",
    [
        lambda ds: ds.take(2),
        lambda ds: ds.filter(lambda *_: True),
        lambda ds: ds.map(lambda *parts: tuple(tf.concat([part, part], 0) for part in parts)),
        lambda ds: ds.repeat(2),
        lambda ds: ds.shuffle(4),
    ],
)
def test_number_of_batches_is_never_guessed(behind):
    source = behind(_source().batch(5))
    ds = augreg.augment_dataset(source, PREPARE, batch_size=8, sections=ONLY)
    count, known = len(list(ds)), int(ds.cardinality())
    assert known in (count, tf.data.UNKNOWN_CARDINALITY)


# --- shuffling


@pytest.mark.parametrize("kind", KINDS)
def test_shuffle_is_a_function_of_seed_and_epoch(kind):
    batches = _run(kind, shuffle=True, epochs=2)
    first, second = _labels(batches[:3]), _labels(batches[3:])

    assert sorted(first) == list(range(COUNT)) != first
    assert first != second
    assert _labels(_run(kind, shuffle=True, seed=4)) != first
    _assert_same(_run(kind, shuffle=True, first_epoch=1), batches[3:])


@pytest.mark.parametrize("kind", KINDS)
def test_shuffling_does_not_change_what_a_sample_becomes(kind):
    expected = augreg.augment(IMAGES, PREPARE, seed=3, sections=ONLY)

    for images, labels in _run(kind, shuffle=True):
        np.testing.assert_array_equal(images, expected[labels])


def test_order_is_the_same_with_and_without_random_access():
    assert _labels(_run("plain", shuffle=True)) == _labels(_run("indexed", shuffle=True))


def test_window_limits_how_far_an_element_moves():
    labels = _labels(_run(shuffle=5))

    assert sorted(labels) == list(range(COUNT)) != labels
    assert all(label - place < 5 for place, label in enumerate(labels))


def test_shuffle_mixes_evenly():
    """No place keeps its element more often than chance, over many epochs."""
    ds = augreg.augment_dataset(
        Indexed(COUNT, lambda i: {"images": tf.zeros((1, 1, 3)), "i": i}),
        {"version": 1, "augment": [{"op": "clip"}]},
        batch_size=COUNT,
        shuffle=True,
        epochs=200,
    )
    orders = np.stack([batch["i"] for batch in ds.as_numpy_iterator()])
    stays = (orders == np.arange(COUNT)).mean()
    assert 0.5 / COUNT < stays < 1.6 / COUNT
    assert len({tuple(order) for order in orders}) == 200


@pytest.mark.parametrize("options", [{}, {"epochs": 1}, {"training": False}])
@pytest.mark.parametrize("shuffle", [False, True, 5])
def test_one_epoch_does_not_hold_the_decoder_twice(shuffle, options):
    """What an epoch's function calls is optimized as a part of it, and by itself once more."""
    source = _source("encoded").map(lambda image, label: (image, label))  # read in its order
    ds = augreg.augment_dataset(source, POLICY, 8, shuffle=shuffle, **options)
    graph = graph_of(ds)
    called = {f.signature.name: _functions(f.node_def) for f in graph.library.function}
    decoders = {
        function.signature.name
        for function in graph.library.function
        if any(node.op == "DecodeJpeg" for node in function.node_def)
    }

    reached = new = _functions(node for node in graph.node if node.op == "FlatMapDataset")
    while new:
        new = set().union(*(called[name] for name in new)) - reached
        reached |= new
    assert decoders and reached and not decoders & reached


def _functions(nodes):
    attributes = [value for node in nodes for value in node.attr.values()]
    functions = [f for value in attributes for f in (value.func, *value.list.func)]
    return {function.name for function in functions if function.name}


# --- resuming


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_first_epoch_and_first_batch_resume(kind, shuffle):
    whole = _run(kind, epochs=3, shuffle=shuffle)

    _assert_same(_run(kind, epochs=2, first_epoch=1, first_batch=2, shuffle=shuffle), whole[5:])
    _assert_same(_run(kind, epochs=1, first_epoch=2, first_batch=1, shuffle=shuffle), whole[7:])


def test_policy_that_prepares_nothing_resumes_too():
    options = {"policy": LIGHT, "sections": SECTIONS, "epochs": 2}

    _assert_same(_run(first_batch=2, **options), _run(**options)[2:])


def test_first_batch_at_the_end_of_an_epoch_goes_on_with_the_next():
    _assert_same(_run(epochs=2, first_batch=3), _run(epochs=2)[3:])


@pytest.mark.parametrize(
    ("kind", "document", "sections", "shuffle"),
    [
        *((kind, PREPARE, ONLY, shuffle) for kind in KINDS for shuffle in (False, True)),
        ("plain", LIGHT, SECTIONS, False),  # XLA inside of the map
        ("encoded", POLICY, SECTIONS, True),
    ],
)
def test_iterator_saved_in_mid_epoch_continues_identically(
    kind, document, sections, shuffle, tmp_path
):
    options = {"batch_size": 8, "seed": 3, "epochs": 2, "shuffle": shuffle, "sections": sections}

    def fresh():
        return iter(augreg.augment_dataset(_source(kind), document, **options))

    running = fresh()
    for _ in range(2):
        next(running)
    saved = tf.train.Checkpoint(iterator=running).save(str(tmp_path / "it"))
    rest = [(x.numpy(), y.numpy().tolist()) for x, y in running]
    assert len(rest) == 4

    again = fresh()
    tf.train.Checkpoint(iterator=again).restore(saved)

    _assert_same([(x.numpy(), y.numpy().tolist()) for x, y in again], rest)


def test_map_fn_in_a_pipeline_of_ones_own_can_be_checkpointed(tmp_path):
    fn = augreg.map_fn(LIGHT, seed=3)

    def fresh():
        ds = _source().enumerate().map(fn, num_parallel_calls=tf.data.AUTOTUNE)
        return iter(ds.batch(4).prefetch(2))

    running = fresh()
    next(running)
    saved = tf.train.Checkpoint(iterator=running).save(str(tmp_path / "it"))
    again = fresh()
    tf.train.Checkpoint(iterator=again).restore(saved)

    np.testing.assert_array_equal(next(again)[0], next(running)[0])


# --- what passes through


ELEMENTS = {
    "image": (IMAGES,),
    "pair": (IMAGES, np.arange(COUNT, dtype=np.int16)),
    "weighted": (IMAGES, np.arange(COUNT, dtype=np.int64), np.ones(COUNT, np.float16)),
    "dict": {
        "images": IMAGES,
        "labels": np.eye(COUNT, dtype=np.uint8),
        "name": np.array([f"é{i}" for i in range(COUNT)]),
        "extra": {"deep": np.arange(COUNT, dtype=np.float64)},
    },
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("form", list(ELEMENTS))
def test_all_but_the_image_passes_through_with_its_dtype(form, shuffle):
    given = ELEMENTS[form][0] if form == "image" else ELEMENTS[form]
    ds = tf.data.Dataset.from_tensor_slices(given)

    options = {"batch_size": COUNT, "seed": 3, "shuffle": shuffle, "sections": ONLY}
    done = augreg.augment_dataset(ds, PREPARE, **options)

    (batch,) = done.as_numpy_iterator()
    parts, originals = tf.nest.flatten(batch), tf.nest.flatten(given)
    tf.nest.assert_same_structure(batch, given)
    expected = augreg.augment(IMAGES, PREPARE, seed=3, sections=ONLY).astype(int)
    at = next(i for i, part in enumerate(originals) if part is IMAGES)
    order = [int(np.abs(expected - image).sum((1, 2, 3)).argmin()) for image in parts[at]]
    assert sorted(order) == list(range(COUNT))
    for i, (part, original) in enumerate(zip(parts, originals, strict=True)):
        if i == at:
            continue
        if original.dtype.kind == "U":
            original = np.array([name.encode() for name in original], object)
        assert part.dtype == original.dtype
        np.testing.assert_array_equal(part, original[order])


def test_light_policy_passes_everything_through_too():
    ds = tf.data.Dataset.from_tensor_slices(ELEMENTS["dict"])

    (batch,) = augreg.augment_dataset(ds, LIGHT, COUNT, seed=3).as_numpy_iterator()

    np.testing.assert_array_equal(batch["labels"], ELEMENTS["dict"]["labels"])
    assert batch["extra"]["deep"].dtype == np.float64
    np.testing.assert_allclose(batch["images"], augreg.augment(IMAGES, LIGHT, seed=3), atol=1e-6)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({"image": 0, "label": 1}, 'needs the key "images"; found "image", "label"'),
        ((0, 1, 2, 3), "an element of 4 parts; allowed are an image"),
    ],
)
def test_element_of_another_form_is_refused(element, message):
    fn = augreg.map_fn(LIGHT)

    with pytest.raises(DataError, match=message):
        fn(0, element)


def test_sections_may_be_left_to_a_layer():
    ds = augreg.augment_dataset(_source(), POLICY, batch_size=COUNT, sections=("prepare",))
    ((images, _),) = ds.as_numpy_iterator()

    assert images.dtype == np.uint8
    expected = augreg.augment(IMAGES, POLICY, seed=0, sections=("prepare",))
    np.testing.assert_array_equal(images, expected)


def test_float_images_of_another_range():
    ds = tf.data.Dataset.from_tensor_slices(IMAGES.astype(np.float32))
    for document in (POLICY, LIGHT):
        done = augreg.augment_dataset(ds, document, COUNT, seed=3, input_range=(0, 255))
        expected = augreg.augment(IMAGES.astype(np.float32), document, seed=3, input_range=(0, 255))
        np.testing.assert_allclose(next(done.as_numpy_iterator()), expected, atol=1e-5)


def test_prepare_alone_brings_floats_to_their_range_where_a_policy_prepares_nothing():
    ds = tf.data.Dataset.from_tensor_slices(IMAGES.astype(np.float32))
    for shuffle in (False, True):
        options = {"sections": ONLY, "input_range": (0, 255), "shuffle": shuffle}
        (found,) = augreg.augment_dataset(ds, LIGHT, COUNT, **options).as_numpy_iterator()
        np.testing.assert_allclose(np.sort(found, 0), np.sort(IMAGES / 255, 0), atol=1e-6)


def test_a_file_is_decoded_alike_with_and_without_annotations():
    photo = tf.io.encode_jpeg(noise(80, 96, 3))
    resize = {"op": "resize", "height": 20, "width": 24, "decode": "scaled"}
    fn = augreg.map_fn({"version": 1, "prepare": [resize]}, sections=ONLY)
    points = tf.constant([[3.5, 7.5]])
    alone, beside = fn(0, {"images": photo}), fn(0, {"images": photo, "keypoints": points})
    np.testing.assert_array_equal(beside["images"], alone["images"])
    np.testing.assert_allclose(beside["keypoints"], [[0.5, 1.5]], atol=1e-5)
    full = augreg.map_fn({"version": 1, "prepare": [{**resize, "decode": "full"}]}, sections=ONLY)
    assert np.abs(full(0, photo).numpy().astype(int) - alone["images"].numpy()).max() > 3


def test_images_of_varying_size_are_prepared_before_they_are_batched():
    sides = [9, 12, 15, 40]
    images = [noise(side, side + 3, 3) for side in sides]
    ds = tf.data.Dataset.from_generator(
        lambda: iter(images), output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )

    (found,) = augreg.augment_dataset(ds, POLICY, seed=3, shuffle=False).as_numpy_iterator()

    expected = [augreg.augment(x, POLICY, seed=3, index=[i]) for i, x in enumerate(images)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


# --- map_fn


def test_epoch_of_a_call_counts_before_that_of_the_constructor():
    fn = augreg.map_fn(LIGHT, seed=3, batched=True, epoch=5)
    index = np.arange(COUNT)
    expected = [augreg.augment(IMAGES, LIGHT, seed=3, epoch=epoch) for epoch in (5, 6)]

    np.testing.assert_allclose(fn(index, IMAGES), expected[0], atol=1e-6)
    np.testing.assert_allclose(fn(index, IMAGES, 6), expected[1], atol=1e-6)
    np.testing.assert_allclose(fn(index, IMAGES, epoch=tf.constant(6)), expected[1], atol=1e-6)
    drawn = augreg.map_fn(LIGHT, seed=3, batched=True, epoch=tf.constant(6, tf.int64))
    np.testing.assert_allclose(drawn(index, IMAGES), expected[1], atol=1e-6)


def test_variable_epoch_needs_no_new_pipeline():
    epoch = tf.Variable(0, dtype=tf.int64)
    fn = augreg.map_fn(LIGHT, seed=3)
    ds = _source().enumerate().map(lambda i, e: fn(i, e, epoch)).batch(COUNT)

    for value in (0, 4):
        epoch.assign(value)
        ((images, _),) = ds.as_numpy_iterator()
        np.testing.assert_allclose(
            images, augreg.augment(IMAGES, LIGHT, seed=3, epoch=value), atol=1e-6
        )


@pytest.mark.parametrize("name", ["seed", "epoch"])
@pytest.mark.parametrize("value", [-1, 2**32, 1.5, "1"])
def test_number_outside_of_uint32_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} has to be (in 0 to 4294967295|an integer)"):
        augreg.map_fn(LIGHT, **{name: value})


def test_index_outside_of_uint32_is_refused():
    fn = augreg.map_fn(LIGHT)

    with pytest.raises(ValueError, match="index has to be in 0 to 4294967295"):
        fn(2**32, IMAGES[0])


def test_empty_batch_stays_empty():
    fn = augreg.map_fn(LIGHT, batched=True)
    run = tf.function(
        fn,
        input_signature=[
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([None, 12, 10, 3], tf.uint8),
        ],
    )

    assert run(tf.zeros([0], tf.int64), IMAGES[:0]).shape == (0, 12, 10, 3)


# --- errors


def test_policy_error_keeps_its_type_inside_map(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"version": 1,\n "augment": [{"op": "crop", "height": 99, "width": 9}]}')
    message = rf"^{path}:2:39 /augment/0/height: a crop height of 99 is larger than the image"

    with pytest.raises(PolicyError, match=message) as caught:
        augreg.augment_dataset(_source(), path)
    with pytest.raises(PolicyError, match=message):
        augreg.augment_dataset(_source(), path, shuffle=True)
    assert caught.value.pointer == "/augment/0/height"
    with pytest.raises(PolicyError, match=message):
        _source().enumerate().map(augreg.map_fn(path))
    with pytest.raises(PolicyError, match="unknown op"):
        augreg.augment_dataset(_source(), {"version": 1, "augment": [{"op": "flop"}]})


def test_crop_that_only_the_data_shows_to_be_too_large_names_the_step():
    loaded = policy({"op": "crop", "height": 10, "width": 10, "position": "center"})
    ds = tf.data.Dataset.from_generator(
        lambda: iter([IMAGES[0], IMAGES[0][:9]]),
        output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
    )
    batches = iter(ds.enumerate().map(augreg.map_fn(loaded)))

    assert next(batches).shape == (10, 10, 3)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"/augment/0.*reaches beyond an image"
    ):
        next(batches)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros(4, np.uint8), "images of the shape"),
        (np.zeros((4, 4, 5), np.uint8), "one image of 5 channels, which is written"),
        (np.zeros((4, 4, 3), np.int32), "images of dtype int32"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    ds = tf.data.Dataset.from_tensors(image).enumerate()

    with pytest.raises(ImageError, match=message):
        ds.map(augreg.map_fn(LIGHT))


def test_encoded_images_are_decoded_one_by_one():
    fn = augreg.map_fn(LIGHT, batched=True)

    with pytest.raises(DataError, match="decoded one by one: use batched=False"):
        fn(np.arange(1), tf.io.encode_png(IMAGES[0])[tf.newaxis])


def test_unknown_section_is_refused():
    with pytest.raises(ValueError, match="unknown sections"):
        augreg.augment_dataset(_source(), LIGHT, sections=("prepare", "augmnt"))


def test_index_in_a_tensor_counts_modulo_2_to_the_32():
    fn = augreg.map_fn({"version": 1, "augment": [{"op": "brightness", "delta": [0, 0.9]}]})
    image = tf.zeros((2, 2, 3))
    small, large = (fn(tf.constant(i, tf.int64), image) for i in (5, 2**32 + 5))
    np.testing.assert_array_equal(small, large)
    with pytest.raises(ValueError, match="index has to be in 0 to 4294967295, found 4294967301"):
        fn(2**32 + 5, image)
