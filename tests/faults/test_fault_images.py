"""Faults 26 to 43 of images, as `augreg apply` answers them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from fault_tools import (
    BAD,
    Applied,
    applied,
    encoded,
    frames,
    pixels,
    png_header,
)
from PIL import Image, ImageOps

import augreg
from augreg.annotations.mixing import pastes
from augreg.errors import ImageError
from augreg.images import inspect
from augreg.plan import plan
from augreg.plugin.registry import default_registry
from augreg.testing.objects import OPTIONS, with_objects

GOOD = {"good.png": encoded(pixels())}


def skipped(tmp_path: Path, name: str, contents: bytes, *words: str) -> Applied:
    """`apply` skips the file, lists it with `words`, makes the other, and exits 4."""
    run = applied(tmp_path, {**GOOD, name: contents})
    assert run.said.code == 4
    assert "made 1 of 2 outputs" in run.said.out
    assert f"skipped 1 of 2 images:\n  {name}: " in run.said.err
    for word in words:
        assert word in run.said.err, run.said.err
    assert list(run.images) == ["good.png"]
    np.testing.assert_array_equal(run.images["good.png"], pixels())
    return run


def made(tmp_path: Path, contents: bytes, *notes: str, name: str = "a.png") -> Any:
    """The pixels that `apply` gives; all that it says on stderr are `notes`."""
    run = applied(tmp_path, {name: contents})
    assert run.said.code == 0
    assert run.said.err == "".join(f"{note} in 1 image (first: {name})\n" for note in notes)
    return run.images[name]


def as_pillow(contents: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(contents)).convert("RGB"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("26_empty.png", "the file is empty (0 bytes)"),
        ("27_page.jpg", "this is an HTML page, not an image"),
        ("28_cut.jpg", "a truncated or damaged JPEG"),
        ("29_cut.png", "a truncated or damaged PNG"),
        ("30_nothing.png", "the PNG header says 0x0 pixels"),
    ],
)
def test_fault_26_27_28_29_30_bad_file_is_skipped_counted_and_listed(
    tmp_path: Path, name: str, words: str
) -> None:
    skipped(tmp_path, name, BAD[name], words)


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000)], ids=["31", "32"])
def test_fault_31_32_every_op_works_on_thin_images_or_the_plan_refuses(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    thin = np.zeros((*size, 3), np.uint8)
    images, labels = np.stack([thin, thin]), {"labels": np.arange(2)}
    for name, op in default_registry().ops.items():
        batch = {"images": images, **(labels if "classes" in op.settable else {})}
        policy = {"version": 1, "augment": [{"op": name, **op.example}]}
        how = OPTIONS if pastes(augreg.load_policy(policy)) else {}
        batch = with_objects(images) if how else batch
        try:
            plan(augreg.load_policy(policy), size=size)
        except augreg.PolicyError:
            with pytest.raises(augreg.PolicyError, match=r"^/augment/0"):
                augreg.augment(batch, policy, seed=0, **how)
        else:
            assert np.isfinite(augreg.augment(batch, policy, seed=0, **how)["images"]).all()
    run = applied(tmp_path, {"a.png": encoded(thin)})
    assert run.said.code == 0 and run.images["a.png"].shape == (*size, 3)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P"])
def test_fault_33_grey_alpha_one_bit_and_palette_give_three_channels(
    tmp_path: Path, mode: str
) -> None:
    contents = encoded(Image.fromarray(pixels()).convert(mode))
    result = made(tmp_path, contents, *["alpha dropped"] * (mode == "LA"))
    np.testing.assert_array_equal(result, as_pillow(contents))
    assert result.shape[2] == 3


def test_fault_34_alpha_is_dropped_and_said_once(tmp_path: Path) -> None:
    clear = Image.fromarray(pixels())
    clear.putalpha(7)
    run = applied(tmp_path, {"a.png": encoded(clear), "b.png": encoded(clear)})
    assert run.said.code == 0
    assert run.said.err == "alpha dropped in 2 images (first: a.png)\n"
    np.testing.assert_array_equal(run.images["a.png"], pixels())


def test_fault_35_sixteen_bits_are_cut_to_eight_with_a_warning(tmp_path: Path) -> None:
    deep = np.arange(108, dtype=np.uint16).reshape(9, 12) * 600
    result = made(tmp_path, encoded(Image.fromarray(deep)), "16 bits cut to 8")
    np.testing.assert_array_equal(result[..., 0], deep >> 8)


def test_fault_36_cmyk_has_the_right_colours(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 40, 90), np.uint8)
    contents = encoded(Image.fromarray(flat).convert("CMYK"), "JPEG", quality=100)
    result = made(tmp_path, contents, "CMYK turned to RGB without a colour profile", name="a.jpg")
    assert np.abs(result.astype(int) - (200, 40, 90)).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_fault_37_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    contents = encoded(pixels(), "JPEG", exif=exif)
    result = made(tmp_path, contents, name="a.jpg")
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(contents)))
    assert result.shape[:2] == expected.size[::-1]
    assert np.abs(result.astype(int) - np.asarray(expected)).max() <= 2


def test_fault_38_animated_gif_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    contents = frames("GIF")
    result = made(tmp_path, contents, "first frame of 3", name="a.gif")
    np.testing.assert_array_equal(result, as_pillow(contents))


def test_fault_39_animated_webp_is_refused_before_tensorflow_sees_it(tmp_path: Path) -> None:
    from augreg.apply.transcode import Transcoder

    open_ = Transcoder.open
    with mock.patch.object(Transcoder, "open", autospec=True, side_effect=open_) as spy:
        skipped(tmp_path, "a.webp", frames("WEBP"), "an animated WebP is not supported")
    assert [call.args[1] for call in spy.call_args_list] == [GOOD["good.png"]]


def test_fault_40_static_webp_works_or_is_refused_by_name(tmp_path: Path) -> None:
    from augreg.images.signatures import READS_WEBP

    contents = encoded(pixels(), "WEBP", lossless=True)
    if not READS_WEBP:
        skipped(tmp_path, "a.webp", contents, "cannot read WebP; 2.20 can: upgrade TensorFlow")
        return
    np.testing.assert_array_equal(made(tmp_path, contents, name="a.webp"), pixels())


@pytest.mark.parametrize(
    ("name", "contents", "kind"),
    [
        ("a.avif", b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "AVIF"),
        ("a.tif", encoded(pixels(), "TIFF"), "TIFF"),
        ("a.jpg", encoded(pixels(), "TIFF"), "TIFF"),
    ],
)
def test_fault_41_avif_and_tiff_are_not_supported_by_name(
    tmp_path: Path, name: str, contents: bytes, kind: str
) -> None:
    skipped(tmp_path, name, contents, f"{kind} is not supported", "convert it")


def test_fault_42_header_that_claims_too_much_is_refused_and_the_limit_can_be_raised(
    tmp_path: Path,
) -> None:
    huge = png_header(20_000, 20_000)
    words = ("says 20000x20000", "at most 50,000,000 are read", "raise max_pixels")
    skipped(tmp_path, "huge.png", huge, *words)
    assert inspect(huge, "huge.png", max_pixels=400_000_000).width == 20_000
    with pytest.raises(ImageError):
        inspect(png_header(10_001, 5_000), "just too large")
    assert inspect(png_header(10_000, 5_000), "just right").height == 5_000


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "PNG"), ("a.png", "JPEG"), ("a.bmp", "GIF")])
def test_fault_43_wrong_extension_does_not_count(tmp_path: Path, name: str, kind: str) -> None:
    contents = encoded(pixels(), kind)
    result = made(tmp_path, contents, name=name)
    assert np.abs(result.astype(int) - as_pillow(contents)).max() <= 2
