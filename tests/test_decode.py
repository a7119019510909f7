"""Decoding in graph operations, against Pillow's pixels and its EXIF geometry."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from augreg.apply.encoding import Encoding
from augreg.apply.transcode import Transcoder
from augreg.errors import ImageError
from augreg.images import inspect, list_images, photo_paths, signatures
from augreg.images.decode import decode, decode_window, shape
from augreg.images.exif import orientation_of

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "tf_flowers_sample"
STRING, INT = tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)

decode_graph = tf.function(decode, input_signature=[STRING], autograph=False)
shape_graph = tf.function(shape, input_signature=[STRING], autograph=False)
window_graph = tf.function(decode_window, input_signature=[STRING] + [INT] * 4, autograph=False)
orientation_graph = tf.function(orientation_of, input_signature=[STRING], autograph=False)


def photo(mode: str = "RGB", size: tuple[int, int] = (61, 43)) -> Image.Image:
    image = Image.open(photo_paths()[1]).convert("RGB").resize(size)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    if mode == "P":
        return image.quantize(200)
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_orientation(orientation: int, order: str = "<", **options: object) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112] = "a maker", orientation
    return encoded(photo(), "JPEG", exif=exif, **options)


def animated(kind: str, frames: int, mode: str = "RGB") -> bytes:
    pictures = [photo(mode).rotate(7 * turn) for turn in range(frames)]
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], duration=50)


def by_pillow(contents: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def top_down(bmp: bytes) -> bytes:
    (height,) = struct.unpack_from("<i", bmp, 22)
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:]


MIXED = ["jpeg", "png", "gif", "bmp palette", "webp alpha", "jpeg cmyk"]
FILES = {
    "jpeg": encoded(photo(), "JPEG"),
    "jpeg 4:4:4": encoded(photo(), "JPEG", subsampling=0),
    "jpeg 4:2:2 progressive": encoded(photo(), "JPEG", subsampling=1, progressive=True),
    "jpeg grey": encoded(photo("L"), "JPEG"),
    "jpeg cmyk": encoded(photo("CMYK"), "JPEG"),
    "png": encoded(photo(), "PNG"),
    "png rgba": encoded(photo("RGBA"), "PNG"),
    "png grey": encoded(photo("L"), "PNG"),
    "png grey alpha": encoded(photo("LA"), "PNG"),
    "png palette": encoded(photo("P"), "PNG"),
    "png palette, one colour clear": encoded(photo("P"), "PNG", transparency=3),
    "png 1 bit": encoded(photo("1"), "PNG"),
    "png animated": animated("PNG", 3),
    "gif": encoded(photo("P"), "GIF"),
    "gif animated": animated("GIF", 4),
    "bmp": encoded(photo(), "BMP"),
    "bmp top down": top_down(encoded(photo(), "BMP")),
    "bmp 32": encoded(photo("RGBA"), "BMP"),
    "bmp grey": encoded(photo("L"), "BMP"),
    "bmp palette": encoded(photo("P"), "BMP"),
    "webp lossy": encoded(photo(), "WEBP"),
    "webp lossless": encoded(photo(), "WEBP", lossless=True),
    "webp alpha": encoded(photo("RGBA"), "WEBP"),
    "webp lossless alpha": encoded(photo("RGBA"), "WEBP", lossless=True, exact=True),
    "1x1": encoded(photo(size=(1, 1)), "PNG"),
    "1x10000": encoded(photo(size=(1, 10_000)), "JPEG"),
    "10000x1": encoded(photo(size=(10_000, 1)), "PNG"),
}


if not signatures.READS_WEBP:  # an older TensorFlow; test_webp_is_refused_by_name_... stays
    FILES = {name: contents for name, contents in FILES.items() if "webp" not in name}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_pillow(name: str) -> None:
    pixels = decode_graph(FILES[name]).numpy()
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, by_pillow(FILES[name]))


@pytest.mark.parametrize("name", FILES)
def test_shape_is_that_of_the_decoded_image_and_of_the_header(name: str) -> None:
    expected = by_pillow(FILES[name]).shape[:2]
    assert tuple(shape_graph(FILES[name]).numpy()) == expected
    assert inspect(FILES[name], name).shape == expected


def test_sixteen_bits_keep_the_upper_eight() -> None:
    values = np.random.default_rng(0).integers(0, 1 << 16, (9, 7), np.uint16)
    pixels = decode_graph(encoded(Image.fromarray(values), "PNG")).numpy()
    np.testing.assert_array_equal(pixels, np.repeat((values >> 8)[..., None], 3, -1))


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_honoured_as_pillow_does(orientation: int, order: str) -> None:
    contents = with_orientation(orientation, order)
    np.testing.assert_array_equal(decode_graph(contents), by_pillow(contents))
    assert tuple(shape_graph(contents).numpy()) == by_pillow(contents).shape[:2]


def after_other_segments(contents: bytes) -> bytes:
    """The EXIF segment behind a comment, an ICC profile and a segment that names "Adobe"."""
    comment = b"\xff\xfe" + struct.pack(">H", 7) + b"hello"
    profile = b"\xff\xe2" + struct.pack(">H", 2002) + b"\xff\xd9\xff\xda" * 500
    adobe = b"\xff\xed" + struct.pack(">H", 17) + b"Photoshop Adobe"
    return contents[:2] + comment + profile + adobe + contents[2:]


def test_orientation_is_found_behind_other_segments() -> None:
    contents = after_other_segments(with_orientation(6))
    np.testing.assert_array_equal(decode_graph(contents), by_pillow(contents))
    assert inspect(contents, "a").orientation == 6


def test_exif_of_a_second_image_behind_the_first_is_not_honoured() -> None:
    contents = FILES["jpeg"] + with_orientation(6)
    assert orientation_graph(contents).numpy() == 1 == inspect(contents, "a").orientation
    np.testing.assert_array_equal(decode_graph(contents), by_pillow(FILES["jpeg"]))


@pytest.mark.parametrize("head", [b"\xff\xda\x00\x02", b"\x12\x34\x00\x02", b"\xff\xe0\x00\x01"])
def test_exif_behind_what_is_no_segment_is_not_honoured(head: bytes) -> None:
    contents = with_orientation(6)
    frame = contents.index(b"\xff\xc0")
    size = contents[frame : frame + 2 + int.from_bytes(contents[frame + 2 : frame + 4])]
    changed = contents[:2] + size + head + contents[2:]
    assert orientation_graph(changed).numpy() == 1 == inspect(changed, "a").orientation
    kept = contents[:2] + size + contents[2:]
    assert orientation_graph(kept).numpy() == 6 == inspect(kept, "a").orientation


@given(st.data())
def test_damaged_exif_reads_alike_in_graph_and_header(data: st.DataObject) -> None:
    contents = bytearray(
        with_orientation(data.draw(st.integers(0, 9)), data.draw(st.sampled_from("<>")))
    )
    start = contents.index(b"Exif") - 6
    for _ in range(data.draw(st.integers(0, 4))):
        contents[start + data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    try:
        expected = inspect(bytes(contents), "a").orientation
    except ImageError:  # damaged elsewhere, which is no matter of orientation
        return
    assert orientation_graph(bytes(contents)).numpy() == expected


def adobe_segment(contents: bytes) -> tuple[int, int]:
    start = contents.index(b"Adobe") - 4
    return start, start + 2 + int.from_bytes(contents[start + 2 : start + 4])


def test_cmyk_without_the_marker_of_adobe_has_the_same_colours() -> None:
    contents = FILES["jpeg cmyk"]
    start, end = adobe_segment(contents)
    bare = contents[:start] + contents[end:]
    np.testing.assert_array_equal(decode_graph(bare), by_pillow(contents))
    np.testing.assert_array_equal(window_graph(bare, 3, 5, 17, 29), by_pillow(contents)[3:20, 5:34])


def test_ycck_has_the_colours_that_pillow_gives_it() -> None:
    contents = bytearray(FILES["jpeg cmyk"])
    contents[adobe_segment(FILES["jpeg cmyk"])[1] - 1] = 2  # the values now mean YCCK
    np.testing.assert_array_equal(decode_graph(bytes(contents)), by_pillow(bytes(contents)))


@pytest.mark.parametrize(
    "contents",
    [b"", b"<html>", b"II*\0\xff\xfe\0\0", b"RIFF\0\0\0\0WEBP", animated("WEBP", 3)],
)
def test_what_is_no_readable_image_is_refused(contents: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a JPEG, PNG, GIF, BMP or static"):
        decode_graph(contents)


@pytest.mark.parametrize(
    "name", sorted({"jpeg", "png", "gif", "bmp", "webp lossy", "webp lossless"} & FILES.keys())
)
@pytest.mark.parametrize("part", [0.5, 0.95])
def test_truncated_file_is_refused(name: str, part: float) -> None:
    contents = FILES[name]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_graph(contents[: int(len(contents) * part)])


def test_webp_is_refused_by_name_where_tensorflow_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    webp = encoded(photo(), "WEBP")
    monkeypatch.setattr(signatures, "READS_WEBP", False)
    said = f"TensorFlow {tf.__version__} cannot read WebP; 2.20 can"
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        tf.function(decode, autograph=False)(webp)
    made = Transcoder(*[lambda index, image, epoch: image] * 2, Encoding())
    with pytest.raises(ImageError, match=f"^a.webp: {said}: upgrade TensorFlow, or convert"):
        made.open(webp, "a.webp")


def windows(height: int, width: int, count: int, seed: int) -> list[tuple[int, int, int, int]]:
    """Random windows; every other one begins on a block of 16, where the decoder's crops differ."""
    rng = np.random.default_rng(seed)
    found = [(0, 0, height, width), (height - 1, width - 1, 1, 1)]
    for number in range(count):
        tall, wide = int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1))
        top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
        if number % 2:
            top, left = top // 16 * 16, left // 16 * 16
        found.append((top, left, tall, wide))
    return found


