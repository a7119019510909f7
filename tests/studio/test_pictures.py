"""The images that a studio was given: read when they are asked for, and each error in its place."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from annotated_sets import annotation, coco_set
from PIL import Image

from augreg.errors import AugregError
from augreg.studio.images import albums
from augreg.studio.images.kept import Kept
from augreg.studio.images.pictures import Pictures


def write(path: Path, size: tuple[int, int] = (31, 24)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 100, 50)).save(path)
    return path


def reason(pictures: Pictures, index: int = 0) -> str:
    with pytest.raises(AugregError) as raised:
        pictures.photo(index)
    with pytest.raises(AugregError):
        pictures.small(index)
    return str(raised.value)


def test_without_images_there_are_the_bundled_ones() -> None:
    pictures = Pictures([])
    assert [pictures.name(i) for i in range(len(pictures))] == ["chelsea.jpg", "coffee.jpg"]
    assert pictures.photo(1).pixels.shape == (400, 600, 3)


def test_folders_files_and_sources_follow_one_another(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "inner/c.png"):
        write(tmp_path / "folder" / name)
    (tmp_path / "folder" / "notes.txt").write_text("x")
    single = write(tmp_path / "single.png")
    pictures = Pictures([str(tmp_path / "folder"), str(single), "digits"])
    assert len(pictures) == 3 + 1 + 1297
    names = [pictures.name(i) for i in range(5)]
    assert names == ["a.png", "b.png", "c.png", "single.png", "train 0"]
    assert [pictures.photo(i).index for i in (0, 3, 4, 1300)] == [0, 3, 4, 1300]
    assert pictures.path(3) == single and pictures.path(4) is None
    assert pictures.photo(4).title.startswith("train 0: ")


def test_image_has_what_its_source_says_of_it(tmp_path: Path) -> None:
    pictures = Pictures([f"coco:{coco_set(tmp_path, [annotation(1, 10, 3, [2, 3, 8, 9])], 1)}"])
    drawn = pictures.photo(0).drawn
    assert (drawn.box_format, list(drawn.names)) == ("xyxy", ["cat", "dog"])
    assert drawn.parts["boxes"]["boxes"].tolist() == [[2, 3, 10, 12]]


def test_same_image_is_the_same_object_until_its_file_changes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    pictures = Pictures([str(tmp_path)])
    before = pictures.photo(0)
    assert pictures.photo(0) is before
    write(path, (50, 40))
    assert pictures.photo(0).pixels.shape == (40, 50, 3)


def test_opening_a_folder_reads_none_of_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "0.png")
    for i in range(1, 300):
        os.link(first, tmp_path / f"{i}.png")
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read"))
    assert len(Pictures([str(tmp_path)])) == 300


def test_image_that_is_gone_says_so_even_after_it_was_shown(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    pictures = Pictures([str(tmp_path)])
    pictures.photo(0)
    path.unlink()
    assert reason(pictures) == f"{path}: can't be read: No such file or directory"


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"hello", "no known image format"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "the JPEG header is cut off or damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "the PNG header is damaged"),
    ],
)
def test_file_that_is_no_image_says_so(tmp_path: Path, contents: bytes, said: str) -> None:
    (tmp_path / "a.jpg").write_bytes(contents)
    assert said in reason(Pictures([str(tmp_path)]))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp"])
def test_image_that_is_cut_off_says_so(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    assert f"{tmp_path / name}: damaged" in reason(Pictures([str(tmp_path)]))


def test_image_of_fifty_megapixels_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (8660, 5773)).save(path)
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("it is decoded"))
    assert reason(Pictures([str(path)])) == (
        f"{path}: 8660x5773 pixels (width x height) are 50 million; the studio shows images of up "
        "to 25 million: give it a smaller copy"
    )


def test_file_of_many_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.png")
    os.truncate(path, 200_000_001)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it is read"))
    found = reason(Pictures([str(path)]))
    assert found == f"{path}: 200,000,001 bytes; the studio reads files of up to 200,000,000"


def test_what_is_no_file_is_not_opened() -> None:
    assert reason(Pictures(["/dev/null"])) == "/dev/null: this is no file that holds an image"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{empty}", "there is no image in this folder"),
        ("coco:{empty}/none", "there is no {empty}/none"),
        ("no_such_data", "no such data source"),
        ("gs://bucket/photos", "gs:// is not served"),
    ],
)
def test_what_can_not_be_opened_leaves_the_others(tmp_path: Path, given: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    single = write(tmp_path / "single.png")
    empty = str(tmp_path / "empty")
    pictures = Pictures([given.format(empty=empty), str(single)])
    assert len(pictures) == 2
    assert said.format(empty=empty) in reason(pictures)
    assert pictures.name(0) == given.format(empty=empty)
    assert pictures.photo(1).pixels.shape == (24, 31, 3)


def test_fault_of_a_library_is_said_in_place_of_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(albums.Elements, "of", broken)
    assert reason(Pictures(["digits"])) == "digits: it can't be opened: RuntimeError('boom')"


@pytest.mark.parametrize("index", [-1, 2, 10**30])
def test_position_of_no_image_is_refused(index: int) -> None:
    assert reason(Pictures([]), index) == f"there is no image {index}; there are 2, from 0 on"


def test_small_image_stands_as_the_image_does(tmp_path: Path) -> None:
    """Of a JPEG that is stored on its side (EXIF orientation 6), red above and blue below."""
    turned = np.zeros((300, 400, 3), np.uint8)
    turned[:, :200, 0] = turned[:, 200:, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(turned).save(tmp_path / "a.jpg", exif=exif)
    pictures = Pictures([str(tmp_path)])
    (tmp_path / "small.jpg").write_bytes(pictures.small(0))
    small = np.asarray(Image.open(tmp_path / "small.jpg")).astype(int)
    assert small.shape == (96, 72, 3)
    large = pictures.photo(0).pixels.astype(int)
    assert np.abs(small[10, 36] - large[40, 150]).max() < 10
    assert np.abs(small[-10, 36] - large[-40, 150]).max() < 10


def test_small_image_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = Pictures([])
    before = pictures.small(0)
    monkeypatch.setattr(albums.Files, "glance", lambda *_: pytest.fail("it is made again"))
    assert pictures.small(0) is before


def test_link_in_a_folder_is_followed_as_in_training(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "link.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    pictures = Pictures([str(tmp_path / "given")])
    assert pictures.name(0) == "link.png"
    assert pictures.photo(0).pixels.shape == (24, 31, 3)


def test_kept_values_take_no_more_than_their_room() -> None:
    kept: Kept[bytes] = Kept(100, len)
    made: list[int] = []

    def value(key: int, size: int = 40) -> bytes:
        return kept.get(key, lambda: made.append(key) or bytes(size))

    for key in (1, 2, 1, 3, 1, 2):  # 3 takes the place of 2, which was asked for before 1
        value(key)
    assert made == [1, 2, 3, 2]
    value(9, 1000)  # too large: it goes, and what is there has to make room for it
    value(9, 1000)
    assert made[-2:] == [9, 9]
