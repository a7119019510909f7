"""Sources: what they yield, in which order, and what they refuse."""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from augreg.dataset.indexed import behind
from augreg.errors import DataError
from augreg.images import photo_paths
from augreg.sources import Source, open_source, openers
from augreg.sources.openers import Opener

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "tf_flowers_sample"


def picture(number: int, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    image = Image.open(photo_paths()[0]).convert("RGB").rotate(number)
    out = io.BytesIO()
    image.resize((24, 16)).convert(mode).save(out, kind)
    return out.getvalue()


def write(path: Path, contents: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


def fill(root: Path, folders: list[str], count: int) -> None:
    for number, folder in enumerate(folders):
        for index in range(count):
            write(root / folder / f"{number}-{index:03}.jpg", picture(100 * number + index))


def elements(source: Source, split: str) -> list[tuple[bytes, int]]:
    return [
        (image, int(label)) for image, label in source.splits[split].dataset.as_numpy_iterator()
    ]


def refusal(spec: str, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        open_source(spec, **options)
    return str(caught.value)


def percent(name: bytes) -> int:
    return int(hashlib.sha256(name).hexdigest()[:8], 16) % 100


# --- the table of kinds ----------------------------------------------------------------------


def test_new_kind_is_a_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Opener("copy:NAME", "digits:open_digits")
    monkeypatch.setattr(openers, "OPENERS", (*openers.OPENERS, kind))

    assert open_source("copy:x").name == "copy:x"
    assert "copy:NAME or a TFDS name" in refusal("tf_flower")


@pytest.mark.parametrize("command", ["train", "validate"])
def test_help_names_every_kind_and_loads_no_tensorflow(command: str) -> None:
    code = (
        "import sys; from augreg.cli import app\n"
        f"try: app([{command!r}, '--help'])\n"
        "finally: print('TENSORFLOW' if 'tensorflow' in sys.modules else 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    text = " ".join(done.stdout.replace("│", " ").split())

    for opener in (*openers.OPENERS, openers.NAMED):
        assert (opener.form in text) == (command == "validate" or not opener.annotated)
    assert text.endswith("none")


# --- digits ----------------------------------------------------------------------------------


def test_digits_are_the_test_part_of_the_uci_set() -> None:
    source = open_source("digits")
    assert source.class_names == tuple("0123456789")
    assert {name: part.size for name, part in source.splits.items()} == {
        "train": 1297,
        "validation": 250,
        "test": 250,
    }
    found = [element for name in source.splits for element in elements(source, name)]
    # The class distribution that the UCI repository states for the set's test part.
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert Counter(label for _, label in found) == dict(enumerate(counts))
    images = np.stack([image for image, _ in found])
    assert (images.dtype, images.shape) == (np.uint8, (1797, 8, 8, 3))
    assert sorted(np.unique(images)) == [round(step * 255 / 16) for step in range(17)]
    assert (images[..., :1] == images).all()


def test_digits_are_those_that_scikit_learn_ships() -> None:
    # The first image of the set, a zero, as scikit-learn's documentation prints it.
    zero = """
        0 0 5 13 9 1 0 0    0 0 13 15 10 15 5 0  0 3 15 2 0 11 8 0   0 4 12 0 0 8 8 0
        0 5 8 0 0 9 8 0     0 4 11 0 1 12 7 0    0 2 14 5 10 12 0 0  0 0 6 13 10 0 0 0"""
    expected = np.round(np.array(zero.split(), float).reshape(8, 8) * 255 / 16)
    image, label = elements(open_source("digits"), "train")[0]
    np.testing.assert_array_equal(image[..., 0], expected)
    assert label == 0


# --- folders ---------------------------------------------------------------------------------


def test_folder_of_labels_is_split_by_the_hash_of_the_names(tmp_path: Path) -> None:
    fill(tmp_path, ["b", "a"], 60)
    source = open_source(f"folder:{tmp_path}")
    assert source.class_names == ("a", "b")
    expected: dict[str, list[tuple[bytes, int]]] = {"train": [], "validation": [], "test": []}
    for path in sorted(tmp_path.glob("*/*.jpg")):
        share = percent(path.name.encode())
        name = "train" if share < 80 else "validation" if share < 90 else "test"
        expected[name].append((path.read_bytes(), "ab".index(path.parent.name)))
    for name in expected:
        assert elements(source, name) == expected[name]
        assert source.splits[name].size == len(expected[name]) > 0
    assert source.notes == (
        "split 80/10/10 by the SHA-256 of the files' names, copies with their original",
    )
    assert source.bad == ()


def test_new_file_moves_no_other_to_another_split(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], 40)
    before = open_source(f"folder:{tmp_path}", verify=False)
    write(tmp_path / "a" / "0-0000.jpg", picture(5))
    after = open_source(f"folder:{tmp_path}", verify=False)
    for name in before.splits:
        assert set(elements(before, name)) <= set(elements(after, name))


def test_given_splits_are_kept_and_the_missing_one_is_carved_from_train(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b", "test/a", "test/b"], 40)
    source = open_source(f"folder:{tmp_path}")
    train = sorted(tmp_path.glob("train/*/*.jpg"))
    carved = [path for path in train if 80 <= percent(path.name.encode()) < 90]
    assert [image for image, _ in elements(source, "validation")] == [
        path.read_bytes() for path in carved
    ]
    assert source.splits["train"].size == 80 - len(carved)
    assert source.splits["test"].size == 80
    assert source.notes == (
        "no 'validation' folder: taken from 'train' by the SHA-256 of the files' names, "
        "copies with their original",
    )


def test_three_given_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    fill(tmp_path, [f"{split}/{name}" for split in ("train", "val", "test") for name in "ab"], 3)
    source = open_source(f"folder:{tmp_path}")
    assert {name: part.size for name, part in source.splits.items()} == dict.fromkeys(
        ("train", "validation", "test"), 6
    )
    assert source.notes == ()


def test_class_called_train_is_a_class(tmp_path: Path) -> None:
    fill(tmp_path, ["train", "plane"], 40)
    assert open_source(f"folder:{tmp_path}").class_names == ("plane", "train")


def test_names_of_any_bytes_are_read(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], 40)
    for name in (b"new\nline.jpg", b"not-utf8-\xff\xfe.jpg"):
        with open(os.path.join(os.fsencode(tmp_path), b"a", name), "wb") as file:
            file.write(picture(1))
    source = open_source(f"folder:{tmp_path}")
    assert sum(part.size for part in source.splits.values()) == 82
    assert sum(len(elements(source, name)) for name in source.splits) == 82


def test_links_into_other_classes_and_loops_add_nothing(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b", "test/a", "test/b"], 40)
    (tmp_path / "train" / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "train" / "a" / "other").symlink_to(tmp_path / "test" / "b")
    source = open_source(f"folder:{tmp_path}")
    assert sum(part.size for part in source.splits.values()) == 160


def test_hidden_files_and_other_files_are_ignored(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b", ".git"], 40)
    write(tmp_path / "a" / ".DS_Store", b"x")
    write(tmp_path / "a" / "README.txt", b"words")
    write(tmp_path / "stray.jpg", picture(1))
    source = open_source(f"folder:{tmp_path}")
    assert source.class_names == ("a", "b")
    assert sum(part.size for part in source.splits.values()) == 80


BAD: dict[str, tuple[bytes, str]] = {
    "empty.jpg": (b"", "the file is empty (0 bytes)"),
    "page.jpg": (b"<html>", "this is an HTML page"),
    "cut.jpg": (picture(1)[:-200], "a truncated or damaged JPEG: its pixels can't be decoded"),
    "cut.png": (picture(1, "PNG")[:-40], "a truncated or damaged PNG: its pixels can't be"),
    "gone.jpg": (b"", "can't be read: No such file or directory"),
}


def spoil(folder: Path) -> None:
    for name, (contents, _) in BAD.items():
        if name == "gone.jpg":
            (folder / name).symlink_to(folder / "nowhere")
        else:
            write(folder / name, contents)


def test_bad_images_are_left_out_counted_and_listed(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], 60)
    good = open_source(f"folder:{tmp_path}")
    spoil(tmp_path / "a")
    source = open_source(f"folder:{tmp_path}", max_bad=0.05)
    assert [Path(image.path).name for image in source.bad] != []
    assert {Path(image.path).name: image.path for image in source.bad} == {
        name: str(tmp_path / "a" / name) for name in BAD
    }
    for image in source.bad:
        assert image.reason.startswith(BAD[Path(image.path).name][1])
    for name in good.splits:
        assert elements(source, name) == elements(good, name)
        assert source.splits[name].size == good.splits[name].size


def test_too_large_a_share_of_bad_images_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], 60)
    spoil(tmp_path / "a")
    message = refusal(f"folder:{tmp_path}")
    assert message.startswith(
        f"{tmp_path}: 5 of 125 images can't be used, 4.0%; at most 1.0% are left out without "
        f"asking: fix or remove them, or raise max_bad\n  {tmp_path}/a/"
    )
    assert all(name in message for name in BAD)


def test_what_decoding_drops_is_said_once(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], 40)
    for name in ("x", "y"):
        write(tmp_path / "a" / f"{name}.png", picture(1, "PNG", "RGBA"))
    notes = open_source(f"folder:{tmp_path}").notes
    assert len(notes) == 2
    assert re.fullmatch(rf"alpha dropped in 2 images \(first: {tmp_path}/a/[xy]\.png\)", notes[1])


def test_images_above_the_limit_are_bad_and_the_limit_can_be_raised(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], 40)
    assert "at most 383 are read" in refusal(f"folder:{tmp_path}", max_pixels=383)
    assert open_source(f"folder:{tmp_path}", max_pixels=384).bad == ()


