"""Datasets of tensorflow-datasets (TFDS) as sources. Their images come through encoded."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np
import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.dataset.indexed import behind, with_access
from augreg.dataset.maps import plain_map
from augreg.errors import DataError, suggest
from augreg.paths import elsewhere
from augreg.sources.checking import (
    Candidate,
    Verdict,
    check_all,
    check_bad_images,
    decoding_notes,
    require_splits,
)
from augreg.sources.openers import AnyPath, Reading, forms
from augreg.sources.records import Part, reader
from augreg.sources.source import Source, Split

_VALIDATION = ("validation", "val", "valid", "dev")


def open_tfds(spec: str, reading: Reading) -> Source:
    """Opens a TFDS dataset by name. See `augreg.sources.open_source`."""
    builder = _find_builder(spec, reading.data_dir)
    _prepare(builder, spec, reading.manual_dir)
    image, label = _features(builder, spec)
    class_names = tuple(builder.info.features[label].names)
    slices, notes = _slices(spec, list(builder.info.splits))
    datasets = {name: _read(builder, part, image, label) for name, part in slices.items()}
    verdicts = {
        name: list(_verdicts(name, dataset, len(class_names), reading.max_pixels))
        for name, dataset in datasets.items()
        if reading.verify
    }
    everything = [verdict for part in verdicts.values() for verdict in part]
    bad = check_bad_images(spec, everything, reading.max_bad)
    splits = {
        name: _split(datasets[name], builder.info.splits[part].num_examples, verdicts.get(name, []))
        for name, part in slices.items()
    }
    fix = "prepare it again, or choose another dataset"
    require_splits(spec, class_names, {name: part.size for name, part in splits.items()}, fix)
    return Source(spec, class_names, splits, bad, (*notes, *decoding_notes(everything)))


def _find_builder(spec: str, data_dir: AnyPath | None) -> Any:
    import tensorflow_datasets as tfds

    if not hasattr(tfds, "builder"):  # it logs what failed in its import, and goes on without
        raise DataError(
            f"{spec}: tensorflow-datasets {version('tensorflow-datasets')} can't be imported "
            f"beside protobuf {version('protobuf')} (its reason stands above). A TensorFlow "
            "before 2.20 needs an older tensorflow-metadata, too: "
            "pip install 'tensorflow-metadata<1.18'"
        )
    name = re.sub(r"^(\w+):([A-Za-z_]\w*)$", r"\1/\2", spec)  # name:config, too
    try:
        return tfds.builder(name, data_dir=None if data_dir is None else os.fspath(data_dir))
    except (ValueError, AssertionError, ImportError) as error:
        base = re.split("[/:]", spec)[0]
        prepared = _prepared(base, data_dir)
        if prepared:
            raise DataError(
                f"{spec}: not among what is prepared in {data_dir}: {', '.join(prepared)}"
            ) from None
        if Path(spec).is_dir():
            raise DataError(f"{spec}: this is a folder; write folder:{spec}") from None
        known = tfds.list_builders(with_community_datasets=False)
        if base in known:
            raise DataError(f"{spec}: TFDS can't open it: {_short(error)}") from None
        known += os.listdir(data_dir) if data_dir is not None and Path(data_dir).is_dir() else []
        raise DataError(
            f"{spec}: no such data source{suggest(base, known)}; allowed are {forms()}"
        ) from None


def _prepared(base: str, data_dir: AnyPath | None) -> list[str]:
    if data_dir is None or not base.isidentifier():
        return []
    found = Path(data_dir).glob(f"{base}/**/dataset_info.json")
    return sorted(str(path.parent.relative_to(data_dir)) for path in found)


def _prepare(builder: Any, spec: str, manual_dir: AnyPath | None) -> None:
    import tensorflow_datasets as tfds

    if builder.is_prepared():
        return
    full_name = builder.info.full_name
    root = Path(builder.data_path).parents[full_name.count("/")]
    help_text = (
        "on a machine with a network run\n"
        f"  python -c \"import tensorflow_datasets as tfds; tfds.builder('{full_name}', "
        "data_dir='DIR').download_and_prepare()\"\n"
        f"and copy DIR/{full_name} to {root / full_name}, or name its DIR as data_dir "
        "(--data-dir); an archive that was downloaded by hand goes into manual_dir (--manual-dir)"
    )
    manual = None if manual_dir is None else os.fspath(manual_dir)
    try:
        if manual is None and not _downloaded(root):
            _require_network(list(builder.url_infos))
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual)
        )
    # Whatever a builder, its parsers or its network library may raise: there is no common class.
    except Exception as error:
        raise DataError(
            f"{spec}: it is not prepared in {root}, and preparing it failed "
            f"({type(error).__name__}: {_short(error)}); {help_text}"
        ) from error


def _downloaded(root: Path) -> bool:
    folder = root / "downloads"
    return folder.is_dir() and any(entry.is_file() for entry in folder.iterdir())


def _require_network(urls: list[str]) -> None:
    """Raises OSError where no host's name resolves; TFDS would go on trying for 200 s."""
    hosts = sorted({urlsplit(url).hostname or "" for url in urls})
    if not hosts or getproxies():
        return
    for host in hosts:
        try:
            socket.getaddrinfo(host, None)
            return
        except OSError:
            continue
    raise OSError(f"no network: the name {hosts[0]} can't be resolved")


