"""What a file that is no JPEG begins with, and what is said of one that can't be decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

# The decoder of an older TensorFlow has no WebP.
READS_WEBP = tuple(int(part) for part in tf.__version__.split(".")[:2]) >= (2, 20)

# How a file is decoded: what `kind_of` gives.
ANY, PALETTE, GIF, WEBP, UNKNOWN = range(5)
# Of a BMP: the size of its header, bits a pixel, no compression. Without them TensorFlow reads
# packed pixels as if they were plain ones.
_BMP = b"BM" + b"." * 12 + b"%c" + b"." * 13 + b"%c." + bytes(4)
# Channels by masks, where they say what is usual: blue, green, red.
_MASKED = _BMP[:-4] + b"\3\0\0\0" + b"." * 20 + bytes.fromhex("0000ff0000ff0000ff000000")
_HEADERS = (40, 52, 56, 64, 108, 124)
# What a file begins with that is no JPEG; a dot stands for any byte.
_SIGNATURES = (
    (ANY, b"\x89PNG\r\n\x1a\n"),
    (GIF, b"GIF87a"),
    (GIF, b"GIF89a"),
    *((ANY, _BMP % (header, bits)) for header in _HEADERS for bits in (24, 32)),
    *((ANY, _MASKED % (header, 32)) for header in _HEADERS),
    *((PALETTE, _BMP % (header, 8)) for header in _HEADERS),
    (WEBP, b"RIFF....WEBPVP8 "),
    (WEBP, b"RIFF....WEBPVP8L"),
    (WEBP, b"RIFF....WEBPVP8X....\x00"),
)
_HEAD = max(len(magic) for _, magic in _SIGNATURES)
_KINDS = [kind for kind, _ in _SIGNATURES]
_BYTES = np.array([list(magic.ljust(_HEAD, b".")) for _, magic in _SIGNATURES], np.uint8)
_MASKS = np.where(np.isin(_BYTES, list(b".")), 0, 255).astype(np.uint8)
_MASKS[-1, 20] = 0x02  # of the flags, only the one of an animation, which is left unknown
_VALUES = _BYTES & _MASKS


def why_not(kind: str) -> str:
    """Why contents could not be decoded whose header is that of a `kind`: JPEG, PNG, ..."""
    if kind == "WebP" and not READS_WEBP:
        fix = "upgrade TensorFlow, or convert the image"
        return f"TensorFlow {tf.__version__} cannot read WebP; 2.20 can: {fix}"
    return f"a truncated or damaged {kind}: its pixels can't be decoded"


def kind_of(contents: Tensor) -> Tensor:
    """One of the kinds above, int32 [], of a file's contents, string []."""
    head = tf.strings.substr(contents, 0, _HEAD)
    head = tf.io.decode_raw(head, tf.uint8, fixed_length=_HEAD)
    hits = tf.reduce_all(tf.bitwise.bitwise_and(head, _MASKS) == _VALUES, axis=1)
    kind = tf.reduce_min(tf.where(hits, _KINDS, UNKNOWN))
    if not READS_WEBP:
        kind = tf.where(kind == WEBP, UNKNOWN, kind)
    return kind


def refuse(contents: Tensor) -> Tensor:
    """Raises InvalidArgumentError when it runs; uint8 [1, 1, 3] for the graph's sake."""
    what = "not a JPEG, PNG, GIF, BMP or static WebP; the file begins with"
    if not READS_WEBP:
        what = f"{why_not('WebP')}. Or it is {what}"
    # As text: an error's message that is not UTF-8 reaches Python as a UnicodeDecodeError.
    begin = tf.strings.unicode_transcode(
        tf.strings.substr(contents, 0, 12), "ISO-8859-1", "UTF-8", replace_control_characters=True
    )
    with tf.control_dependencies([tf.debugging.Assert(False, [what, begin])]):
        return tf.zeros([1, 1, 3], tf.uint8)
