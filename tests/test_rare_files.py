"""Rare but valid files: the pixels that Pillow gives, or refused by name, on every way in."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from rare_files import (
    bmp,
    chunk,
    comment,
    control,
    encoded,
    flat_blocks,
    frame,
    gif,
    photo,
    png,
    segment,
    tiff,
    top_down,
    with_exif,
    with_fill,
)

from augreg.errors import ImageError
from augreg.images import inspect
from augreg.images.decode import (
    decode,
    decode_scaled,
    decode_window,
    shape,
)
from augreg.images.signatures import READS_WEBP
from augreg.views.photos import read_image

STRING, INT = tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)
decode_graph = tf.function(decode, input_signature=[STRING], autograph=False)
shape_graph = tf.function(shape, input_signature=[STRING], autograph=False)
window_graph = tf.function(decode_window, input_signature=[STRING] + [INT] * 4, autograph=False)
scaled_graph = tf.function(decode_scaled, input_signature=[STRING] + [INT] * 2, autograph=False)

RNG = np.random.default_rng(1)
JPEG = encoded(photo(), "JPEG")
XMP = b"http://ns.adobe.com/xap/1.0/\0"
THUMBNAIL = encoded(photo(size=(16, 16)), "JPEG")  # begins with FF D8


def jpegs() -> dict[str, bytes]:
    turned, restarts = tiff(3, 6), encoded(photo(), "JPEG", restart_marker_blocks=1)
    found = {
        "fill": with_fill(JPEG),
        "one byte of fill": with_fill(JPEG, 1),
        "restart markers": restarts,
        "fill before restart markers": with_fill(restarts),
        "fill before EXIF": with_fill(with_exif(turned)),
        "fill, CMYK": with_fill(encoded(photo("CMYK"), "JPEG")),
        "progressive": encoded(photo(), "JPEG", progressive=True),
        "RGB, not YCbCr": encoded(photo(), "JPEG", keep_rgb=True),
        "bytes behind the end": JPEG + bytes(100),
        "JFIF before EXIF": JPEG[:20] + segment(0xE1, turned) + JPEG[20:],
        "XMP before EXIF": with_exif(turned, segment(0xE1, XMP + b"<x:xmpmeta/>")),
        "XMP that names Exif": with_exif(turned, segment(0xE1, XMP + b" Exif\0\0II*\0")),
        "comment that names Exif": with_exif(turned, segment(0xFE, b"Exif\0\0 hi")),
        "EXIF block in a comment": JPEG[:2] + segment(0xFE, turned) + JPEG[2:],
        "two EXIF blocks": with_exif(turned, segment(0xE1, tiff(3, 3))),
        "thumbnail in EXIF": with_exif(turned + THUMBNAIL),
        "two pictures": encoded(photo(), "MPO", save_all=True, append_images=[photo().rotate(9)]),
    }
    for order in "<>":
        for kind in (3, 4, 6, 8, 9):
            found[f"orientation of type {kind}{order}"] = with_exif(tiff(kind, 6, order))
        found[f"orientation that is no number{order}"] = with_exif(tiff(7, 6, order))
        found[f"no orientation{order}"] = with_exif(tiff(3, 6, order, count=0))
        found[f"two orientations{order}"] = with_exif(tiff(3, 6, order, count=2))
        found[f"odd directory{order}"] = with_exif(tiff(4, 8, order, start=9))
        found[f"far directory{order}"] = with_exif(tiff(3, 5, order, start=50_000))
    for sampling in (
        ((4, 1), (1, 1), (1, 1)),
        ((1, 2), (1, 1), (1, 1)),
        ((2, 2), (2, 1), (1, 2)),
        ((3, 1), (1, 1), (1, 1)),
        ((1, 4), (1, 1), (1, 1)),
        ((1, 1), (2, 2), (1, 1)),
        ((2, 1),),
    ):
        found[f"sampling {sampling}"] = flat_blocks(sampling)
    found["sampling and restarts"] = with_fill(flat_blocks(((4, 1), (1, 1), (1, 1)), restart=2), 2)
    return {f"jpeg, {name}": contents for name, contents in found.items()}


def pngs() -> dict[str, bytes]:
    def noise(channels: int, bits: int = 8) -> Any:
        return RNG.integers(0, 1 << bits, (13, 11, channels))

    found = {}
    for way in ("", ", interlaced"):
        lace = bool(way)
        clear = chunk(b"tRNS", struct.pack(">HHH", 255, 0, 255))
        found[f"rgb{way}"] = png(noise(3), 8, 2, interlaced=lace)
        found[f"rgb 16{way}"] = png(noise(3, 16), 16, 2, interlaced=lace)
        found[f"rgba 16{way}"] = png(noise(4, 16), 16, 6, interlaced=lace)
        found[f"grey and alpha{way}"] = png(noise(2), 8, 4, interlaced=lace)
        found[f"rgb, one clear{way}"] = png(noise(3, 1) * 255, 8, 2, clear, interlaced=lace)
        found[f"small{way}"] = png(noise(3)[:2, :3], 8, 2, interlaced=lace)
        for bits in (1, 2, 4, 8):
            table = chunk(b"PLTE", RNG.integers(0, 256, 3 << bits, np.uint8).tobytes())
            clear, grey = chunk(b"tRNS", b"\0\x80"), chunk(b"tRNS", b"\0\1")
            found[f"palette {bits}{way}"] = png(noise(1, bits), bits, 3, table, interlaced=lace)
            found[f"palette {bits}, clear{way}"] = png(
                noise(1, bits), bits, 3, table, clear, interlaced=lace
            )
            found[f"grey {bits}{way}"] = png(noise(1, bits), bits, 0, interlaced=lace)
            found[f"grey {bits}, clear{way}"] = png(noise(1, bits), bits, 0, grey, interlaced=lace)
    for name, more in {
        "gAMA": chunk(b"gAMA", struct.pack(">I", 100_000)),
        "sRGB": chunk(b"sRGB", b"\0"),
        "sBIT": chunk(b"sBIT", b"\5\6\5"),
        "bKGD": chunk(b"bKGD", struct.pack(">HHH", 9, 200, 7)),
    }.items():
        found[name] = png(noise(3), 8, 2, more)
    pictures = [photo().rotate(7 * turn) for turn in range(3)]
    found["still before the animation"] = encoded(
        photo(), "PNG", save_all=True, append_images=pictures, default_image=True
    )
    return {f"png, {name}": contents for name, contents in found.items()}


def gifs() -> dict[str, bytes]:
    table, own = (RNG.integers(0, 256, (count, 3), np.uint8) for count in (256, 16))
    whole, part = (
        RNG.integers(0, top, size, np.uint8) for top, size in ((256, (9, 12)), (16, (5, 7)))
    )
    screen = (12, 9)
    small, small_own = frame(part, (3, 2)), frame(part, (3, 2), own)
    huge = frame(np.zeros((300, 200), np.uint8))
    found = {
        "87a": gif(screen, frame(whole), palette=table, version=b"GIF87a"),
        "interlaced": gif(screen, frame(whole, interlaced=True), palette=table),
        "three rows, interlaced": gif((7, 3), frame(part[:3], interlaced=True), palette=table),
        "small": gif(screen, small, palette=table, background=9),
        "small, at the corner": gif(screen, frame(part), palette=table),
        "small, interlaced": gif(screen, frame(part, (3, 2), interlaced=True), palette=table),
        "small, own table": gif(screen, small_own, palette=table, background=9),
        "small, own table only": gif(screen, small_own),
        "own table": gif(screen, frame(whole % 16, (0, 0), own), palette=table),
        "clear": gif(screen, control(5), comment(b"x" * 600), frame(whole % 16), palette=table),
        "small, clear": gif(screen, comment(b"x"), control(5), small, palette=table, background=9),
        "small, clear, own table": gif(screen, control(5), small_own, palette=table),
        "clear beyond the table": gif(screen, control(200), small_own),
        "beyond the screen": gif((6, 4), small, palette=table),
        "larger than the screen": gif((6, 4), frame(whole), palette=table),
        "second is larger": gif(screen, small, control(), frame(whole), palette=table),
        "second is huge": gif(screen, small, control(), huge, palette=table),
        "disposal": gif(screen, control(3, 2), frame(whole), control(3, 3), small, palette=table),
        "no table": gif(screen, frame(whole)),
        "index beyond the table": gif(screen, frame(whole, (0, 0), own)),
        "bytes behind the end": gif(screen, frame(whole), palette=table) + b"junk",
        "no end": gif(screen, frame(whole), palette=table)[:-1],
        "plain text": gif(screen, b"!\1\x0c" + bytes(12) + b"\2hi\0", frame(whole), palette=table),
    }
    return {f"gif, {name}": contents for name, contents in found.items()}


def masks(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


PIXELS = RNG.integers(0, 256, (9, 12, 4), np.uint8)
USUAL, OTHER = (0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000)


def bmps() -> dict[str, bytes]:
    deep, plain, size = PIXELS.tobytes(), PIXELS[..., :3].tobytes(), (12, 9)
    indices = RNG.integers(0, 5, (9, 12), np.uint8).tobytes()
    palette = bmp(indices, size, 8, palette=RNG.integers(0, 256, 1024, np.uint8).tobytes())
    found = {
        "32": bmp(deep, size, 32),
        "32, version 4": bmp(deep, size, 32, header=108),
        "32, version 5, top down": top_down(bmp(deep, size, 32, header=124)),
        "24, version 5": bmp(plain, size, 24, header=124),
        "24, OS/2 version 2": bmp(plain, size, 24, header=64),
        "32, usual masks": bmp(deep, size, 32, packing=3, masks=masks(*USUAL)),
        "palette": palette,
        "palette, top down": top_down(palette),
    }
    return {f"bmp, {name}": contents for name, contents in found.items()}


def webps() -> dict[str, bytes]:
    found = {}
    for mode in ("RGB", "RGBA"):
        for lossless in (False, True):
            options = {"lossless": lossless, "exact": True}
            found[f"{mode} {lossless}"] = encoded(photo(mode), "WEBP", **options)
            found[f"{mode} {lossless}, with more"] = encoded(
                photo(mode), "WEBP", **options, exif=tiff(3, 1), icc_profile=b"x" * 50, xmp=b"<x>"
            )
    return {f"webp, {name}": contents for name, contents in found.items()}


FILES = {**jpegs(), **pngs(), **gifs(), **bmps(), **(webps() if READS_WEBP else {})}


def by_pillow(contents: bytes) -> Any:
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.filterwarnings("ignore:Metadata Warning:UserWarning:PIL.TiffImagePlugin")
@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning:PIL.Image")
@pytest.mark.parametrize("name", FILES)
def test_rare_file_has_the_pixels_that_pillow_gives(name: str, tmp_path: Path) -> None:
    contents, expected = FILES[name], by_pillow(FILES[name])
    np.testing.assert_array_equal(decode_graph(contents), expected)
    height, width = expected.shape[:2]
    assert tuple(shape_graph(contents)) == (height, width) == inspect(contents, name).shape
    np.testing.assert_array_equal(scaled_graph(contents, height, width), expected)
    for top, left, tall, wide in [(0, 0, 1, 1), (height // 2, width // 3, height // 3, width // 2)]:
        window = window_graph(contents, top, left, tall, wide)
        np.testing.assert_array_equal(window, expected[top : top + tall, left : left + wide])
    (tmp_path / "a").write_bytes(contents)
    np.testing.assert_array_equal(read_image(tmp_path / "a"), expected)


@pytest.mark.parametrize("order", "<>")
def test_orientation_may_be_a_byte_which_pillow_does_not_read(order: str) -> None:
    contents = with_exif(tiff(1, 6, order))
    np.testing.assert_array_equal(decode_graph(contents), np.rot90(by_pillow(JPEG), -1))
    assert inspect(contents, "a").orientation == 6


def test_orientation_behind_the_end_of_its_segment_does_not_count() -> None:
    block, orientation = tiff(3, 6)[:-16], tiff(3, 6)[-16:]
    contents = JPEG[:2] + segment(0xE1, block) + segment(0xFE, orientation) + JPEG[2:]
    assert inspect(contents, "a").orientation == 1
    np.testing.assert_array_equal(decode_graph(contents), by_pillow(JPEG))


def test_cmyk_with_black_is_within_a_level_of_pillow() -> None:
    contents = flat_blocks(((1, 1),) * 4)
    found, expected = decode_graph(contents).numpy().astype(int), by_pillow(contents)
    assert np.abs(found - expected).max() == 1  # one rounds down, the other to the nearest


def test_orientation_that_only_xmp_has_is_noted() -> None:
    body = XMP + b'<rdf:Description tiff:Orientation="6"/>'
    contents = JPEG[:2] + segment(0xE1, body) + JPEG[2:]
    note = "XMP orientation ignored: that of EXIF counts"
    assert inspect(contents, "a").notes == (note,)
    assert inspect(with_exif(tiff(3, 6), segment(0xE1, body)), "a").notes == ()
    np.testing.assert_array_equal(decode_graph(contents), by_pillow(JPEG))


def test_orientation_of_a_png_is_noted_where_it_stands_behind_the_pixels() -> None:
    plain = encoded(photo(), "PNG")
    contents = plain[:-12] + chunk(b"eXIf", tiff(3, 6).removeprefix(b"Exif\0\0")) + plain[-12:]
    note = "EXIF orientation ignored: it counts in a JPEG only"
    assert inspect(contents, "a").notes == (note,)


def test_preview_shows_sixteen_bits_of_grey_as_training_reads_them(tmp_path: Path) -> None:
    deep = np.arange(108, dtype=np.uint16).reshape(9, 12) * 600
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(deep), "PNG"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 1], deep >> 8)


def test_preview_shows_what_training_reads_where_pillow_would_turn(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("PNG", "WEBP"):
        contents = encoded(photo(), kind, exif=exif)
        (tmp_path / "a").write_bytes(contents)
        assert read_image(tmp_path / "a").shape[:2] == inspect(contents, "a").shape == (43, 61)


def marked(marker: int) -> bytes:
    return JPEG.replace(b"\xff\xc0", bytes([0xFF, marker]), 1)


REFUSED = {
    "masks of another order": bmp(PIXELS.tobytes(), (12, 9), 32, 108, 3, masks(*OTHER)),
    "masks of another order, old header": bmp(
        PIXELS.tobytes(), (12, 9), 32, packing=3, masks=masks(*OTHER[:3])
    ),
    "masks and alpha": bmp(PIXELS.tobytes(), (12, 9), 32, packing=6, masks=masks(*OTHER)),
    "a JPEG in a BMP": bmp(PIXELS[..., :3].tobytes(), (12, 9), 24, packing=4),
    "run lengths": bmp(bytes([1, 7] * 99), (12, 9), 8, packing=1, palette=bytes(1024)),
    "16 bits": bmp(PIXELS[..., :2].tobytes(), (12, 9), 16),
    "lossless JPEG": marked(0xC3),
    "hierarchical JPEG": marked(0xC5),
    "JPEG-LS": marked(0xF7),
    "a PNG of Apple's": encoded(photo(), "PNG").replace(
        b"\0\0\0\rIHDR", chunk(b"CgBI", bytes(4)), 1
    ),
    "TIFF": b"MM\0*\0\0\0\x08\xff\xfe",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_on_every_way_in(name: str) -> None:
    with pytest.raises(ImageError, match=r"^a: .*(not supported|are read|can be read)"):
        inspect(REFUSED[name], "a")
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_graph(REFUSED[name])


@given(st.sampled_from([name for name in FILES if name.startswith("gif")]), st.data())
def test_damaged_gif_is_refused_or_as_large_as_its_header_says(
    name: str, data: st.DataObject
) -> None:
    contents = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(6, min(len(contents), 900) - 1))
        contents[place] = data.draw(st.integers(0, 255))
    try:
        expected = inspect(bytes(contents), name, max_pixels=1_000_000).shape
    except ImageError:
        return
    try:
        found = decode_graph(bytes(contents)).shape
    except tf.errors.InvalidArgumentError:
        return
    assert found == (*expected, 3)
