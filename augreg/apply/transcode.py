"""Encoded images in, encoded images out: what `apply` and `replay` run for each output."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from augreg.apply.encoding import Encoding
from augreg.backends.tensorflow.debug import wanted
from augreg.errors import ImageError, RunError
from augreg.images import inspect
from augreg.images.decode import decode
from augreg.images.png import encode_png
from augreg.images.signatures import why_not

_ASSERTED = re.compile(r"assertion failed: \[(.*?)\][ \t]*(?:\n|\Z)", re.DOTALL)


class Transcoder:
    """A file's bytes from an image's, in two steps, of which copies of an image share the first.

    One trace for images of every size, with the size unknown until it runs, as in `tf.data`: so the
    kernels are the ones that training uses. The encoders are TensorFlow's and `encode_png`, whose
    libraries come in their wheels: the same versions give the same bytes.

    Args:
        prepare, augment: `fn(index, image, epoch)`, graph operations; the image of `prepare` uint8
            [H,W,3], what it gives is that of `augment`, which gives uint8 [H',W',C']. `prepare` is
            what all samples have in common, whichever they are; None for nothing.
    """

    def __init__(
        self,
        prepare: Callable[[Any, Any, Any], Any] | None,
        augment: Callable[[Any, Any, Any], Any],
        encoding: Encoding,
    ) -> None:
        word = tf.TensorSpec((), tf.uint32)
        encode, self._file = _encoders(encoding)

        @tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
        def opened(contents: tf.Tensor) -> tf.Tensor:
            image, any_sample = decode(contents), tf.constant(0, tf.uint32)
            return image if prepare is None else prepare(any_sample, image, any_sample)

        # traced here, once, and not by several threads at a time
        traced = opened.get_concrete_function()
        self._opened = _direct(traced)
        image = tf.TensorSpec.from_tensor(traced.structured_outputs)

        @tf.function(input_signature=[image, word, word], autograph=False)
        def made(image: tf.Tensor, index: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
            return encode(augment(index, image, epoch))

        self._made = _direct(made.get_concrete_function())

    def open(self, contents: bytes, name: str) -> tf.Tensor:
        """The image, decoded, and prepared as far as its samples have that in common.

        Raises:
            ImageError: the contents can't be decoded, and which format they have, or the policy's
                `prepare` can't be done to this image. The message begins with `name`.
            RunError: so in debug mode, which looks for what is wrong with an op.
        """
        try:
            return self._opened(tf.constant(contents))
        except tf.errors.OpError as error:
            if _decodes(contents):  # so it is the policy that can't do this image
                raise _failed(name, error) from error
            kind = inspect(contents, name, sys.maxsize).format
            raise ImageError(f"{name}: {why_not(kind)}") from error

    def make(self, image: tf.Tensor, name: str, index: int, epoch: int) -> bytes:
        """The file of a sample; raises as `open` where an op fails on this image."""
        try:
            made = self._made(image, tf.constant(index, tf.uint32), tf.constant(epoch, tf.uint32))
        except tf.errors.OpError as error:
            raise _failed(name, error) from error
        return self._file(made.numpy())


def _direct(traced: Any) -> Callable[..., tf.Tensor]:
    """A traced function, given tensors as it was traced for.

    Half of the 120 microseconds that a call takes is to see that the arguments are as ever, with
    Python's lock held.
    """
    call = getattr(getattr(traced, "inference_fn", None), "call_preflattened", None)
    if call is None or traced.captured_inputs:  # TensorFlow promises no such attributes
        return lambda *tensors: traced(*tensors)
    return lambda *tensors: call(tensors)


def _failed(name: str, error: tf.errors.OpError) -> ImageError | RunError:
    fault = RunError if wanted(None) else ImageError
    return fault(f"{name}: {_said(error)}")


def _encoders(
    encoding: Encoding,
) -> tuple[Callable[[tf.Tensor], tf.Tensor], Callable[[Any], bytes]]:
    """What is done to the pixels in the graph, and to what that gives, in NumPy, for a file."""
    if encoding.level is None:
        return tf.identity, encode_png
    if encoding.kind == "png":
        return partial(tf.io.encode_png, compression=encoding.level), bytes
    return partial(tf.io.encode_jpeg, quality=encoding.level), bytes


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