def assert_windows(contents: bytes, count: int, seed: int = 0) -> None:
    whole = decode_graph(contents).numpy()
    for top, left, tall, wide in windows(*whole.shape[:2], count, seed):
        window = window_graph(contents, top, left, tall, wide).numpy()
        np.testing.assert_array_equal(window, whole[top : top + tall, left : left + wide])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_window_is_bit_equal_to_cutting_it_out(orientation: int, subsampling: str) -> None:
    assert_windows(with_orientation(orientation, subsampling=subsampling), 16, orientation)


@pytest.mark.parametrize("name", FILES)
def test_window_of_every_format_is_bit_equal_to_cutting_it_out(name: str) -> None:
    assert_windows(FILES[name], 4)


def test_photographs_and_their_windows_are_bit_equal_to_those_of_pillow() -> None:
    if not SAMPLE.is_dir():
        pytest.skip("the flowers sample does not lie beside the project")
    paths = list_images(SAMPLE)
    assert len(paths) == 200
    for seed, path in enumerate(paths):
        contents = path.read_bytes()
        np.testing.assert_array_equal(decode_graph(contents), by_pillow(contents))
        assert_windows(contents, 2, seed)


@pytest.mark.parametrize("name", ["jpeg", "png"])
@pytest.mark.parametrize("window", [(0, 0, 44, 10), (-1, 0, 5, 5), (40, 60, 1, 2), (43, 0, 1, 1)])
def test_window_outside_the_image_is_refused(name: str, window: tuple[int, ...]) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        window_graph(FILES[name], *window)