def empty_class(root: Path) -> str:
    fill(root, ["a", "b"], 40)
    (root / "c").mkdir()
    write(root / "c" / "README.txt", b"words")
    return f"{root}/c: the class folder is empty; put images of that class into it, or remove it"


def empty_split(root: Path) -> str:
    fill(root, ["a", "b"], 2)
    kept = [path for path in sorted(root.glob("*/*.jpg")) if percent(path.name.encode()) >= 80]
    assert not kept, "the names must all hash into train"
    return (
        f"{root}: the split 'validation' is empty (found train 4, validation 0, test 0); add "
        "images, or give it a folder of its own: wanted are PATH/split/label/*.jpg or "
        "PATH/label/*.jpg"
    )


def one_class(root: Path) -> str:
    fill(root, ["tulips"], 40)
    return f"{root}: a classifier needs two or more classes; found only 'tulips'"


def no_training_split(root: Path) -> str:
    fill(root, ["test/a", "test/b"], 2)
    return f"{root}: there is a 'test' split but no 'train'; wanted are PATH/split/label/*.jpg or "


def class_of_the_test_split_only(root: Path) -> str:
    fill(root, ["train/a", "train/b", "test/a", "test/c"], 20)
    return (
        f"{root}: the class 'c' has no usable image to train on (0 in train, 0 in validation, "
        "20 in test); add some to 'train', or remove the class"
    )


