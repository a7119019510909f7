"""Headers, against files that Pillow wrote and against Pillow's own reading of them."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from augreg.errors import DataError, ImageError
from augreg.images import inspect, list_images, one_line, photo_paths

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "tf_flowers_sample"


def photo(mode: str = "RGB", size: tuple[int, int] = (31, 22)) -> Image.Image:
    image = Image.open(photo_paths()[1]).convert("RGB").resize(size)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk


def animated(kind: str, frames: int, mode: str = "RGB") -> bytes:
    pictures = [photo(mode).rotate(7 * turn) for turn in range(frames)]
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], duration=50)


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(photo(), kind, exif=exif)


FILES = {
    "jpeg": encoded(photo(), "JPEG"),
    "jpeg progressive": encoded(photo(), "JPEG", progressive=True),
    "jpeg grey": encoded(photo("L"), "JPEG"),
    "jpeg cmyk": encoded(photo("CMYK"), "JPEG"),
    "png": encoded(photo(), "PNG"),
    "png rgba": encoded(photo("RGBA"), "PNG"),
    "png grey": encoded(photo("L"), "PNG"),
    "png grey alpha": encoded(photo("LA"), "PNG"),
    "png palette": encoded(photo("P"), "PNG"),
    "png 1 bit": encoded(photo("1"), "PNG"),
    "gif": encoded(photo("P"), "GIF"),
    "bmp": encoded(photo(), "BMP"),
    "bmp palette": encoded(photo("P"), "BMP"),
    "bmp 32": encoded(photo("RGBA"), "BMP"),
    "webp lossy": encoded(photo(), "WEBP"),
    "webp lossless": encoded(photo(), "WEBP", lossless=True),
    "webp alpha": encoded(photo("RGBA"), "WEBP"),
    "webp lossless alpha": encoded(photo("RGBA"), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_format_and_size_are_what_pillow_reads(name: str) -> None:
    info = inspect(FILES[name], name)
    with Image.open(io.BytesIO(FILES[name])) as image:
        assert (info.format.upper(), info.width, info.height) == (image.format, *image.size)
    assert info.shape == (22, 31)
    assert info.frames == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_turns_the_shape_as_pillow_does(orientation: int, order: str) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112] = "a maker", orientation
    contents = encoded(photo(), "JPEG", exif=exif)
    info = inspect(contents, "a.jpg")
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(contents)))
    assert info.orientation == orientation
    assert info.shape == turned.size[::-1]
    assert (info.width, info.height) == (31, 22)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientation_counts_as_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert inspect(encoded(photo(), "JPEG", exif=exif), "a.jpg").orientation == 1


@pytest.mark.parametrize(
    ("contents", "note"),
    [
        (FILES["png rgba"], "alpha dropped"),
        (FILES["png grey alpha"], "alpha dropped"),
        (encoded(photo("P"), "PNG", transparency=3), "alpha dropped"),
        (encoded(photo("RGBA"), "GIF"), "alpha dropped"),
        (FILES["webp alpha"], "alpha dropped"),
        (FILES["webp lossless alpha"], "alpha dropped"),
        (encoded(photo("I;16"), "PNG"), "16 bits cut to 8"),
        (animated("GIF", 12), "first frame of 12"),
        (animated("PNG", 3), "first frame of 3"),
        (turned("PNG"), "EXIF orientation ignored: it counts in a JPEG only"),
        (turned("WEBP"), "EXIF orientation ignored: it counts in a JPEG only"),
        (FILES["jpeg cmyk"], "CMYK turned to RGB without a colour profile"),
    ],
)
def test_what_decoding_drops_is_noted(contents: bytes, note: str) -> None:
    assert inspect(contents, "a").notes == (note,)


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "bmp", "webp lossy", "png 1 bit"])
def test_ordinary_file_has_no_notes(name: str) -> None:
    assert inspect(FILES[name], name).notes == ()


def test_content_counts_and_not_the_extension() -> None:
    assert inspect(FILES["png"], "holiday.jpg").format == "PNG"


def refusal(contents: bytes, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        inspect(contents, "d/a.jpg", **options)
    return str(caught.value)


ONLY = "; only JPEG, PNG, GIF, BMP and static WebP can be read: convert it or remove it"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "the file is empty (0 bytes); copy it again or remove it"),
        (
            b"\n<!DOCTYPE html><p>404",
            "this is an HTML page, not an image (a failed download?)" + ONLY,
        ),
        (b"<svg xmlns='x'/>", "SVG or XML is not supported" + ONLY),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "AVIF is not supported" + ONLY),
        (encoded(photo(), "TIFF"), "TIFF is not supported" + ONLY),
        (b"MM\0*\0\0\0\x08", "TIFF is not supported" + ONLY),
        (b"\0\0\0\x18ftypheic", "HEIC is not supported" + ONLY),
        (b"\xff\x0a\xff\xff", "JPEG XL is not supported" + ONLY),
        (b"PK\3\4....", "this is a ZIP archive" + ONLY),
        (b"hello, world", "no known image format (it begins with b'hello, w')" + ONLY),
        (
            animated("WEBP", 3),
            "an animated WebP is not supported; save one frame of it",
        ),
        (
            png_header(0, 0),
            "the PNG header says 0x0 pixels; an image has at least 1x1",
        ),
        (
            png_header(20_000, 20_000),
            "the PNG header says 20000x20000, 400,000,000 pixels; at most 50,000,000 are read: "
            "make the image smaller, or raise max_pixels",
        ),
        (
            encoded(photo("1"), "BMP"),
            "a BMP of 1 bits a pixel; uncompressed ones of 8, 24 or 32 are read: convert it",
        ),
    ],
)
def test_what_is_no_readable_image_is_refused_by_name(contents: bytes, message: str) -> None:
    assert refusal(contents) == f"d/a.jpg: {message}"


def test_avif_that_pillow_wrote_is_refused_by_name() -> None:
    pytest.importorskip("PIL._avif", reason="this Pillow writes no AVIF")
    assert "AVIF is not supported" in refusal(encoded(photo(), "AVIF"))


def test_pixel_limit_can_be_raised() -> None:
    assert inspect(png_header(20_000, 20_000), "a", max_pixels=400_000_000).width == 20_000
    assert "at most 681 are read" in refusal(FILES["png"], max_pixels=31 * 22 - 1)
    assert inspect(FILES["png"], "a", max_pixels=31 * 22)


@pytest.mark.parametrize("name", FILES)
def test_cut_off_header_is_an_image_error_or_a_header(name: str) -> None:
    for length in range(1, min(len(FILES[name]), 700)):
        try:
            shape = inspect(FILES[name][:length], "a").shape
        except ImageError:
            continue
        assert shape == (22, 31)


@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_header_is_an_image_error_or_a_header(name: str, data: st.DataObject) -> None:
    contents = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 8))):
        contents[data.draw(st.integers(0, min(len(contents), 200) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        info = inspect(bytes(contents), "a")
    except ImageError:
        return
    assert 1 <= info.width * info.height <= 50_000_000


def test_flower_photographs_are_as_pillow_reads_them() -> None:
    if not SAMPLE.is_dir():
        pytest.skip("the flowers sample does not lie beside the project")
    paths = list_images(SAMPLE)
    assert len(paths) == 200
    for path in paths:
        info = inspect(path.read_bytes(), path.name)
        with Image.open(path) as image:
            assert (info.width, info.height) == image.size
            assert info.orientation == image.getexif().get(0x0112, 1)


def write(path: Path, contents: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


def test_images_are_listed_in_bytewise_order_without_hidden_and_other_files(
    tmp_path: Path,
) -> None:
    for name in ("b.jpg", "B.PNG", "a/z.gif", "a.jpg", "é.webp", ".hidden.jpg", ".git/c.jpg"):
        write(tmp_path / name, b"whatever")
    write(tmp_path / "README.md", b"# words")
    write(tmp_path / "no-extension", FILES["png"])
    found = [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)]
    assert found == ["B.PNG", "a.jpg", "a/z.gif", "b.jpg", "no-extension", "é.webp"]


def test_names_of_any_bytes_are_listed_and_can_be_opened(tmp_path: Path) -> None:
    names = [b"new\nline.jpg", b"not-utf8-\xff\xfe.jpg", b"sp ace.jpg"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(FILES["jpeg"])
    found = list_images(tmp_path)
    assert [os.fsencode(path.name) for path in found] == names
    assert all(path.read_bytes() == FILES["jpeg"] for path in found)


def test_loop_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "c.jpg", FILES["jpeg"])
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "b" / "self").symlink_to("self")
    (tmp_path / "twin").symlink_to(tmp_path / "a")
    found = [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)]
    assert found == ["a/b/c.jpg"]


def test_link_that_leads_nowhere_is_listed_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "notes").symlink_to(tmp_path / "gone")
    assert list_images(tmp_path) == [tmp_path / "a.jpg"]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: the folder can't be read \(No such file"):
        list_images(tmp_path / "nowhere")


def test_printable_stays_on_one_line() -> None:
    assert one_line(b"a\nb\xff\x1b.jpg") == "a\\nb\\xff\\x1b.jpg"
    assert one_line("Blüte.jpg") == "Blüte.jpg"


def test_embedded_photographs_are_small_and_readable() -> None:
    sizes = [inspect(path.read_bytes(), path.name).shape for path in photo_paths()]
    assert sizes == [(300, 451), (400, 600)]
    assert all(path.stat().st_size <= 200_000 for path in photo_paths())


def test_reading_headers_imports_neither_tensorflow_nor_pillow() -> None:
    code = (
        "import sys, augreg.images as i;"
        "p = i.photo_paths()[0]; i.inspect(p.read_bytes(), p.name); i.list_images(p.parent);"
        "print([m for m in ('tensorflow', 'keras', 'PIL', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
