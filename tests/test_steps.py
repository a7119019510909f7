"""Numbered work: which samples a step holds follows from its number, whoever reads them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tensorflow as tf
from samples import noise, policy

import augreg
from augreg import Indexed
from augreg.dataset.indexed import behind, in_order
from augreg.errors import DataError
from augreg.sources import open_source
from augreg.sources.records import Part, reader

SIZE = 130  # more than a permutation that is sorted, and not a multiple of the batch
IMAGES, LABELS = noise(SIZE, 6, 7, 3), np.arange(SIZE)
ARRAYS = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
PREPARE = {"version": 1, "prepare": [{"op": "resize", "height": 4, "width": 4}]}
ONLY = ("prepare",)


def _batches(ds, batch_size=32, **options):
    options = {"seed": 5, "shuffle": True, "epochs": 2, "sections": ONLY, **options}
    made = augreg.augment_dataset(ds, options.pop("policy", PREPARE), batch_size, **options)
    found = list(made.as_numpy_iterator())
    assert len(made) == len(found)
    return found


def _assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


# --- random access instead of a buffer


@pytest.mark.parametrize("size", [5, 23, 64, SIZE])
@pytest.mark.parametrize("options", [{}, {"first_batch": 1, "first_epoch": 3}], ids=["", "resumed"])
def test_random_access_gives_the_sequence_of_a_buffer(size, options):
    ds = ARRAYS.take(size)
    arrays = tf.data.Dataset.from_tensor_slices((IMAGES[:size], LABELS[:size]))
    assert behind(arrays) is not None
    assert behind(ds) is None  # a buffer holds all of it

    for last in ({}, {"drop_remainder": True}):
        _assert_same(_batches(arrays, **options, **last), _batches(ds, **options, **last))


def test_first_batch_reads_no_more_than_it_needs():
    read = []

    def element(i):
        tf.py_function(lambda n: read.append(int(n)), [i], [])
        return tf.gather(tf.constant(IMAGES[:, :4, :4]), i), i

    source = Indexed(SIZE, element)
    for ds in (source, in_order(source)):
        del read[:]
        made = augreg.augment_dataset(ds, PREPARE, 4, shuffle=True, epochs=1, sections=ONLY)
        options = tf.data.Options()
        options.autotune.enabled = False  # which reads ahead as memory allows
        next(iter(made.with_options(options)))
        assert 4 <= len(read) < SIZE / 2


def test_ragged_and_empty_arrays_are_read_as_before():
    ragged = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1], [2, 3]]))
    empty = tf.data.Dataset.from_tensor_slices((IMAGES[:0], LABELS[:0]))

    assert behind(ragged) is None
    assert behind(empty) is None
    assert _batches(empty) == []


def test_folder_is_shuffled_without_reading_it(tmp_path):
    for label in "ab":
        for split in ("train", "validation", "test"):
            (tmp_path / split / label).mkdir(parents=True)
            for i in range(3):
                png = tf.io.encode_png(noise(1, 5, 5, 3)[0]).numpy()
                (tmp_path / split / label / f"{i}.png").write_bytes(png)
    ds = open_source(f"folder:{tmp_path}").splits["train"].dataset

    assert behind(ds).size == len(ds) == 6
    _assert_same(_batches(ds, 4), _batches(ds.map(lambda *pair: pair), 4))


# --- numbers and shards


@pytest.mark.parametrize("ds", [ARRAYS, ARRAYS.take(SIZE)], ids=["random access", "in order"])
def test_numbers_name_every_sample_of_a_batch(ds):
    plain = _batches(ds, first_epoch=2, first_batch=3)
    numbered = _batches(ds, first_epoch=2, first_batch=3, numbered=True)

    _assert_same([element for _, element in numbered], plain)
    for number, (numbers, (_, labels)) in enumerate(numbered, start=2 * 5 + 3):
        assert numbers["step"] == number
        assert numbers["epoch"] == number // 5
        np.testing.assert_array_equal(numbers["index"], labels)


@pytest.mark.parametrize("batch_size", [2, 32])
def test_shards_of_a_batch_are_its_rows_in_order(batch_size):
    whole = _batches(ARRAYS, batch_size)
    shards = [_batches(ARRAYS, batch_size, shard=(i, 3)) for i in range(3)]

    for step, (images, labels) in enumerate(whole):
        parts = [shard[step] for shard in shards]
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), images)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), labels)
    assert [len(shard[0][1]) for shard in shards] == {2: [1, 1, 0], 32: [11, 11, 10]}[batch_size]


def test_shards_mix_with_partners_of_the_whole_batch():
    mixing = policy({"op": "mixup", "classes": SIZE})
    options = {"policy": mixing, "sections": ("augment",), "epochs": 1, "batch_size": 65}
    whole = _batches(ARRAYS, **options)
    shards = [_batches(ARRAYS, shard=(i, 2), **options) for i in range(2)]

    joined = [
        tuple(map(np.concatenate, zip(*parts, strict=True))) for parts in zip(*shards, strict=True)
    ]
    _assert_same(joined, whole)


@pytest.mark.parametrize(("drop", "length"), [(True, 16), (False, None)])
def test_length_of_a_shard_is_known_where_batches_are_alike(drop, length):
    ds = augreg.augment_dataset(ARRAYS, PREPARE, shard=(1, 2), drop_remainder=drop)

    assert ds.element_spec[0].shape[0] == length


@pytest.mark.parametrize("shard", [1, (1,), (2, 2), (-1, 2), (0.0, 2), [0, 2], (True, 2)])
def test_wrong_shard_is_refused(shard):
    with pytest.raises(ValueError, match=r"shard=.*; allowed is \(i, n\), the i-th of n parts"):
        augreg.augment_dataset(ARRAYS, PREPARE, shard=shard)


def test_shard_of_a_source_without_random_access_is_refused():
    text = r"shard=\(0, 2\) needs random access, which a MapDataset has not; pass tf\.data"
    with pytest.raises(DataError, match=text):
        augreg.augment_dataset(ARRAYS.map(lambda *pair: pair), PREPARE, shard=(0, 2))


# --- records of TFRecord files


def _record_file(path, contents):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in contents:
            writer.write(one)
    return path


def test_records_are_found_at_their_positions(tmp_path):
    contents = [b"x" * n for n in (0, 1, 300_000, 7)]
    first = _record_file(tmp_path / "a", contents)
    second = _record_file(tmp_path / "b", contents[::-1])
    read = reader([Part(first, 1, 2), Part(second, 0, 4)])

    found = tf.data.Dataset.range(6).map(read)
    assert list(found.as_numpy_iterator()) == [*contents[1:3], *contents[::-1]]


@pytest.mark.parametrize("how", ["cut off", "too few", "a length that leads out"])
def test_damaged_record_file_is_named(tmp_path, how):
    path = _record_file(tmp_path / "shard", [b"abc"] * 4)
    raw = path.read_bytes()
    if how == "cut off":
        path.write_bytes(raw[:-5])
    elif how == "too few":
        path.write_bytes(raw[: len(raw) // 2])
    else:
        path.write_bytes(struct.pack("<Q", 10**6) + raw[8:])

    with pytest.raises(DataError, match=r"shard: the file ends before its record \d of 4; it is"):
        reader([Part(path, 0, 4)])