def test_shapes_are_static_where_they_can_be() -> None:
    spec = tf.data.Dataset.from_tensors(FILES["png"]).map(decode).element_spec
    assert spec.shape.as_list() == [None, None, 3]
    assert spec.dtype == tf.uint8
    assert decode_window(tf.constant(FILES["png"]), 1, 2, 5, 6).shape == (5, 6, 3)


def test_decoding_dataset_is_restored_from_a_checkpoint(tmp_path: Path) -> None:
    names = [name for name in MIXED if name in FILES]
    dataset = tf.data.Dataset.from_tensor_slices([FILES[name] for name in names])
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    iterator = iter(dataset)
    next(iterator), next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "checkpoint")
    again = iter(dataset)
    tf.train.Checkpoint(iterator=again).restore(path)
    for name in names[2:]:
        np.testing.assert_array_equal(next(again), by_pillow(FILES[name]))
    with pytest.raises(StopIteration):
        next(again)


WORKER = """
import sys, tensorflow as tf
dispatcher = tf.data.experimental.service.DispatchServer()
worker = tf.data.experimental.service.WorkerServer(
    tf.data.experimental.service.WorkerConfig(
        dispatcher_address=dispatcher.target.split("://")[1]
    )
)
print(dispatcher.target, flush=True)
sys.stdin.read()
"""


def test_decoding_runs_in_a_tf_data_service_worker_of_another_process() -> None:
    names = [name for name in MIXED if name in FILES]
    dataset = tf.data.Dataset.from_tensor_slices([FILES[name] for name in names]).map(decode)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        service = process.stdout.readline().strip()
        distributed = dataset.apply(
            tf.data.experimental.service.distribute(
                processing_mode="distributed_epoch", service=service
            )
        )
        found = sorted(image.tobytes() for image in distributed.as_numpy_iterator())
        process.communicate()
    assert found == sorted(by_pillow(FILES[name]).tobytes() for name in names)