def _features(builder: Any, spec: str) -> tuple[str, str]:
    """Which of a prepared dataset's features are the image and the label."""
    import tensorflow_datasets as tfds

    features = dict(builder.info.features or {})
    images = [
        name
        for name, kind in features.items()
        if isinstance(kind, tfds.features.Image)
        and not isinstance(kind, tfds.features.LabeledImage)
    ]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    image, label, *_ = builder.info.supervised_keys or (None, None)
    if image in images and label in labels:
        images, labels = [image], [label]
    if len(images) != 1 or len(labels) != 1:
        found = ", ".join(f"{name} ({type(features[name]).__name__})" for name in sorted(features))
        raise DataError(
            f"{spec}: not a set for classifying images; wanted is one Image and one ClassLabel, "
            f"found {found or 'no features'}"
        )
    return images[0], labels[0]


def _read(builder: Any, split: str, image: str, label: str) -> tf.data.Dataset:
    """(encoded image, label) in the order of the files."""
    import tensorflow_datasets as tfds

    decoding = tfds.decode.PartialDecoding(
        {image: True, label: True}, decoders={image: tfds.decode.SkipDecoding()}
    )
    try:
        elements = builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders=decoding,
            # One file after another: the order is then a property of the data, not of TFDS's
            # defaults. A cache in memory would go into every checkpoint of an iterator.
            read_config=tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1),
        )
    except NotImplementedError:  # ArrayRecord
        name, form = builder.info.full_name, builder.info.file_format.value
        raise DataError(
            f"{name}: it was prepared as {form}, which TensorFlow does not read; prepare it again "
            f"as TFRecord: tfds.builder('{name}', data_dir='DIR', file_format='tfrecord')"
            ".download_and_prepare()"
        ) from None
    features = decoding.extract_features(builder.info.features)

    def pair(element: Any) -> tuple[tf.Tensor, tf.Tensor]:
        return element[image], tf.cast(element[label], tf.int64)

    ds, parts = plain_map(elements, pair), _parts(builder, split)
    if parts is None:
        return ds
    record = reader(parts)

    def at(position: Any) -> tuple[tf.Tensor, tf.Tensor]:
        return pair(features.deserialize_example(record(position), decoders=decoding.decoders))

    return with_access(ds, Indexed(sum(part.take for part in parts), at))


def _parts(builder: Any, split: str) -> list[Part] | None:
    """The files of a split; None where they are not on this machine, or no TFRecord files."""
    if builder.info.file_format.value != "tfrecord" or elsewhere(builder.data_dir):
        return None
    files = builder.info.splits[split].file_instructions
    return [Part(Path(one.filename), one.skip, one.take) for one in files if one.take]


def _slices(spec: str, names: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What TFDS is asked for as train, validation and test, and how that came about."""
    if len(names) == 1:
        (only,) = names
        cuts = {"train": "[:80%]", "validation": "[80%:90%]", "test": "[90%:]"}
        parts = {split: only + cut for split, cut in cuts.items()}
        return parts, (f"one split, {only!r}: cut 80/10/10 in its order",)
    if "train" not in names:
        raise DataError(f"{spec}: its splits are {', '.join(names) or 'none'}; 'train' is wanted")
    validation = next((name for name in _VALIDATION if name in names), None)
    test = "test" if "test" in names else None
    if validation and test:
        return {"train": "train", "validation": validation, "test": test}, ()
    last, missing = "train[90%:]", "test" if validation else "validation"
    if not validation and not test:
        raise DataError(
            f"{spec}: its splits are {', '.join(names)}; wanted is 'validation' or 'test' "
            "beside 'train'"
        )
    parts = {"train": "train[:90%]", "validation": validation or last, "test": test or last}
    return parts, (f"no {missing!r} split: the last 10 % of 'train'",)


def _verdicts(
    name: str, dataset: tf.data.Dataset, classes: int, max_pixels: int
) -> Iterator[Verdict]:
    labels: list[int] = []

    def candidates() -> Iterator[Candidate]:
        for position, (contents, label) in enumerate(dataset.as_numpy_iterator()):
            labels.append(int(label))
            yield f"{name}#{position}", partial(bytes, contents)

    for position, verdict in enumerate(check_all(candidates(), max_pixels)):
        label = labels[position]
        if verdict.reason is None and not 0 <= label < classes:
            yield Verdict(verdict.name, f"its label is {label}; the classes are 0 to {classes - 1}")
        else:
            yield verdict


def _split(dataset: tf.data.Dataset, size: int, verdicts: list[Verdict]) -> Split:
    bad = np.array([i for i, verdict in enumerate(verdicts) if verdict.reason], dtype=np.int64)
    if not len(bad):
        return Split(size, dataset)
    source, size = behind(dataset), size - len(bad)

    def good(position: tf.Tensor, element: Any) -> tf.Tensor:
        return tf.reduce_all(position != bad)

    undone = tf.autograph.experimental.do_not_convert
    kept = dataset.enumerate().filter(undone(good)).map(undone(lambda _, element: element))
    kept = kept.apply(tf.data.experimental.assert_cardinality(size))
    if source is None:
        return Split(size, kept)
    left = tf.constant(np.delete(np.arange(source.size), bad))
    return Split(size, with_access(kept, Indexed(size, lambda i: source.element(left[i]))))


def _short(error: BaseException) -> str:
    """An error's text on one line; TFDS lists every dataset it knows in some."""
    return " ".join(str(error).split())[:300] or "no reason given"