def no_folders(root: Path) -> str:
    write(root / "a.jpg", picture(1))
    return f"{root}: no folders of images in it; wanted are PATH/split/label/*.jpg or PATH/label/"


def no_such_folder(root: Path) -> str:
    root.rmdir()
    return f"{root}: the folder can't be read (No such file or directory); wanted are PATH/split"


@pytest.mark.parametrize(
    "prepare",
    [
        empty_class,
        empty_split,
        one_class,
        no_training_split,
        class_of_the_test_split_only,
        no_folders,
        no_such_folder,
    ],
)
def test_folder_that_can_not_be_trained_on_is_refused(
    tmp_path: Path, prepare: Callable[[Path], str]
) -> None:
    expected = prepare(tmp_path)
    assert refusal(f"folder:{tmp_path}").startswith(expected)


def test_fraction_outside_zero_to_one_is_refused() -> None:
    expected = "max_bad is 1.5; it is a fraction of the images, 0 to 1"
    assert refusal("digits", max_bad=1.5) == expected


def test_iterator_of_a_folder_is_restored_from_a_checkpoint(tmp_path: Path) -> None:
    fill(tmp_path / "d", ["a", "b"], 40)
    dataset = open_source(f"folder:{tmp_path / 'd'}").splits["train"].dataset
    iterator = iter(dataset)
    for _ in range(5):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "checkpoint")
    again = iter(dataset)
    tf.train.Checkpoint(iterator=again).restore(path)
    rest = [image.numpy() for image, _ in again]
    assert rest == [image for image, _ in list(dataset.as_numpy_iterator())[5:]]


def test_flowers_sample_opens_whole() -> None:
    if not SAMPLE.is_dir():
        pytest.skip("the flowers sample does not lie beside the project")
    source = open_source(f"folder:{SAMPLE}")
    assert source.class_names == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert (source.splits["test"].size, source.bad) == (40, ())
    assert sum(part.size for part in source.splits.values()) == 200


