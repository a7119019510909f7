"""Keeps TensorFlow's start-up messages off the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from augreg import compilation_cache
from augreg.collector import uncollected

LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# TensorFlow writes these from C++ before its log level is read: all that is information or a
# warning, and the errors which say that there is no GPU, that a plugin registered twice, that a
# graph stays as it is, or what commands say themselves in one line: that an image is damaged, or
# that a worker can't start or is lost. And what reading the compilation cache says each time: that
# a binary entry is no text, and that LLVM's preferences are no features of the processor. 2.21
# begins a line with level and date, older ones with date and level.
_INFORMS = rb"[IW]\d{4} \d\d:\d\d:[\d.]+ |\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IW] "
_FAILS = rb"E\d{4} \d\d:\d\d:[\d.]+ |\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: E "
_HARMLESS = (
    rb"(cuInit|oneDNN|Unable to register|factory for plugin"
    rb"|meta_optimizer\.cc|(jpeg_mem|png_io|gif_io)\.cc"
    rb"|(ring_alg|base_collective_executor|coordination_service(_agent)?)\.cc"
    rb"|(add_port|grpc_server_lib|context_distributed_manager)\.cc"
    rb"|tensorflow\.XlaSerializedCacheEntry|Target machine feature \+prefer-no-)"
)
# the lines that follow, where a worker is lost
_FOLLOWS = (
    rb"Additional GRPC error information |:UNKNOWN:Error received |:\{\"created\":|/job:worker/"
    rb"|RPC: /tensorflow\.|The tasks have crashed\. |The error could be from a previous operation"
)
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|To enable the following instructions:|"
    + _FOLLOWS
    + rb"|"
    + _INFORMS
    + rb"|(?:%b).*%b" % (_FAILS, _HARMLESS)
)


@contextlib.contextmanager
def quiet_tensorflow(later: bool = False) -> Iterator[None]:
    """Runs TensorFlow as a command does: with a compilation cache, and without its chatter.

    later: it is imported by what runs, which has something to do before.

    Filters what C++ code writes to stderr; Python's own stderr goes straight to the terminal.

    Does nothing where TF_CPP_MIN_LOG_LEVEL is 0 or 1, which show all, or where stderr is not the
    process's own, as in a test or a notebook.
    """
    compilation_cache.set_default()
    level = os.environ.get(LEVEL)
    if level in ("0", "1") or not _is_own(sys.stderr):
        if not later:
            _import_tensorflow()
        yield
        return
    os.environ.setdefault(LEVEL, "2")
    terminal, (read, write) = os.dup(2), os.pipe()
    os.dup2(write, 2)
    os.close(write)
    before = sys.stderr
    sys.stderr = os.fdopen(terminal, "w", 1, errors="backslashreplace", closefd=False)
    reader = threading.Thread(target=_forward, args=(read, terminal), daemon=True)
    reader.start()
    try:
        if not later:
            _import_tensorflow()
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(terminal, 2)  # closes the pipe's last writer, so the reader ends
        reader.join(timeout=1)
        os.close(terminal)
        if level is None:
            del os.environ[LEVEL]


def _import_tensorflow() -> None:
    if "tensorflow" not in sys.modules:
        with uncollected():
            import_module("tensorflow")


def _is_own(stream: Any) -> bool:
    try:
        return bool(stream.fileno() == 2)
    except (AttributeError, OSError, io.UnsupportedOperation):
        return False


def _forward(read: int, terminal: int) -> None:
    with os.fdopen(read, "rb") as lines:
        for line in lines:
            if not _CHATTER.match(line):
                os.write(terminal, line)
