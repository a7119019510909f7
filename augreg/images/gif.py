"""The first frame of a GIF on its canvas, in graph operations.

TensorFlow's decoder makes the canvas of a GIF as large as its largest frame, wherever the frames
stand, shows transparent pixels black, and unpacks all frames for the sake of the first. So it is
given a file of one frame that fills its canvas, without transparency; the frame is put where it
belongs here. What comes out is what Pillow gives.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from augreg.images.lazy import seldom

Tensor = Any

_EXTENSION, _CONTROL = 0x21, 0xF9
_TABLE = 13  # where the global table of colours begins, if there is one
# The colours of a file that has no table; as many as an index can name.
_GREYS = bytes(level for level in range(256) for _ in range(3))


@seldom
def first_frame(contents: Tensor) -> Tensor:
    """Decodes the first frame of a GIF.

    Args:
        contents: string [], a GIF file.

    Returns:
        uint8 [H, W, 3], the canvas: the screen, or as much more as the frame needs. Where no frame
        is, it has the transparent colour, or else the first.

    Raises:
        tf.errors.InvalidArgumentError: the file is damaged.
    """
    data = tf.io.decode_raw(contents, tf.uint8)
    size = _colours(_byte(data, 10))
    at, control = tf.while_loop(
        lambda at, _: _byte(data, at) == _EXTENSION,
        lambda at, control: [
            _behind_blocks(data, at + 2),
            tf.where(_byte(data, at + 1) == _CONTROL, at, control),
        ],
        [_TABLE + size, tf.constant(0)],
        parallel_iterations=1,
    )
    local = _colours(_byte(data, at + 9))
    table = tf.where(
        local > 0,
        tf.strings.substr(contents, at + 10, local),
        tf.strings.substr(contents, _TABLE, size),
    )
    table = tf.strings.join([tf.where(tf.maximum(local, size) > 0, table, _GREYS), bytes(768)])
    image = tf.io.decode_image(
        _alone(contents, data, at, at + 10 + local, tf.strings.substr(table, 0, 768)),
        channels=3,
        expand_animations=False,
    )
    clear = (control > 0) & (_byte(data, control + 3) % 2 == 1)
    index = tf.where(clear, _byte(data, control + 6), 0)
    colour = tf.io.decode_raw(tf.strings.substr(table, 3 * index, 3), tf.uint8)
    return _on_canvas(image, _pair(contents, at + 1), _pair(contents, 6), colour)


def _alone(contents: Tensor, data: Tensor, at: Tensor, pixels: Tensor, table: Tensor) -> Tensor:
    """A GIF of nothing but the frame described at `at`, with a table of its own of 256 colours."""
    size = tf.strings.substr(contents, at + 5, 4)
    flags = tf.where(_byte(data, at + 9) // 64 % 2 == 1, b"\xc7", b"\x87")  # interlaced or not
    end = _behind_blocks(data, pixels + 1)
    return tf.strings.join(
        [
            tf.strings.substr(contents, 0, 6),
            size,
            bytes(3),  # no global table
            tf.strings.substr(contents, at, 1),
            bytes(4),  # left and top
            size,
            flags,
            table,
            tf.strings.substr(contents, pixels, end - pixels),
            b";",
        ]
    )


def _on_canvas(image: Tensor, corner: Tensor, screen: Tensor, colour: Tensor) -> Tensor:
    """corner, screen: int32 [2], columns and rows. colour: uint8 [3], of what lies around."""
    size = tf.gather(tf.shape(image), [1, 0])
    around = tf.stack([corner, tf.maximum(screen - corner - size, 0)], 1)
    # Unsigned numbers wrap: what is added is what was taken away.
    return tf.pad(image - colour, tf.concat([around[::-1], [[0, 0]]], 0)) + colour


def _byte(data: Tensor, at: Tensor) -> Tensor:
    return tf.cast(tf.gather(data, at), tf.int32)


def _pair(contents: Tensor, at: Tensor) -> Tensor:
    words = tf.io.decode_raw(tf.strings.substr(contents, at, 4), tf.uint16, little_endian=True)
    return tf.cast(words, tf.int32)


def _colours(flags: Tensor) -> Tensor:
    """Bytes of the table of colours that a GIF's flags announce."""
    return tf.bitwise.left_shift(6, flags % 8) * (flags // 128)


def _behind_blocks(data: Tensor, at: Tensor) -> Tensor:
    """Where the sub-blocks that begin at `at` have ended, behind the one of length 0.

    All but the last are of 255 bytes as a rule: a run of them is passed over in one turn, because a
    turn costs as much as unpacking a block does.
    """

    def after(at: Tensor) -> list[Tensor]:
        full = tf.argmax(data[at::256] != 255, output_type=tf.int32)
        return [at + tf.where(full > 0, 256 * full, 1 + _byte(data, at))]

    (last,) = tf.while_loop(lambda at: _byte(data, at) != 0, after, [at], parallel_iterations=1)
    return last + 1