# --- TFDS ------------------------------------------------------------------------------------


def prepare_tfds(
    root: Path,
    splits: dict[str, list[tuple[bytes, int]]],
    image: Any = None,
    wrap: Callable[[bytes], Any] = io.BytesIO,
    **how: Any,
) -> None:
    """Writes a prepared dataset `tiny` of encoded images, which no builder's code knows."""
    import tensorflow_datasets as tfds

    features = {
        "id": tfds.features.Scalar(tf.int64),
        "image": image or tfds.features.Image(encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(names=["tulips", "roses", "daisy"]),
    }

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.2.0")

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager: Any) -> Any:
            return {name: self._generate_examples(part) for name, part in splits.items()}

        def _generate_examples(self, part: Any) -> Any:
            for key, (contents, label) in enumerate(part):
                yield key, {"id": key, "image": wrap(contents), "label": label}

    Tiny(data_dir=str(root), **how).download_and_prepare()


def examples(count: int, first: int = 0) -> list[tuple[bytes, int]]:
    return [(picture(first + number), number % 3) for number in range(count)]


def test_prepared_set_with_one_split_is_cut_as_the_tutorial_does(tmp_path: Path) -> None:
    prepare_tfds(tmp_path, {"train": examples(50)})
    source = open_source("tiny", data_dir=tmp_path)
    assert source.class_names == ("tulips", "roses", "daisy")
    assert [part.size for part in source.splits.values()] == [40, 5, 5]
    assert source.notes == ("one split, 'train': cut 80/10/10 in its order",)
    found = [element for name in source.splits for element in elements(source, name)]
    # Byte for byte what was stored, each image once.
    assert sorted(found) == sorted(examples(50))
    again = open_source("tiny:1.2.0", data_dir=str(tmp_path))
    assert [element for name in again.splits for element in elements(again, name)] == found


def test_missing_validation_split_is_the_last_tenth_of_train(tmp_path: Path) -> None:
    prepare_tfds(tmp_path, {"train": examples(30), "test": examples(9, 100)})
    source = open_source("tiny", data_dir=tmp_path)
    assert {name: part.size for name, part in source.splits.items()} == {
        "train": 27,
        "validation": 3,
        "test": 9,
    }
    assert source.notes == ("no 'validation' split: the last 10 % of 'train'",)
    assert sorted(elements(source, "test")) == sorted(examples(9, 100))


def test_bad_images_of_a_prepared_set_are_left_out(tmp_path: Path) -> None:
    data = examples(60)
    data[7] = (data[7][0][:-150], 0)
    prepare_tfds(tmp_path, {"train": data})
    source = open_source("tiny", data_dir=tmp_path, max_bad=0.05)
    (bad,) = source.bad
    split, _, position = bad.path.partition("#")
    assert bad.reason.startswith("a truncated or damaged JPEG")
    whole = open_source("tiny", data_dir=tmp_path, verify=False)
    expected = elements(whole, split)
    assert expected.pop(int(position)) == data[7]
    assert elements(source, split) == expected
    assert source.splits[split].size == len(expected)
    assert source.splits[split].dataset.cardinality().numpy() == len(expected)


def test_prepared_set_has_random_access(tmp_path: Path) -> None:
    data = examples(60)
    data[7] = (data[7][0][:-150], 0)
    prepare_tfds(tmp_path, {"train": data})
    source = open_source("tiny", data_dir=tmp_path, max_bad=0.05)
    assert len(source.bad) == 1
    for name, split in source.splits.items():
        indexed = behind(split.dataset)
        assert indexed is not None and indexed.size == split.size
        found = tf.data.Dataset.range(indexed.size).map(indexed.element)
        assert list(found.as_numpy_iterator()) == elements(source, name)


def test_prepared_set_of_another_format_is_refused_by_name(tmp_path: Path) -> None:
    prepare_tfds(tmp_path, {"train": examples(20)}, file_format="array_record")
    assert refusal("tiny", data_dir=tmp_path) == (
        "tiny/1.2.0: it was prepared as array_record, which TensorFlow does not read; prepare it "
        "again as TFRecord: tfds.builder('tiny/1.2.0', data_dir='DIR', file_format='tfrecord')"
        ".download_and_prepare()"
    )


