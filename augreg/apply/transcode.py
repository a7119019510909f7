"""Encoded images in, encoded images out: what `apply` and `replay` run for each output."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augreg.apply.encoding import Encoding
from augreg.backends.tensorflow.debug import wanted
from augreg.errors import ImageError, RunError
from augreg.images import inspect
from augreg.images.decode import decode
from augreg.images.signatures import why_not

_ASSERTED = re.compile(r"assertion failed: \[(.*?)\][ \t]*(?:\n|\Z)", re.DOTALL)


def transcoder(
    augment: Callable[[Any, Any, Any], Any], encoding: Encoding
) -> Callable[[bytes, str, int, int], bytes]:
    """A function `make(contents, name, index, epoch)` that gives a file's bytes.

    One trace for images of every size, with the size unknown until it runs, as in `tf.data`: so the
    kernels are the ones that training uses. The encoders are TensorFlow's, whose libraries come in
    its wheel: the same TensorFlow gives the same bytes.

    Args:
        augment: `augment(index, image, epoch)`, graph operations; image uint8 [H,W,3], the result
            uint8 [H',W',C'].

    Raises:
        ImageError: by `make`, for contents that can't be decoded, and says which format they have;
            or where the policy can't be done to this image: an op failed on it. The message begins
            with `name`.
        RunError: so in debug mode, which looks for what is wrong with an op.
    """

    @tf.function(
        input_signature=[tf.TensorSpec((), kind) for kind in (tf.string, tf.uint32, tf.uint32)],
        autograph=False,
    )
    def run(contents: tf.Tensor, index: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        return _encode(augment(index, decode(contents), epoch), encoding)

    run.get_concrete_function()  # traced here, once, and not by several threads at a time

    def make(contents: bytes, name: str, index: int, epoch: int) -> bytes:
        try:
            made = run(contents, tf.constant(index, tf.uint32), tf.constant(epoch, tf.uint32))
        except tf.errors.OpError as error:
            if _decodes(contents):  # so it is the policy that can't do this image
                fault = RunError if wanted(None) else ImageError
                raise fault(f"{name}: {_said(error)}") from error
            kind = inspect(contents, name, sys.maxsize).format
            raise ImageError(f"{name}: {why_not(kind)}") from error
        return bytes(made.numpy())

    return make


def _encode(image: tf.Tensor, encoding: Encoding) -> tf.Tensor:
    if encoding.kind == "png":
        return tf.io.encode_png(image, compression=encoding.level)
    return tf.io.encode_jpeg(image, quality=encoding.level)


def _said(error: tf.errors.OpError) -> str:
    """What an assertion says in TensorFlow's message, which writes quotes and bytes as C does."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return "there is not enough memory to augment it"
    found = _ASSERTED.search(error.message)
    return (
        (found[1] if found else error.message.split("\n", 1)[0])
        .encode("utf-8", "replace")
        .decode("unicode_escape")
        .encode("latin-1", "replace")
        .decode("utf-8", "replace")
    )


def _decodes(contents: bytes) -> bool:
    try:
        decode(tf.constant(contents))
    except tf.errors.OpError:
        return False
    return True