def test_label_without_a_class_is_bad(tmp_path: Path) -> None:
    prepare_tfds(tmp_path, {"train": [*examples(20), (picture(3), -1)]})
    (bad,) = open_source("tiny", data_dir=tmp_path, max_bad=0.05).bad
    assert bad.reason == "its label is -1; the classes are 0 to 2"


def test_set_without_one_image_and_one_label_is_refused(tmp_path: Path) -> None:
    import tensorflow_datasets as tfds

    prepare_tfds(tmp_path, {"train": examples(5)}, tfds.features.Text(), repr)
    assert refusal("tiny", data_dir=tmp_path).startswith(
        "tiny: not a set for classifying images; wanted is one Image and one ClassLabel, found "
        "id (Scalar), image (Text), label (ClassLabel)"
    )


def test_iterator_of_a_prepared_set_is_restored_from_a_checkpoint(tmp_path: Path) -> None:
    data = examples(40)
    data[7] = (data[7][0][:-150], 0)
    prepare_tfds(tmp_path, {"train": data})
    dataset = open_source("tiny", data_dir=tmp_path, max_bad=0.05).splits["train"].dataset
    iterator = iter(dataset)
    for _ in range(5):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "checkpoint")
    again = iter(dataset)
    tf.train.Checkpoint(iterator=again).restore(path)
    rest = [image.numpy() for image, _ in again]
    assert rest == [image for image, _ in list(dataset.as_numpy_iterator())[5:]]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tf_flower", 'tf_flower: no such data source (did you mean "tf_flowers"?); allowed are '),
        ("tini", 'tini: no such data source (did you mean "tiny"?); allowed are digits, '),
        (
            "../x",
            "../x: no such data source; allowed are digits, folder:PATH, coco:PATH, yolo:PATH, ",
        ),
        ("tiny:9.0.0", "tiny:9.0.0: not among what is prepared in {root}: tiny/1.2.0"),
        ("mnist/nope", "mnist/nope: TFDS can't open it: Failed to construct dataset"),
        ("mnist:nope", "mnist:nope: TFDS can't open it: Failed to construct dataset"),
        ("tf_flowers:9.9.9", "tf_flowers:9.9.9: TFDS can't open it: Failed to construct dataset"),
    ],
)
def test_unknown_name_gets_the_nearest_one(tmp_path: Path, spec: str, message: str) -> None:
    (tmp_path / "tiny" / "1.2.0").mkdir(parents=True)
    (tmp_path / "tiny" / "1.2.0" / "dataset_info.json").write_text("{}")
    assert refusal(spec, data_dir=tmp_path).startswith(message.format(root=tmp_path))


def test_folder_without_the_word_folder_gets_it(tmp_path: Path) -> None:
    (tmp_path / "photos" / "daisy").mkdir(parents=True)
    folder = str(tmp_path / "photos")
    assert refusal(folder) == f"{folder}: this is a folder; write folder:{folder}"


def test_folder_without_a_path_is_not_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "daisy").mkdir()
    monkeypatch.chdir(tmp_path)
    assert refusal("folder:").startswith('"folder:" names no folder; wanted are PATH/split')


def test_nothing_prepared_and_no_network_says_how_to_prepare_it_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_names(*_: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    message = refusal("tf_flowers", data_dir=tmp_path)
    assert message == (
        f"tf_flowers: it is not prepared in {tmp_path}, and preparing it failed (OSError: no "
        "network: the name download.tensorflow.org can't be resolved); on a machine with a "
        "network run\n"
        '  python -c "import tensorflow_datasets as tfds; '
        "tfds.builder('tf_flowers/3.0.1', data_dir='DIR').download_and_prepare()\"\n"
        f"and copy DIR/tf_flowers/3.0.1 to {tmp_path}/tf_flowers/3.0.1, or name its DIR as "
        "data_dir (--data-dir); an archive that was downloaded by hand goes into manual_dir "
        "(--manual-dir)"
    )
    assert list(tmp_path.iterdir()) == []


def test_missing_manual_download_is_a_data_error(tmp_path: Path) -> None:
    message = refusal("imagenet2012", data_dir=tmp_path, manual_dir=tmp_path / "manual")
    assert "ILSVRC2012_img_train.tar" in message
    assert "goes into manual_dir (--manual-dir)" in message


def test_tfds_that_failed_in_its_own_import_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow_datasets as tfds

    monkeypatch.delattr(tfds, "builder")
    with pytest.raises(DataError, match=r"^mnist: tensorflow-datasets .* can't be imported beside"):
        open_source("mnist")
